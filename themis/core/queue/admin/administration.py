"""Administration of a queue by people: inspect it, change, move, pause, prune and repair it."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from themis.core.errors import JobError, QueueError, QueueFileError, StoreError
from themis.core.queue.admin import details, doctor, job_commands, leftovers, pruning, rebuilding, relocation
from themis.core.queue.admin.details import JobDetails
from themis.core.queue.admin.dry_run import DryRun
from themis.core.queue.admin.findings import Finding
from themis.core.queue.admin.job_commands import Edit, Retry
from themis.core.queue.admin.pruning import Prunable
from themis.core.queue.admin.relocation import Relocated, Told
from themis.core.queue.folder import listing, pausing, processes
from themis.core.queue.folder.listing import ListedJob, Overview
from themis.core.queue.folder.pausing import Pause
from themis.core.queue.folder.store_registry import ScanProgress, rows_of
from themis.core.queue.model import manifest_file
from themis.core.queue.model.manifest_file import Manifest
from themis.core.queue.open_folder import QueueFolder
from themis.core.queue.transitions import moves
from themis.core.stores.job_rows import JobRow


@dataclass(frozen=True, slots=True)
class JobProblem:
    """Failed part of a request about many jobs.

    Attributes:
        key: the job's key, as it was given.
        error: the reason why the job could not be changed.
    """

    key: str
    error: JobError | QueueError | StoreError


class QueueAdmin:
    """Operator interface of a queue: `FileQueue.admin`."""

    def __init__(self, folder: QueueFolder) -> None:
        """Make the interface for the queue in a folder."""
        self._folder = folder

    def cancel(self, key: str) -> JobRow:
        """Cancel a job, named by its key or a prefix of it; a running job is asked to stop.

        Returns:
            The job: `cancelled`, or `running` with the request, or in another end state that it reached first.

        Raises:
            UnknownJobError, AmbiguousJobError: no job, or several jobs, match the key.
        """
        row = job_commands.cancel(*self._folder.parts(write=True), key)
        return self._with_dependents(row)

    def retry(self, key: str, *, edit: Edit | None = None) -> JobRow:
        """Queue a failed or cancelled job again; its budgets start over, its numbers continue.

        Args:
            key: the job's key, or a prefix of it.
            edit: returns its new manifest from the present one, such as with other limits; None leaves it.

        Raises:
            UnknownJobError, AmbiguousJobError: no job, or several jobs, match the key.
            JobStateError: it has not ended, or is done.
            QueueBusyError: another process is moving it.
        """
        root, registry, next_job = self._folder.parts(write=True)
        next_job.listing.wake()
        return self._with_dependents(job_commands.retry(root, registry, key, Retry(edit=edit)))

    def rerun(self, key: str) -> JobRow:
        """Queue an ended job again, also a done one; raises the same errors as `retry`."""
        root, registry, next_job = self._folder.parts(write=True)
        next_job.listing.wake()
        return self._with_dependents(job_commands.retry(root, registry, key, Retry(rerun=True)))

    def reschedule(self, key: str, *, priority: int | None = None, not_before_ns: int | None = None) -> JobRow:
        """Change the priority of a queued job, or the time before which it is not claimed; None leaves it unchanged.

        Args:
            key: the job's key, or a prefix of it.
            priority: 0 (first) to 9.
            not_before_ns: nanoseconds since 1970 UTC; a time in the past clears the current one.

        Raises:
            UnknownJobError, AmbiguousJobError: no job, or several jobs, match the key.
            JobStateError: it is running, or has ended.
            JobError: the priority or the time is out of range.
            QueueBusyError: another process is moving it.
        """
        root, registry, next_job = self._folder.parts(write=True)
        next_job.listing.wake()
        return job_commands.reschedule(root, registry, key, priority=priority, not_before_ns=not_before_ns)

    def select(self, prefix: str = "", states: Collection[str] = ()) -> list[JobRow]:
        """Return the jobs whose keys begin with `prefix` and that are in one of `states` (empty: any), sorted by key.

        Jobs of stores that cannot be opened are not included, see `unusable_stores`.
        """
        root, registry, _ = self._folder.parts()
        rows = (row for _, row in rows_of(root, registry) if row.key.startswith(prefix))
        return sorted((row for row in rows if not states or row.state in states), key=lambda row: row.key)

    def find(self, key: str) -> JobRow:
        """Find a job by its key or a prefix of it.

        Raises:
            UnknownJobError, AmbiguousJobError: no job, or several jobs, match the key.
        """
        return self._folder.parts()[1].find(key)[1]

    def manifest(self, key: str) -> Manifest | None:
        """Return the manifest in a job's file; None when it has none. Raises ManifestError for an invalid one."""
        paths = self.show(key).paths
        return manifest_file.read(str(paths[0]), key=key) if paths else None

    def manifest_of(self, job: ListedJob) -> Manifest:
        """Return the manifest in a listed job's file; raises ManifestError for an invalid one."""
        return manifest_file.read(str(job.path), key=job.key)

    def unusable_stores(self) -> list[str]:
        """Return one line for each store that cannot be opened, with the reason: `select` does not include its jobs."""
        return [str(error) for error in self._folder.parts()[1].unusable().values()]

    def cancel_each(self, keys: Iterable[str]) -> Iterator[JobRow | JobProblem]:
        """Cancel many jobs with one listing of the folders; an error for one job does not stop the others."""
        root, registry, next_job = self._folder.parts(write=True)
        listed = moves.list_files(root)

        def cancel(key: str) -> JobRow:
            return self._with_dependents(job_commands.cancel(root, registry, next_job, key, listed))

        return each_of(keys, cancel)

    def retry_each(self, keys: Iterable[str], *, edit: Edit | None = None) -> Iterator[JobRow | JobProblem]:
        """Queue many jobs again, like `cancel_each`."""
        root, registry, next_job = self._folder.parts(write=True)
        next_job.listing.wake()
        listed = moves.list_files(root)

        def retry(key: str) -> JobRow:
            row = job_commands.retry(root, registry, key, Retry(edit=edit), listed=listed)
            return self._with_dependents(row)

        return each_of(keys, retry)

    def _with_dependents(self, row: JobRow) -> JobRow:
        """Move the dependents of a job that a person has moved, which workers would do at their next look."""
        if row.awaited:
            self._folder.parts()[2].look_at_dependents()
        return row

    def pause(self, reason: str | None = None) -> Pause:
        """Stop claims until `resume`; running jobs continue."""
        root, _, _ = self._folder.parts(write=True)
        return pausing.pause(root, reason)

    def resume(self) -> bool:
        """Allow claims again; False when the queue was not paused."""
        root, _, _ = self._folder.parts(write=True)
        return pausing.resume(root)

    def overview(self, folders: Sequence[str] = listing.SHOWN_FOLDERS, limit: int | None = 100) -> Overview:
        """List the first jobs of the given folders and count all, from the names of files alone.

        Fast for any number of jobs: about a microsecond for each waiting one. Empty when there is no queue yet.
        """
        if not self._folder.exists(write=False):
            return Overview([], {})
        return listing.look_over(self._folder.parts()[0], folders, limit)

    def list_jobs(self, folders: Sequence[str] = listing.SHOWN_FOLDERS, limit: int | None = 100) -> list[ListedJob]:
        """List the first jobs of the given folders, from the names of their files alone; see `overview`."""
        return self.overview(folders, limit).jobs

    def counts(self) -> dict[str, int]:
        """Count the files in each folder of jobs, and in `rejected`; empty when there is no queue yet."""
        return self.overview((), 0).counts

    def show(self, key: str) -> JobDetails:
        """Return all details of a job, named by its key or a prefix of it.

        For a job whose store cannot be opened, these are the facts in its file.

        Raises:
            UnknownJobError, AmbiguousJobError: no job, or several jobs, match the key.
        """
        return details.of_job(*self._folder.parts()[:2], key, processes.this_process())

    def jobs_before(self, job: JobDetails) -> int:
        """Count the jobs that will be claimed before this one, from the names of their files."""
        root, _, _ = self._folder.parts()
        return listing.count_before(root, job.paths)

    def prunable(
        self, states: Collection[str], before_ns: int, *, progress: ScanProgress | None = None
    ) -> Iterator[Prunable]:
        """Find what `prune` may remove: jobs that ended in one of `states` before a time; with `rejected` bad files.

        They are found lazily, in order of their keys; `progress` is updated meanwhile.
        """
        root, registry, _ = self._folder.parts()
        return pruning.prunable(root, registry, states, before_ns, progress)

    def prune(self, items: Iterable[Prunable]) -> list[Prunable]:
        """Remove the files of ended jobs and rejected files that `prunable` found; return those that were removed.

        The rows stay in the store, in no queue, with each job's end and numbers; so do all results.

        Raises:
            QueueBusyError: another process keeps the lock on rejected files.
        """
        return list(self.prune_each(items))

    def prune_each(self, items: Iterable[Prunable]) -> Iterator[Prunable]:
        """Remove the same as `prune`, lazily and a few at a time, so that few are in memory."""
        return pruning.prune(self._folder.parts(write=True)[0], items)

    def sweep(self, *, progress: ScanProgress | None = None) -> int:
        """Remove files that killed processes left, and lock files of removed jobs; return the number of files."""
        root, registry, _ = self._folder.parts(write=True)
        return leftovers.sweep(root, registry, progress)

    def doctor(self, *, fix: bool = True) -> list[Finding]:
        """Compare files and rows and report what is out of place; `fix` repairs all that no living worker has."""
        return list(self.doctor_each(fix=fix))

    def doctor_each(self, *, fix: bool = True, progress: ScanProgress | None = None) -> Iterator[Finding]:
        """Yield the findings of `doctor` lazily, repaired with `fix`; `progress` is updated."""
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
        """Update the paths of a queue that was moved or copied, as `told` says; None when it was neither.

        Raises:
            QueueRootError: there is no queue, or `told` is evidently wrong.
        """
        return relocation.relocate(self._folder.path, self._folder.open_store, told)


def each_of(keys: Iterable[str], ask: Callable[[str], JobRow]) -> Iterator[JobRow | JobProblem]:
    """Do what `ask` does to each of many jobs; an error for one job does not stop the others."""
    for key in keys:
        try:
            yield ask(key)
        except (JobError, QueueError, StoreError) as error:
            yield JobProblem(key, error)
