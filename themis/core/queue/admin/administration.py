"""Administration of a queue: inspect it, cancel, retry and reorder jobs, pause, prune and repair."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from themis.core.errors import JobError, QueueError, QueueFileError, StoreError
from themis.core.queue.admin import details, doctor, job_commands, leftovers, pruning, rebuilding, relocation
from themis.core.queue.admin.details import JobDetails
from themis.core.queue.admin.doctor import Finding
from themis.core.queue.admin.dry_run import DryRun
from themis.core.queue.admin.pruning import Prunable
from themis.core.queue.admin.relocation import Relocated, Told
from themis.core.queue.folder import listing, pausing, processes
from themis.core.queue.folder.listing import ListedJob, Overview
from themis.core.queue.folder.pausing import Pause
from themis.core.queue.folder.store_registry import ScanProgress, rows_of
from themis.core.queue.open_folder import QueueFolder
from themis.core.queue.transitions import moves
from themis.core.stores.job_rows import JobRow


@dataclass(frozen=True, slots=True)
class JobProblem:
    """One of many jobs of which something was asked that could not be done.

    Attributes:
        key: as it was given.
        error: why not.
    """

    key: str
    error: JobError | QueueError | StoreError


class QueueAdmin:
    """The part of a queue that is for people: `FileQueue.admin`."""

    def __init__(self, folder: QueueFolder) -> None:
        """For the queue in a folder."""
        self._folder = folder

    def cancel(self, key: str) -> JobRow:
        """Cancel a job, named by its key or the beginning of it; one that runs is asked to stop.

        Returns:
            The job: `cancelled`, or `running` with its request, or ended otherwise because that came first.

        Raises:
            UnknownJobError, AmbiguousJobError: no job, or several, are called so.
        """
        return job_commands.cancel(*self._folder.parts(write=True), key)

    def retry(self, key: str) -> JobRow:
        """Queue a failed or cancelled job again; its budgets begin again, its numbers continue.

        Raises:
            UnknownJobError, AmbiguousJobError: no job, or several, are called so.
            JobStateError: it has not ended, or is done.
            QueueBusyError: somebody else is moving it.
        """
        root, registry, next_job = self._folder.parts(write=True)
        next_job.listing.wake()
        return job_commands.retry(root, registry, key, rerun=False)

    def rerun(self, key: str) -> JobRow:
        """Queue an ended job again, a done one too; raises what `retry` does."""
        root, registry, next_job = self._folder.parts(write=True)
        next_job.listing.wake()
        return job_commands.retry(root, registry, key, rerun=True)

    def reschedule(self, key: str, *, priority: int | None = None, not_before_ns: int | None = None) -> JobRow:
        """Give a queued job another priority, or another time before which it is not taken; what is None stays.

        Args:
            key: the job's, or the beginning of it.
            priority: 0 (first) to 9.
            not_before_ns: nanoseconds since 1970 UTC; one that has passed clears what was said before.

        Raises:
            UnknownJobError, AmbiguousJobError: no job, or several, are called so.
            JobStateError: it runs, or has ended.
            JobError: the priority or the time is out of range.
            QueueBusyError: somebody else is moving it.
        """
        root, registry, next_job = self._folder.parts(write=True)
        next_job.listing.wake()
        return job_commands.reschedule(root, registry, key, priority=priority, not_before_ns=not_before_ns)

    def select(self, prefix: str = "", states: Collection[str] = ()) -> list[JobRow]:
        """The jobs whose keys begin with `prefix` and that are in one of `states` (none: in any), by key.

        Those of stores that cannot be opened are not among them, see `unusable_stores`.
        """
        root, registry, _ = self._folder.parts()
        rows = (row for _, row in rows_of(root, registry) if row.key.startswith(prefix))
        return sorted((row for row in rows if not states or row.state in states), key=lambda row: row.key)

    def find(self, key: str) -> JobRow:
        """A job, named by its key or the beginning of it.

        Raises:
            UnknownJobError, AmbiguousJobError: no job, or several, are called so.
        """
        return self._folder.parts()[1].find(key)[1]

    def unusable_stores(self) -> list[str]:
        """Reasons why stores cannot be opened now, one line per store: their jobs are in no selection."""
        return [str(error) for error in self._folder.parts()[1].unusable().values()]

    def cancel_each(self, keys: Iterable[str]) -> Iterator[JobRow | JobProblem]:
        """Cancel many jobs by one listing of the folders; what keeps one from it does not keep the others."""
        root, registry, next_job = self._folder.parts(write=True)
        listed = moves.list_files(root)
        return _each(keys, lambda key: job_commands.cancel(root, registry, next_job, key, listed))

    def retry_each(self, keys: Iterable[str]) -> Iterator[JobRow | JobProblem]:
        """Queue many jobs again, as `cancel_each` cancels them."""
        root, registry, next_job = self._folder.parts(write=True)
        next_job.listing.wake()
        listed = moves.list_files(root)
        return _each(keys, lambda key: job_commands.retry(root, registry, key, rerun=False, listed=listed))

    def pause(self, reason: str | None = None) -> Pause:
        """Have nobody claim until `resume`; what runs continues."""
        root, _, _ = self._folder.parts(write=True)
        return pausing.pause(root, reason)

    def resume(self) -> bool:
        """Have workers claim again; False when the queue was not paused."""
        root, _, _ = self._folder.parts(write=True)
        return pausing.resume(root)

    def overview(self, folders: Sequence[str] = listing.SHOWN_FOLDERS, limit: int | None = 100) -> Overview:
        """The first jobs of the given folders and the counts of all, by the names of files alone.

        Quick however many there are: about a microsecond a waiting job. Empty when there is no queue yet.
        """
        if not self._folder.exists(write=False):
            return Overview([], {})
        return listing.look_over(self._folder.parts()[0], folders, limit)

    def list_jobs(self, folders: Sequence[str] = listing.SHOWN_FOLDERS, limit: int | None = 100) -> list[ListedJob]:
        """The first jobs of the given folders, by the names of their files alone; see `overview`."""
        return self.overview(folders, limit).jobs

    def counts(self) -> dict[str, int]:
        """Number of files in each folder of jobs, and in `rejected`; empty when there is no queue yet."""
        return self.overview((), 0).counts

    def show(self, key: str) -> JobDetails:
        """All that is known of a job, named by its key or the beginning of it.

        Of one whose store cannot be opened, that is what its file tells.

        Raises:
            UnknownJobError, AmbiguousJobError: no job, or several, are called so.
        """
        return details.of_job(*self._folder.parts()[:2], key, processes.this_process())

    def jobs_before(self, job: JobDetails) -> int:
        """Number of jobs that are due before this one, by the names of their files."""
        root, _, _ = self._folder.parts()
        return listing.count_before(root, job.paths)

    def prunable(
        self, states: Collection[str], before_ns: int, *, progress: ScanProgress | None = None
    ) -> Iterator[Prunable]:
        """Candidates for `prune`: jobs that ended in one of `states` before a time, and with `rejected` bad files.

        They are found while they are asked for, in order of their keys; `progress` is kept up to date meanwhile.
        """
        root, registry, _ = self._folder.parts()
        return pruning.prunable(root, registry, states, before_ns, progress)

    def prune(self, items: Iterable[Prunable]) -> list[Prunable]:
        """Remove the files of ended jobs, and rejected ones, that `prunable` finds; returns those that are gone.

        The rows stay in the store, in no queue, with each job's end and numbers; so do all results.

        Raises:
            QueueBusyError: somebody is rejecting files, and does not end.
        """
        return list(self.prune_each(items))

    def prune_each(self, items: Iterable[Prunable]) -> Iterator[Prunable]:
        """Remove what `prune` removes, a few at a time while they are asked for: of very many, few are in memory."""
        return pruning.prune(self._folder.parts(write=True)[0], items)

    def sweep(self, *, progress: ScanProgress | None = None) -> int:
        """Remove what killed processes left, and lock files of jobs that are gone; returns how many files."""
        root, registry, _ = self._folder.parts(write=True)
        return leftovers.sweep(root, registry, progress)

    def doctor(self, *, fix: bool = True) -> list[Finding]:
        """Compare files and rows, and say what is out of place; with `fix` recover what no living worker has."""
        return list(self.doctor_each(fix=fix))

    def doctor_each(self, *, fix: bool = True, progress: ScanProgress | None = None) -> Iterator[Finding]:
        """Findings of `doctor`, one at a time; with `fix` each is repaired first. `progress` is kept up to date."""
        try:
            root, registry, next_job = self._folder.parts(write=True)
        except QueueFileError as error:
            finding = rebuilding.write_again(self._folder.path, self._folder.open_store, error, fix=fix)
            yield finding
            if not finding.fixed:
                return
            root, registry, next_job = self._folder.parts(write=True)
        by = next_job if fix else DryRun(root, registry)
        yield from doctor.examine(root, registry, by, processes.this_process(), fix=fix, progress=progress)

    def relocate(self, told: Told) -> Relocated | None:
        """Bring the paths of a queue up to date that was moved or copied, as is `told`; None when it was neither.

        Raises:
            QueueRootError: there is no queue, or it is seen that it was not.
        """
        return relocation.relocate(self._folder.path, self._folder.open_store, told)


def _each(keys: Iterable[str], ask: Callable[[str], JobRow]) -> Iterator[JobRow | JobProblem]:
    for key in keys:
        try:
            yield ask(key)
        except (JobError, QueueError, StoreError) as error:
            yield JobProblem(key, error)
