"""Queue in a folder: submit, claim, settle, recover; operator functions are in `FileQueue.admin`.

It rests on three ideas. The folder that contains a job's file shows the job's state, and a rename moves it: people can
`ls` the queue. A lock proves that a worker is alive: the kernel frees it the moment its owner dies. The results store
decides: each job has a row with a version, every change requires the version that it read, and where folder and row
disagree the row is right.

The guarantees: every submitted job ends, exactly once, in `done`, `failed` or `cancelled`, with its reason. Execution
is at least once; a result is committed exactly once. Killing any process at any moment, or a power loss, loses nothing
that was acknowledged. The module `moves` describes how each operation keeps these guarantees.
"""

import os
import secrets
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path

from themis.core.files import durable
from themis.core.queue.admin.administration import QueueAdmin
from themis.core.queue.folder import listing, pausing
from themis.core.queue.folder.pausing import Pause
from themis.core.queue.folder.registration import FolderWorkers, Registration
from themis.core.queue.folder.store_registry import OpenStore
from themis.core.queue.model import layout
from themis.core.queue.model.queue_place import Place
from themis.core.queue.open_folder import QueueFolder
from themis.core.queue.picking import listing_cache
from themis.core.queue.picking.skipped_jobs import Allow
from themis.core.queue.transitions import dependent_moves, hostname_clash
from themis.core.queue.transitions.bulk_submitting import BulkJob, BulkSubmitter
from themis.core.queue.transitions.claims import Claim, ClaimResult
from themis.core.queue.transitions.dependents import HeldJobs
from themis.core.queue.transitions.new_job import NewJob, Prepare, Submission
from themis.core.queue.transitions.submitting import Submitter
from themis.core.stores.job_rows import JobRow, Owner


