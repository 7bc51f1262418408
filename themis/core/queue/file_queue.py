"""A queue in a folder: submit, claim, settle, recover; what people ask of it is `FileQueue.admin`.

Three ideas, and nothing else. The folder that a job's file lies in shows its state, and a rename moves it: people can
`ls` the queue. A lock proves that a worker lives: the kernel frees it the moment its owner dies. The results store
decides: each job has a row with a version, every change demands the version that it read, and where folder and row
disagree the row is right.

What is promised: every submitted job ends, exactly once, in `done`, `failed` or `cancelled`, with its reason.
Execution is at least once; a result is committed exactly once. Killing any process at any moment, or the machine's
power, loses nothing that was acknowledged. How each verb keeps that is said in `moves`.
"""

import os
import secrets
from pathlib import Path

from themis.core.files import durable
from themis.core.queue.admin.administration import QueueAdmin
from themis.core.queue.folder import pausing
from themis.core.queue.folder.pausing import Pause
from themis.core.queue.folder.store_registry import OpenStore
from themis.core.queue.model import layout
from themis.core.queue.open_folder import QueueFolder
from themis.core.queue.picking.skipped_jobs import Allow
from themis.core.queue.transitions import hostname_clash
from themis.core.queue.transitions.claims import ClaimResult
from themis.core.queue.transitions.submitting import NewJob, Prepare, Submission, Submitter
from themis.core.stores.job_rows import JobRow, Owner


class FileQueue:
    """The queue in a folder.

    Attributes:
        path: the folder.
        admin: looks at the queue, and changes what is in it, for people.

    Args:
        root: the folder; the first submit makes it.
        open_store: opens the store that a manifest names; must not make one.
        rescan_s: how old a listing of the folders may be when a claim goes by it; older only when there are so many
            waiting that listing them would take more than a fiftieth of the time. None for what suits the filesystem.
        copy_grace_s: how long a file that is no whole JSON text must have been left alone to be rejected.
        trust_others: claim from a folder that other users can write to, though they could run code as this one.
        shared: treat the folder as shared by several hosts, whatever its filesystem is; from then on all do.
    """

    def __init__(  # what a queue may be told, all but two by keyword
        self,
        root: str | Path,
        open_store: OpenStore,
        *,
        rescan_s: float | None = None,
        copy_grace_s: float = 1.0,
        trust_others: bool = False,
        shared: bool = False,
    ) -> None:
        """The queue in `root`; nothing is opened yet."""
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

    def submit(self, job: NewJob, *, prepare: Prepare | None = None, rerun: bool = False) -> Submission:
        """Queue a job durably; one that is there already is returned as it stands.

        Args:
            job: what to queue.
            prepare: writes what belongs to the job's row, in the row's own transaction.
            rerun: queue one that has ended again, under this manifest; attempt numbers continue.

        Raises:
            QueueError: the folder cannot be a queue, or the job is locked by somebody and stays so.
            JobError, ManifestError: the job cannot be queued as it is.
            StoreError: its store cannot be used.
        """
        root, registry, _ = self._folder.make()
        return Submitter(root, registry).submit(job, prepare=prepare, rerun=rerun)

    def claim(self, worker: Owner, *, allow: Allow | None = None, patient: bool = True) -> ClaimResult:
        """The next job, for this worker to run, and what was found on the way.

        What dead workers left is recovered. A bad file is quarantined in `rejected/`. One that may still be being
        copied is waited for once, for `copy_grace_s`, when there is nothing else to do, by who is `patient`. One whose
        store cannot be used is left; so is one that `allow` gives a reason against, or that is for newer workers.

        Raises:
            QueueRootError: the folder cannot be used, or others can write to it and `trust_others` was not said.
        """
        if not self._folder.exists(write=True) or self.is_paused:
            return ClaimResult()
        self._folder.refuse_writable_by_others()
        return self._folder.parts()[2].find(worker, allow, patient=patient)

    def recover(self, worker: Owner) -> list[JobRow]:
        """Recover whatever dead workers left in `claimed/`; returns the jobs as they are now."""
        if not self._folder.exists(write=True):
            return []
        return self._folder.parts()[2].recover(worker)

    def wake(self) -> None:
        """Something may have changed in the folders: the next claim lists them again."""
        if (opened := self._folder.opened()) is not None:
            opened[2].listing.wake()

    def refuse_hostname_clash(self, worker: Owner) -> None:
        """See, before this worker begins, that no other machine of its host's name works on a shared queue.

        Raises:
            QueueRootError: one does.
        """
        if self._folder.exists(write=True):
            root, registry, _ = self._folder.parts()
            hostname_clash.refuse_hostname_clash(root, registry, worker)

    def probe(self) -> None:
        """Write and sync a file of no consequence: whether the folder can be written.

        Raises:
            OSError: it cannot.
        """
        root, _, _ = self._folder.parts()
        hidden = f"{root.folder(layout.TMP)}/.{secrets.token_hex(8)}"
        try:
            durable.write_synced(hidden, b"probe\n")
        finally:
            durable.unlink(hidden)

    def log_path(self, key: str, attempt: int) -> Path:
        """Path of the log of an attempt."""
        return layout.log_path(self.path, key, attempt)

    @property
    def paused(self) -> Pause | None:
        """Pause of the queue: by whom, when and why; None while it is not paused."""
        return pausing.read(self._paused)

    @property
    def is_paused(self) -> bool:
        """Whether nobody claims for now."""
        return os.path.lexists(self._paused)

    @property
    def _paused(self) -> str:
        return f"{self.path}/{layout.PAUSED_FILE}"
