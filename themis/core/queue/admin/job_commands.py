"""Job commands: cancel a job, retry it, change its place in the order."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from themis.core.errors import JobStateError, QueueBusyError, UnknownJobError
from themis.core.files import durable
from themis.core.queue.folder import bell, journal, locks, processes
from themis.core.queue.folder.root import QueueRoot
from themis.core.queue.folder.store_registry import StoreRegistry
from themis.core.queue.model import layout, manifest_file, predecessors, states
from themis.core.queue.model.manifest_file import Manifest
from themis.core.queue.model.states import ENDED, JobState
from themis.core.queue.picking.next_job import NextJob
from themis.core.queue.transitions import dependents, moves
from themis.core.queue.transitions.claims import clear_cancel_flag
from themis.core.queue.transitions.dependents import QueuedAgain
from themis.core.queue.transitions.moves import Move
from themis.core.queue.transitions.new_job import refuse_place
from themis.core.stores.job_rows import Change, JobRow
from themis.core.stores.job_store import JobStore

Listed = Mapping[str, Sequence[str]]
"""Files found by `moves.list_files`, for a request about many jobs."""

Edit = Callable[[Manifest], Manifest]

_LOCK_WAIT_S = 2.0


def cancel(
    root: QueueRoot, registry: StoreRegistry, next_job: NextJob, prefix: str, listed: Listed | None = None
) -> JobRow:
    """Cancel a job, see `QueueAdmin.cancel`."""
    store, row = registry.find(prefix)
    lock = locks.acquire(root.locks_folder, row.key)
    if lock is None:
        _request(root, store, row.key)
        return _current(root, store, row.key)
    try:
        row = _current(root, store, row.key)
        if row.state in ENDED:
            return row
        if row.state == JobState.QUEUED:
            now_ns = time.time_ns()
            try:
                move = Move(lambda read: states.cancelled(read, now_ns))
                return _moved(root, store, row, "cancel", move, listed)
            except QueueBusyError:
                if not root.shared:
                    raise
                # Another host, which this lock does not keep out, was faster: ask it to stop like any other owner.
        _request(root, store, row.key)
    finally:
        lock.release()
    # Its lock was free, so its owner is dead or on another host: recovery finds out which, and ends a dead one's job.
    next_job.recover(processes.this_process())
    return _current(root, store, row.key)


@dataclass(frozen=True, slots=True)
class Retry:
    """Manner of queueing an ended job again.

    Attributes:
        rerun: whether a job that is done may be, too.
        edit: returns the job's new manifest from its present one; None leaves it. It must not have side effects.
    """

    rerun: bool = False
    edit: Edit | None = None


def retry(root: QueueRoot, registry: StoreRegistry, prefix: str, how: Retry, *, listed: Listed | None = None) -> JobRow:
    """Queue an ended job again, see `QueueAdmin.retry`."""
    store, row = registry.find(prefix)
    wait_s = _LOCK_WAIT_S if row.state in ENDED else 0.0
    lock = locks.acquire(root.locks_folder, row.key, wait_s=wait_s)
    try:
        row = _current(root, store, row.key)
        if row.state not in ENDED or (row.state == JobState.DONE and not how.rerun):
            detail = "only a failed or cancelled job can be retried"
            raise JobStateError(key=row.key, state=row.state, detail=detail)
        if why_not := dependents.why_not_again(store, row):
            raise JobStateError(key=row.key, state=row.state, detail=why_not)
        if lock is None:
            raise QueueBusyError(path=root.path, key=row.key)
        now_ns = time.time_ns()
        manifest = None if how.edit is None else how.edit(_manifest(store, row.key))
        text = None if manifest is None else manifest_file.encode(manifest).decode("ascii")
        again = QueuedAgain(store, lambda read: _sent_back(read, now_ns, manifest))
        again.decide(row)  # refuses what cannot be queued before its file is touched
        move = Move(again.decide, manifest=text, also=again.write_links)
        back = _moved(root, store, row, "retry", move, listed)
        clear_cancel_flag(root, row.key)
        return back
    finally:
        if lock is not None:
            lock.release()


def _manifest(store: JobStore, key: str) -> Manifest:
    """Return a job's manifest, as the store has it."""
    return manifest_file.decode((store.manifest(key) or "").encode(), key, key=key)


def _sent_back(read: JobRow, now_ns: int, manifest: Manifest | None) -> Change:
    """Queue a job again, with the limits of its new manifest if it has one."""
    change = states.sent_back(read, now_ns)
    return change if manifest is None else Change(change.row._replace(**asdict(manifest.limits)))


def reschedule(
    root: QueueRoot, registry: StoreRegistry, prefix: str, *, priority: int | None, not_before_ns: int | None
) -> JobRow:
    """Change the priority or the time of a queued job, see `QueueAdmin.reschedule`."""
    refuse_place(prefix, priority, not_before_ns)
    store, row = registry.find(prefix)
    # A process that inspects a queued job holds its lock for a moment, one that runs it for longer.
    wait_s = _LOCK_WAIT_S if row.state == JobState.QUEUED else 0.0
    lock = locks.acquire(root.locks_folder, row.key, wait_s=wait_s)
    try:
        row = _current(root, store, row.key)
        if row.state != JobState.QUEUED:
            detail = "only a queued job can be given another priority or time"
            raise JobStateError(key=row.key, state=row.state, detail=detail)
        if lock is None:
            raise QueueBusyError(path=root.path, key=row.key)
        now_ns = time.time_ns()

        def decide(read: JobRow) -> Change:
            return predecessors.rescheduled(read, now_ns, priority=priority, ready_ns=not_before_ns)

        return _moved(root, store, row, "set", Move(decide))
    finally:
        if lock is not None:
            lock.release()


def _current(root: QueueRoot, store: JobStore, key: str) -> JobRow:
    """Return the current row of a job, which may have been pruned since it was found; raises UnknownJobError then."""
    row = store.load(key)
    if row is None or row.queue_id != root.queue_id:
        raise UnknownJobError(key=key)
    return row


def _request(root: QueueRoot, store: JobStore, key: str) -> None:
    """Ask a job's owner to stop: set the request in the row first, then make the file that wakes the owner."""
    if store.request_cancel(key):
        durable.mark(f"{root.folder(layout.CANCEL)}/{key}")
        bell.ring(root.path)
        journal.note(root.folder(layout.JOURNAL), key, "cancel requested")


def _moved(
    root: QueueRoot, store: JobStore, row: JobRow, name: str, move: Move, listed: Listed | None = None
) -> JobRow:
    """Make one move of a job that is locked here, from wherever its file is; a missing one is published again first."""
    now_ns = time.time_ns()
    sources = moves.locate(root, row, listed) or [moves.publish(root, store, row, now_ns)]
    moved = moves.make(root, store, row, replace(move, sources=sources), now_ns)
    if moved is None:
        raise QueueBusyError(path=root.path, key=row.key)
    after = moved.row
    journal.note(
        root.folder(layout.JOURNAL), row.key, name, state=after.state, attempt=after.attempt, version=after.version
    )
    return after