class FileQueue:
    """Queue in a folder.

    Attributes:
        path: the folder.
        admin: operator interface, to inspect and change the queue.
        workers: its workers.

    Args:
        root: the folder; the first submit makes it.
        open_store: opens the store that a manifest names; must not make one.
        rescan_s: age in seconds up to which a claim uses a listing of the folders; longer only when listing very many
            waiting jobs would take more than a fiftieth of the time. None for a default that suits the filesystem.
        copy_grace_s: seconds that a file of incomplete JSON must be unchanged before it is rejected.
        trust_others: claim from a folder that other users can write to, though they could run code as this one.
        shared: treat the folder as shared by several hosts, whatever its filesystem is; from then on all do.
    """

    def __init__(  # options of a queue, all but two by keyword
        self,
        root: str | Path,
        open_store: OpenStore,
        *,
        rescan_s: float | None = None,
        copy_grace_s: float = 1.0,
        trust_others: bool = False,
        shared: bool = False,
    ) -> None:
        """Make the queue in `root`; nothing is opened yet."""
        self.path = Path(root).absolute()
        self._folder = QueueFolder(
            self.path,
            open_store,
            rescan_s=rescan_s,
            copy_grace_s=copy_grace_s,
            trust_others=trust_others,
            shared=shared,
        )
        self.admin = QueueAdmin(self._folder)
        self.workers = FolderWorkers(self.path)

    def submit(self, job: NewJob, *, prepare: Prepare | None = None, rerun: bool = False) -> Submission:
        """Queue a job durably; an existing one is returned unchanged.

        Args:
            job: the job.
            prepare: writes what belongs to the job's row, in the row's own transaction.
            rerun: queue an ended job again, under this manifest; attempt numbers continue.

        Raises:
            QueueError: the folder cannot be a queue, or another process keeps the job locked.
            JobError, ManifestError: the job cannot be queued as it is.
            StoreError: its store cannot be used.
        """
        root, registry, _ = self._folder.make()
        return Submitter(root, registry).submit(job, prepare=prepare, rerun=rerun)

    def submit_all(self, jobs: Sequence[BulkJob]) -> Iterator[list[Submission]]:
        """Queue many jobs durably, a batch at a time; an existing one is returned unchanged.

        Each batch is acknowledged as a whole, when it is yielded: its rows have one commit, and each folder is synced
        once. The jobs that were yielded stay when a later one raises, as `submit` does; all of them may be submitted
        again.
        """
        root, registry, _ = self._folder.make()
        return BulkSubmitter(root, registry).submit_all(jobs)

    def claim(
        self,
        worker: Owner,
        *,
        allow: Allow | None = None,
        full_providers: AbstractSet[str] = frozenset(),
        patient: bool = True,
    ) -> ClaimResult[Claim]:
        """Claim the next job for this worker; return it with what was skipped, left and recovered on the way.

        Jobs of dead workers are recovered. A bad file is quarantined in `rejected/`. A file that may still be
        being copied is waited for once, for `copy_grace_s`, if there is no other job and the caller is `patient`. A job
        whose store cannot be used is left; so is one that `allow` gives a reason against, or that is for newer workers.
        One that asks one of the `full_providers`, by public name, is claimed after the others of its priority.

        Raises:
            QueueRootError: the folder cannot be used, or others can write to it and `trust_others` is not set.
        """
        if not self._folder.exists(write=True) or self.is_paused:
            return ClaimResult()
        self._folder.refuse_writable_by_others()
        return self._folder.parts()[2].find(worker, allow, full_providers, patient=patient)

    def recover(self, worker: Owner) -> list[JobRow]:
        """Recover the jobs of dead workers in `claimed/`; return them in their new state."""
        if not self._folder.exists(write=True):
            return []
        return self._folder.parts()[2].recover(worker)

    def wake(self) -> None:
        """Discard the listing of the folders, which may have changed: the next claim lists them again."""
        if (opened := self._folder.opened()) is not None:
            opened[2].listing.wake()

    def refuse_hostname_clash(self, worker: Owner) -> None:
        """Check, before this worker starts, that no other machine with its host's name works on a shared queue.

        Raises:
            QueueRootError: there is a hostname clash.
        """
        if self._folder.exists(write=True):
            root, registry, _ = self._folder.parts()
            hostname_clash.refuse_hostname_clash(root, registry, worker)

    def probe(self) -> None:
        """Check that the folder can be written: write and sync a file, and remove it.

        Raises:
            OSError: the folder cannot be written.
        """
        root, _, _ = self._folder.parts()
        hidden = f"{root.folder(layout.TMP)}/.{secrets.token_hex(8)}"
        try:
            durable.write_synced(hidden, b"probe\n")
        finally:
            durable.unlink(hidden)

    def log_path(self, key: str, attempt: int) -> Path:
        """Return the path of an attempt's log."""
        return layout.log_path(self.path, key, attempt)

    @property
    def place(self) -> Place:
        """Place of the queue: its folder."""
        return self.path

    @property
    def local_folder(self) -> Path:
        """Folder on this machine in which its jobs' output is written: the queue's own."""
        return self.path

    @property
    def rescan_s(self) -> float:
        """Seconds between two looks for jobs, when nothing else tells of them."""
        return listing_cache.rescan_s(self._folder.parts()[0])

    def becomes_ready(self, before_ns: int, allow: Allow | None = None) -> bool:
        """Whether a job that waits for a time may be claimed before `before_ns`, in nanoseconds since 1970 UTC.

        Also whether one that waits for others, and that `allow` allows, waits for a job that is running.
        """
        soon = layout.stamp(before_ns)
        names = listing.names_in(f"{self.path}/{layout.WAITING}")
        if any(name <= soon for name in names):  # a name begins with its time
            return True
        root, registry, next_job = self._folder.parts()
        if next_job.look_at_dependents():  # what it waited for has just ended
            self.wake()
            return True
        return dependent_moves.may_be_released_soon(root, registry, allow)

    def held(self, limit: int = 0) -> HeldJobs:
        """Return how many jobs wait for others, and the first of them."""
        if not self._folder.exists(write=False):
            return HeldJobs(0, [])
        return dependent_moves.held(*self._folder.parts()[:2], limit)

    def register(self, worker: Owner) -> Registration:
        """Register a worker in the queue's folder.

        Raises:
            WorkerNameError: the name is invalid, or a live worker has it.
        """
        return Registration(self.path, worker)

    def listen(self) -> None:
        """Return nothing to listen to: the bell in the folder is watched instead."""
        return

    @property
    def paused(self) -> Pause | None:
        """Pause of the queue; None while it is not paused."""
        return pausing.read(self._paused)

    @property
    def is_paused(self) -> bool:
        """Whether the queue is paused."""
        return os.path.lexists(self._paused)

    @property
    def _paused(self) -> str:
        return f"{self.path}/{layout.PAUSED_FILE}"
