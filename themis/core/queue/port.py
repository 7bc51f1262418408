"""Port of a queue: what workers, jobs and submissions ask of it, whether it is a folder or rows in a store.

`FileQueue` and `RowQueue` have these methods. What a job may become, which is next and when it is tried again is in
`model`, for both.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from themis.core.queue.admin.administration import JobProblem
from themis.core.queue.admin.details import JobDetails
from themis.core.queue.admin.findings import Finding
from themis.core.queue.admin.job_commands import Edit
from themis.core.queue.admin.pruning import Prunable
from themis.core.queue.folder.lease import Lease
from themis.core.queue.folder.listing import ListedJob
from themis.core.queue.folder.pausing import Pause
from themis.core.queue.folder.store_registry import ScanProgress
from themis.core.queue.folder.worker_registry import SeenWorker
from themis.core.queue.model.manifest_file import Manifest
from themis.core.queue.model.queue_place import Place
from themis.core.queue.model.states import AttemptOutcome
from themis.core.queue.picking.skipped_jobs import Allow
from themis.core.queue.transitions.bulk_submitting import BulkJob
from themis.core.queue.transitions.claims import ClaimResult
from themis.core.queue.transitions.dependents import HeldJobs
from themis.core.queue.transitions.new_job import NewJob, Prepare, Submission
from themis.core.stores.job_rows import Fence, JobRow, Owner
from themis.core.stores.job_store import JobStore
from themis.core.stores.queues.port import Listener

if TYPE_CHECKING:
    from themis.core.queue.folder.worker_report import WorkerReport


class JobClaim(Protocol):
    """Job that this process runs now, until it is settled, given back or lost, or the process dies."""

    @property
    def key(self) -> str:
        """Name of the job in the queue."""

    @property
    def attempt(self) -> int:
        """Number of this attempt, from 1."""

    @property
    def version(self) -> int:
        """Version that the row has while the claim is valid."""

    @property
    def fence(self) -> Fence:
        """Version and token that every write of this attempt demands."""

    @property
    def manifest(self) -> Manifest:
        """Manifest of the job."""

    @property
    def row(self) -> JobRow:
        """Row of the job after the claim."""

    @property
    def store(self) -> JobStore:
        """Store of the row."""

    @property
    def lease(self) -> Lease | None:
        """Lease of the claim; None where locks reach all workers."""

    @property
    def notes_path(self) -> Path | None:
        """Path of the notes of the job's cases in flight; None when its folder cannot be made."""

    @property
    def is_held(self) -> bool:
        """Whether this process has not settled, abandoned or lost it."""

    def renew(self) -> None:
        """Renew the lease, if there is one.

        Raises:
            ClaimLostError: the job is no longer this worker's.
            StoreError: the store cannot be written.
        """

    def is_cancel_requested(self) -> bool:
        """Whether the job's cancellation was requested; cheap, called often."""

    def note_process(self, pid: int) -> None:
        """Record the process group that runs the job; raises ClaimLostError when the claim is lost."""

    def note_versions(self) -> str | None:
        """Note that other versions submitted the job; return the text, None if they did not."""

    def settle(self, outcome: AttemptOutcome, *, also: Callable[[], object] | None = None) -> JobRow:
        """End the attempt; `also` writes the last results, in the same transaction.

        Raises:
            ClaimLostError: the job is no longer this worker's; nothing was written, and the claim is over.
            StoreError: the store cannot be written; the claim is still valid, and can be settled again.
        """

    def give_back(self, why: str = "given back") -> JobRow:
        """Queue the job again, at once and charged to nobody; raises the same errors as `settle`."""

    def excuse(self) -> None:
        """Mark that the attempt has ended and cannot be settled: its recovery by this host charges nobody for it."""

    def abandon(self) -> None:
        """Release the claim without a record, as if this process had died."""

    def lose(self) -> None:
        """Release a claim that is no longer this worker's, once, and note it."""


class Registered(Protocol):
    """Registration of a worker in a queue."""

    @property
    def stop_requested(self) -> bool:
        """Whether the worker was asked to stop."""

    def write(self, report: "WorkerReport") -> None:
        """Publish the worker's report; best effort."""

    def close(self) -> None:
        """Unregister."""


class Workers(Protocol):
    """Workers of a queue."""

    def seen(self) -> list[SeenWorker]:
        """Return every registered worker, by name, also dead ones."""

    def request_stop(self, names: Sequence[str]) -> None:
        """Ask workers to take no more jobs and to end after the jobs that they run."""

    def forget_dead(self) -> None:
        """Remove dead workers: of this host at once, of other hosts after a long silence."""


