"""Administration of a queue of rows by people: `RowQueue.admin`."""

import getpass
import os
import socket
from collections.abc import Collection, Iterable, Iterator, Sequence

from themis.core.errors import ManifestError
from themis.core.queue.admin.administration import JobProblem, each_of
from themis.core.queue.admin.details import JobDetails
from themis.core.queue.admin.findings import Finding, of_dependents
from themis.core.queue.admin.job_commands import Edit
from themis.core.queue.admin.pruning import Prunable
from themis.core.queue.folder import listing
from themis.core.queue.folder.listing import ListedJob
from themis.core.queue.folder.pausing import REASON_CHARACTERS, Pause
from themis.core.queue.folder.processes import this_process
from themis.core.queue.folder.store_registry import ScanProgress
from themis.core.queue.model import layout
from themis.core.queue.model.manifest_file import Manifest
from themis.core.queue.rows import details, job_commands, pruning
from themis.core.queue.rows.dependents import DependentRows
from themis.core.queue.rows.picking import NextRow
from themis.core.queue.rows.queue_store import QueueStore
from themis.core.stores.job_rows import JobRow

_STATE_OF = {folder: state for state, folder in layout.SHOWN_STATES.items()}


class RowAdmin:
    """Operator interface of a queue of rows; its methods mean what those of `QueueAdmin` do."""

    def __init__(self, there: QueueStore, next_row: NextRow) -> None:
        """Make the interface of a queue."""
        self._there = there
        self._next = next_row

    def cancel(self, key: str) -> JobRow:
        """Cancel a job; a running one is asked to stop."""
        return self._with_dependents(job_commands.cancel(self._there, self._next, key))

    def retry(self, key: str, *, edit: Edit | None = None) -> JobRow:
        """Queue a failed or cancelled job again; its budgets start over, its numbers continue."""
        self._next.wake()
        return self._with_dependents(job_commands.retry(self._there, key, edit=edit))

    def rerun(self, key: str) -> JobRow:
        """Queue an ended job again, also a done one."""
        self._next.wake()
        return self._with_dependents(job_commands.retry(self._there, key, rerun=True))

    def reschedule(self, key: str, *, priority: int | None = None, not_before_ns: int | None = None) -> JobRow:
        """Change the priority of a queued job, or the time before which it is not claimed."""
        return job_commands.reschedule(self._there, key, priority=priority, not_before_ns=not_before_ns)

    def select(self, prefix: str = "", states: Collection[str] = ()) -> list[JobRow]:
        """Return the jobs whose keys begin with `prefix` and that are in one of `states` (empty: any), by key."""
        rows = (row for row in pruning.each_row(self._there) if row.key.startswith(prefix))
        return [row for row in rows if not states or row.state in states]

    def find(self, key: str) -> JobRow:
        """Find a job by its key or a prefix of it."""
        return job_commands.find(self._there, key)

    def manifest(self, key: str) -> Manifest | None:
        """Return the manifest of a job; raises ManifestError for one that cannot be read."""
        return job_commands.manifest_of(self._there, self.find(key).key)

    def manifest_of(self, job: ListedJob) -> Manifest:
        """Return the manifest of a listed job; raises ManifestError for one that cannot be read."""
        return job_commands.manifest_of(self._there, job.key)

    def unusable_stores(self) -> list[str]:
        """Return nothing: the queue is in its only store, without which nothing here works."""
        return []

    def cancel_each(self, keys: Iterable[str]) -> Iterator[JobRow | JobProblem]:
        """Cancel many jobs; an error for one job does not stop the others."""
        return each_of(keys, self.cancel)

    def retry_each(self, keys: Iterable[str], *, edit: Edit | None = None) -> Iterator[JobRow | JobProblem]:
        """Queue many jobs again, like `cancel_each`."""
        return each_of(keys, lambda key: self.retry(key, edit=edit))

    def _with_dependents(self, row: JobRow) -> JobRow:
        """Move the dependents of a job that a person has moved, which workers would do at their next look."""
        if row.awaited:
            DependentRows(self._there).look()
        return row

    def pause(self, reason: str | None = None) -> Pause:
        """Stop claims until `resume`; running jobs continue."""
        asked = self._there.as_made()._replace(
            paused_by=f"{_user()}@{socket.gethostname()}", pause_reason=reason[:REASON_CHARACTERS] if reason else None
        )
        made = self._there.rows.pause(asked)
        self._there.forget_queue()
        return Pause(made.paused_by, made.paused_ns or 0, made.pause_reason)

    def resume(self) -> bool:
        """Allow claims again; False when the queue was not paused."""
        self._there.forget_queue()
        return self._there.rows.resume(self._there.queue_id)

    def list_jobs(self, folders: Sequence[str] = listing.SHOWN_FOLDERS, limit: int | None = 100) -> list[ListedJob]:
        """List the first jobs of states, by the names of the folders that show them; their paths say nothing."""
        found: list[ListedJob] = []
        for folder in filter(folders.__contains__, listing.SHOWN_FOLDERS):
            left = None if limit is None else limit - len(found)
            rows = self._there.rows.first(self._there.queue_id, _STATE_OF[folder], left)
            found += [details.listed(row, folder) for row in rows]
        return found

    def counts(self) -> dict[str, int]:
        """Count the jobs in each state, by the names of folders; empty when nothing was ever submitted."""
        if self._there.queue() is None:
            return {}
        found = self._there.rows.counts(self._there.queue_id)
        return {folder: found.get(state, 0) for state, folder in layout.SHOWN_STATES.items()} | {layout.REJECTED: 0}

    def show(self, key: str) -> JobDetails:
        """Return all details of a job, named by its key or a prefix of it."""
        return details.of_job(self._there, self.find(key))

    def jobs_before(self, job: JobDetails) -> int:
        """Count the jobs that will be claimed before this one."""
        return self._there.rows.count_before(job.row) if job.row.state == "queued" else 0

    def prunable(
        self, states: Collection[str], before_ns: int, *, progress: ScanProgress | None = None
    ) -> Iterator[Prunable]:
        """Find what `prune` may remove: jobs that ended in one of `states` before a time."""
        return pruning.prunable(self._there, states, before_ns, progress)

    def prune(self, items: Iterable[Prunable]) -> list[Prunable]:
        """Remove ended jobs that `prunable` found from the queue; return those that were removed."""
        return list(self.prune_each(items))

    def prune_each(self, items: Iterable[Prunable]) -> Iterator[Prunable]:
        """Remove the same as `prune`, lazily."""
        return pruning.prune(self._there, items)

    def sweep(self, *, progress: ScanProgress | None = None) -> int:
        """Remove what dead processes have left on this host; return the number of files and folders."""
        del progress
        return pruning.sweep(self._there)

    def doctor(self, *, fix: bool = True) -> list[Finding]:
        """Report what is out of place; `fix` repairs all that no living worker has."""
        return list(self.doctor_each(fix=fix))

    def doctor_each(self, *, fix: bool = True, progress: ScanProgress | None = None) -> Iterator[Finding]:
        """Yield jobs of dead workers, which `fix` recovers, jobs that no worker can read, and what the server may lose.

        There is no folder that could disagree with the rows.
        """
        if (why := self._there.rows.what_may_be_lost()) is not None:
            advice = "a failover or a crash may undo what was acknowledged: ask the server's administrator to change it"
            yield Finding(str(self._there.place), why, advice=advice)
        for row in self._next.lost(this_process()):
            after = self._next.recover_row(row, this_process()) if fix else None
            state = "" if after is None else f": {after.state}"
            yield Finding(row.key, "is run by a worker that is dead", f"given back{state}", fixed=after is not None)
        there = self._there
        yield from of_dependents(there.jobs, there.queue_id, DependentRows(there).look, fix=fix)
        for row in pruning.each_row(self._there, progress):
            if row.state not in {"queued", "running"}:
                continue
            try:
                job_commands.manifest_of(self._there, row.key)
            except ManifestError as error:
                advice = f"submit its experiment again, or cancel it: themis queue cancel {row.key}"
                yield Finding(row.key, f"its manifest cannot be read: {error}", advice=advice)


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a user id without a name
        return str(os.getuid())
