"""Job commands on a queue of rows: find a job, cancel it, retry it, change its place in the order."""

from dataclasses import asdict

from themis.core.errors import AmbiguousJobError, JobStateError, QueueBusyError, UnknownJobError
from themis.core.queue.admin.job_commands import Edit
from themis.core.queue.folder import processes
from themis.core.queue.model import manifest_file, predecessors, states
from themis.core.queue.model.manifest_file import Manifest
from themis.core.queue.model.states import ENDED, JobState
from themis.core.queue.rows import moves
from themis.core.queue.rows.moves import Move
from themis.core.queue.rows.picking import NextRow
from themis.core.queue.rows.queue_store import QueueStore, event
from themis.core.queue.transitions import dependents
from themis.core.queue.transitions.dependents import QueuedAgain
from themis.core.queue.transitions.new_job import refuse_place
from themis.core.stores.job_rows import Change, JobRow

_TRIES = 20
_FIRST = 50  # of those some may be of other queues in the same store


def find(there: QueueStore, prefix: str) -> JobRow:
    """Find the one job of the queue whose key begins with `prefix`.

    Raises:
        UnknownJobError, AmbiguousJobError: there is none, or there are several.
    """
    exact = there.jobs.load(prefix)
    if exact is not None and exact.queue_id == there.queue_id:
        return exact
    found = [row for row in there.jobs.find(prefix, _FIRST) if row.queue_id == there.queue_id]
    if len(found) > 1:
        raise AmbiguousJobError(key=prefix, matches=", ".join(row.key for row in found))
    if not found:
        raise UnknownJobError(key=prefix)
    return found[0]


def cancel(there: QueueStore, next_row: NextRow, prefix: str) -> JobRow:
    """Cancel a job, see `QueueAdmin.cancel`."""
    key = find(there, prefix).key
    for _ in range(_TRIES):
        row = find(there, key)
        if row.state in ENDED:
            return row
        if row.state == JobState.QUEUED:
            now_ns = there.now_ns()
            move = Move(lambda read: states.cancelled(read, now_ns), lambda after: event("cancel", after))  # noqa: B023
            after = moves.make(there, row.fence, move)
            if after is not None:
                return after
        else:
            _request(there, key)
            next_row.recover(processes.this_process())  # its worker may be dead: then nobody else would end it
            return find(there, key)
    raise QueueBusyError(path=str(there.place), key=key)


def _request(there: QueueStore, key: str) -> None:
    with there.jobs.transaction():
        if there.jobs.request_cancel(key):
            there.rows.note(key, event("cancel requested"))
            there.rows.notify(there.queue_id)


def retry(there: QueueStore, prefix: str, *, rerun: bool = False, edit: Edit | None = None) -> JobRow:
    """Queue an ended job again, see `QueueAdmin.retry`; with `rerun` also one that is done."""
    key = find(there, prefix).key
    for _ in range(_TRIES):
        row = find(there, key)
        if row.state not in ENDED or (row.state == JobState.DONE and not rerun):
            detail = "only a failed or cancelled job can be retried"
            raise JobStateError(key=row.key, state=row.state, detail=detail)
        if why_not := dependents.why_not_again(there.jobs, row):
            raise JobStateError(key=row.key, state=row.state, detail=why_not)
        now_ns = there.now_ns()
        manifest = None if edit is None else edit(manifest_of(there, key))
        text = None if manifest is None else manifest_file.encode(manifest).decode("ascii")

        def decide(read: JobRow, now_ns: int = now_ns, manifest: Manifest | None = manifest) -> Change:
            change = states.sent_back(read, now_ns)
            return change if manifest is None else Change(change.row._replace(**asdict(manifest.limits)))

        again = QueuedAgain(there.jobs, decide)
        move = Move(again.decide, lambda after: event("retry", after), manifest=text, also=again.write_links)
        after = moves.make(there, row.fence, move)
        if after is not None:
            return after
    raise QueueBusyError(path=str(there.place), key=key)


def reschedule(there: QueueStore, prefix: str, *, priority: int | None, not_before_ns: int | None) -> JobRow:
    """Change the priority or the time of a queued job, see `QueueAdmin.reschedule`."""
    refuse_place(prefix, priority, not_before_ns)
    key = find(there, prefix).key
    for _ in range(_TRIES):
        row = find(there, key)
        if row.state != JobState.QUEUED:
            detail = "only a queued job can be given another priority or time"
            raise JobStateError(key=row.key, state=row.state, detail=detail)
        now_ns = there.now_ns()

        def decide(read: JobRow, now_ns: int = now_ns) -> Change:
            return predecessors.rescheduled(read, now_ns, priority=priority, ready_ns=not_before_ns)

        after = moves.make(there, row.fence, Move(decide, lambda after: event("set", after)))
        if after is not None:
            return after
    raise QueueBusyError(path=str(there.place), key=key)


def manifest_of(there: QueueStore, key: str) -> Manifest:
    """Return a job's manifest.

    Raises:
        ManifestError: it cannot be read by this version, or at all.
    """
    return manifest_file.decode((there.jobs.manifest(key) or "").encode(), key, key=key)
