"""Queue of rows in a results store: submit, claim, settle, recover; operator functions are in `RowQueue.admin`.

What `FileQueue` keeps in a folder is in rows here, so that workers of many hosts share nothing but the store's server.
A claim is one statement, which takes the next job that nobody else is taking, with its lease and its token. A job
belongs to its worker until its lease is over by the store's clock; workers of the same host notice each other's death
at once. The guarantees are those of `FileQueue`.
"""

import contextlib
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path

from themis.core.errors import ManifestError, StoreMissingError
from themis.core.files import durable
from themis.core.queue.folder.pausing import Pause
from themis.core.queue.model.queue_place import RowsPlace
from themis.core.queue.picking.skipped_jobs import Allow
from themis.core.queue.rows.admin import RowAdmin
from themis.core.queue.rows.claims import RowClaim
from themis.core.queue.rows.job_commands import manifest_of
from themis.core.queue.rows.picking import NextRow
from themis.core.queue.rows.queue_store import OpenJobs, QueueStore
from themis.core.queue.rows.submitting import RowSubmitter
from themis.core.queue.rows.workers import RowRegistration, RowWorkers
from themis.core.queue.transitions import dependents
from themis.core.queue.transitions.bulk_submitting import BulkJob
from themis.core.queue.transitions.claims import ClaimResult
from themis.core.queue.transitions.dependents import HeldJobs
from themis.core.queue.transitions.new_job import NewJob, Prepare, Submission
from themis.core.stores.job_rows import JobRow, Owner
from themis.core.stores.queues.port import Listener

RESCAN_S = 3.0
"""Seconds between two looks for new jobs, when no news of them arrive, and for dead workers."""


class RowQueue:
    """Queue of rows.

    Attributes:
        place: place of the queue.
        admin: operator interface, to inspect and change the queue.
        workers: its workers.
        rescan_s: seconds between two looks for jobs, when nothing else tells of them.

    Args:
        place: place of the queue.
        open_jobs: opens the jobs of the store at that place; must not make one.
        rescan_s: see above.
    """

    def __init__(self, place: RowsPlace, open_jobs: OpenJobs, *, rescan_s: float = RESCAN_S) -> None:
        """Make the queue; nothing is opened yet."""
        self.place = place
        self.rescan_s = rescan_s
        self._there = QueueStore(place, open_jobs)
        self._next = NextRow(self._there, rescan_s=rescan_s)
        self.admin = RowAdmin(self._there, self._next)
        self.workers = RowWorkers(self._there)

    @property
    def local_folder(self) -> Path:
        """Folder on this machine in which its jobs' output is written; it is made."""
        folder = self._there.here.folder
        with contextlib.suppress(OSError):  # the worker that looks at its disk says so
            durable.make_folder(folder, private=True)
        return folder

    def submit(self, job: NewJob, *, prepare: Prepare | None = None, rerun: bool = False) -> Submission:
        """Queue a job durably, in one transaction; an existing one is returned unchanged.

        Args:
            job: the job, whose results store is the queue's own.
            prepare: writes what belongs to the job's row, in the row's own transaction.
            rerun: queue an ended job again, under this manifest; attempt numbers continue.

        Raises:
            JobError, ManifestError: the job cannot be queued as it is.
            QueueBusyError: others keep changing the job.
            StoreError: the store cannot be used.
        """
        return RowSubmitter(self._there).submit(job, prepare=prepare, rerun=rerun)

    def submit_all(self, jobs: Sequence[BulkJob]) -> Iterator[list[Submission]]:
        """Queue many jobs durably, a batch at a time; an existing one is returned unchanged.

        Each batch is acknowledged as a whole, when it is yielded. The jobs that were yielded stay when a later one
        raises, as `submit` does; all of them may be submitted again.
        """
        return RowSubmitter(self._there).submit_all(jobs)

    def claim(
        self,
        worker: Owner,
        *,
        allow: Allow | None = None,
        full_providers: AbstractSet[str] = frozenset(),
        patient: bool = True,
    ) -> ClaimResult[RowClaim]:
        """Claim the next job for this worker; return it with what was skipped and recovered on the way.

        `allow` is asked once about all jobs that need the same, see `needs`. A job that asks one of the
        `full_providers`, by public name, is claimed after the others of its priority. There are no files that a
        `patient` caller would wait for.

        Raises:
            StoreError: the store cannot be used.
        """
        del patient
        return self._next.find(worker, allow, full_providers)

    def recover(self, worker: Owner) -> list[JobRow]:
        """Recover the jobs of dead workers; return them in their new state."""
        return self._next.recover(worker)

    def wake(self) -> None:
        """Ask the store again at the next claim, and for the pause."""
        self._next.wake()
        self._there.forget_queue()

    def refuse_hostname_clash(self, worker: Owner) -> None:
        """Refuse nothing: leases and tokens tell workers apart, whatever their hosts are called."""

    def probe(self) -> None:
        """Check that the store can be written; raises StoreError."""
        self._there.jobs.probe()

    def log_path(self, key: str, attempt: int) -> Path:
        """Return the path of an attempt's log on this machine."""
        return self._there.here.log_path(key, attempt)

    def becomes_ready(self, before_ns: int, allow: Allow | None = None) -> bool:
        """Whether a queued job may be claimed before `before_ns`, in nanoseconds since 1970 UTC.

        Also whether one that waits for others, and that `allow` allows, waits for a job that is running.
        """
        there = self._there
        if there.rows.becomes_ready(there.queue_id, before_ns):
            return True
        if self._next.look_at_dependents():  # what it waited for has just ended
            self.wake()
            return True

        def takes(row: JobRow) -> bool:
            try:
                return allow is None or allow(manifest_of(there, row.key)) is None
            except ManifestError:
                return False

        return dependents.may_be_released_soon(there.jobs, there.queue_id, takes)

    def held(self, limit: int = 0) -> HeldJobs:
        """Return how many jobs wait for others, and the first of them."""
        there = self._there
        return HeldJobs(*there.rows.held(there.queue_id, limit))

    def register(self, worker: Owner) -> RowRegistration:
        """Register a worker.

        Raises:
            WorkerNameError: the name is invalid, or a live worker has it.
        """
        return self.workers.register(worker)

    def listen(self) -> Listener:
        """Open a connection that hears of news."""
        return self._there.rows.listen(self._there.queue_id)

    @property
    def paused(self) -> Pause | None:
        """Pause of the queue, as of a second ago at most; None while it is not paused."""
        try:
            found = self._there.known_queue()
        except StoreMissingError:
            return None
        if found is None or found.paused_ns is None:
            return None
        return Pause(found.paused_by, found.paused_ns, found.pause_reason)

    @property
    def is_paused(self) -> bool:
        """Whether the queue is paused."""
        return self.paused is not None