class Admin(Protocol):
    """Operator interface of a queue; see `themis.core.queue.admin.administration.QueueAdmin`."""

    def cancel(self, key: str) -> JobRow:
        """Cancel a job; a running one is asked to stop."""

    def retry(self, key: str, *, edit: Edit | None = None) -> JobRow:
        """Queue a failed or cancelled job again."""

    def rerun(self, key: str, *, edit: Edit | None = None) -> JobRow:
        """Queue an ended job again, also a done one."""

    def reschedule(self, key: str, *, priority: int | None = None, not_before_ns: int | None = None) -> JobRow:
        """Change the priority of a queued job, or the time before which it is not claimed."""

    def select(self, prefix: str = "", states: Collection[str] = ()) -> list[JobRow]:
        """Return the jobs whose keys begin with `prefix` and that are in one of `states` (empty: any)."""

    def find(self, key: str) -> JobRow:
        """Find a job by its key or a prefix of it."""

    def manifest(self, key: str) -> Manifest | None:
        """Return the manifest of a job; None where it cannot be found; raises ManifestError."""

    def manifest_of(self, job: ListedJob) -> Manifest | None:
        """Return the manifest of a listed job; as `manifest`."""

    def unusable_stores(self) -> list[str]:
        """Return one line for each store that cannot be opened, with the reason."""

    def cancel_each(self, keys: Iterable[str]) -> Iterator[JobRow | JobProblem]:
        """Cancel many jobs; an error for one job does not stop the others."""

    def retry_each(self, keys: Iterable[str], *, edit: Edit | None = None) -> Iterator[JobRow | JobProblem]:
        """Queue many jobs again, like `cancel_each`."""

    def pause(self, reason: str | None = None) -> Pause:
        """Stop claims until `resume`; running jobs continue."""

    def resume(self) -> bool:
        """Allow claims again; False when the queue was not paused."""

    def list_jobs(self, folders: Sequence[str] = ..., limit: int | None = 100) -> list[ListedJob]:
        """List the first jobs of states, by the names of the folders that show them."""

    def counts(self) -> dict[str, int]:
        """Count the jobs in each state, by the names of folders; empty when there is no queue yet."""

    def show(self, key: str) -> JobDetails:
        """Return all details of a job."""

    def jobs_before(self, job: JobDetails) -> int:
        """Count the jobs that will be claimed before this one."""

    def prunable(
        self, states: Collection[str], before_ns: int, *, progress: ScanProgress | None = None
    ) -> Iterator[Prunable]:
        """Find what `prune` may remove."""

    def prune(self, items: Iterable[Prunable]) -> list[Prunable]:
        """Remove ended jobs that `prunable` found from the queue; return those that were removed."""

    def prune_each(self, items: Iterable[Prunable]) -> Iterator[Prunable]:
        """Remove the same as `prune`, lazily and a few at a time."""

    def sweep(self, *, progress: ScanProgress | None = None) -> int:
        """Remove what killed processes left; return the number of files."""

    def doctor_each(self, *, fix: bool = True, progress: ScanProgress | None = None) -> Iterator[Finding]:
        """Report what is out of place; `fix` repairs all that no living worker has."""


class Queue(Protocol):
    """Queue of jobs."""

    @property
    def place(self) -> Place:
        """Place of the queue: a folder, or the store that has its rows."""

    @property
    def admin(self) -> Admin:
        """Operator interface."""

    @property
    def workers(self) -> Workers:
        """Workers of the queue."""

    @property
    def rescan_s(self) -> float:
        """Seconds between two looks for jobs, when nothing else tells of them."""

    @property
    def local_folder(self) -> Path:
        """Folder on this machine in which its jobs' output is written."""

    @property
    def paused(self) -> Pause | None:
        """Pause of the queue; None while it is not paused."""

    @property
    def is_paused(self) -> bool:
        """Whether the queue is paused."""

    def submit(self, job: NewJob, *, prepare: Prepare | None = None, rerun: bool = False) -> Submission:
        """Queue a job durably; an existing one is returned unchanged."""

    def submit_all(self, jobs: Sequence[BulkJob]) -> Iterator[list[Submission]]:
        """Queue many jobs durably, a batch at a time; yield each batch when all of it is durable."""

    def claim(
        self,
        worker: Owner,
        *,
        allow: Allow | None = None,
        full_providers: AbstractSet[str] = frozenset(),
        patient: bool = True,
    ) -> ClaimResult[JobClaim]:
        """Claim the next job for this worker; return it with what was skipped, left and recovered on the way.

        A job that asks one of the `full_providers`, by public name, is claimed after the others of its priority.
        """

    def recover(self, worker: Owner) -> list[JobRow]:
        """Recover the jobs of dead workers; return them in their new state."""

    def wake(self) -> None:
        """Look again at the next claim, as something may have changed."""

    def refuse_hostname_clash(self, worker: Owner) -> None:
        """Check, before this worker starts, that its jobs can be told from those of others."""

    def probe(self) -> None:
        """Check that the queue can be written."""

    def log_path(self, key: str, attempt: int) -> Path:
        """Return the path of an attempt's log on this machine."""

    def becomes_ready(self, before_ns: int, allow: Allow | None = None) -> bool:
        """Whether a job that waits for a time may be claimed before `before_ns`, in nanoseconds since 1970 UTC.

        Also whether one that waits for others, and that `allow` allows, waits for a job that is running.
        """

    def held(self, limit: int = 0) -> HeldJobs:
        """Return how many jobs wait for others, and the first of them."""

    def register(self, worker: Owner) -> Registered:
        """Register a worker; raises WorkerNameError when its name is invalid or in use."""

    def listen(self) -> Listener | None:
        """Open a connection that hears of news; None where a folder's bell is watched instead."""
