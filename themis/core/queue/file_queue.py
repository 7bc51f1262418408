"""A queue in a folder: submit, claim, settle, recover; what people ask of it is in `control`.

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
from collections.abc import Callable
from pathlib import Path

from themis.core import durable_files
from themis.core.errors import ClaimLostError, QueueRootError
from themis.core.queue import hosts, layout, processes, remarks, settling, window
from themis.core.queue.claims import Claim
from themis.core.queue.control import QueueControl
from themis.core.queue.picker import Picker
from themis.core.queue.refusals import Allow
from themis.core.queue.root import QueueRoot, make_root, open_root, refuse_writable_by_others
from themis.core.queue.states import Cause, Outcome
from themis.core.queue.store_book import OpenStore, StoreBook
from themis.core.queue.submitting import NewJob, Prepare, Submission, Submitter
from themis.core.stores.job_rows import JobRow, Owner


class FileQueue(QueueControl):
    """The queue in a folder.

    Args:
        root: the folder; the first submit makes it.
        open_store: opens the store that a manifest names; must not make one.
        rescan_s: how old a listing of the folders may be when a claim goes by it; older only when there are so many
            waiting that listing them would take more than a fiftieth of the time. None for what suits the filesystem.
        copy_grace_s: how long a file that is no whole JSON text must have been left alone to be rejected.
        trust_others: claim from a folder that other users can write to, though they could run code as this one.
        shared: treat the folder as shared by several hosts, whatever its filesystem is; from then on all do.
    """

    def __init__(
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
        self._open_store = open_store
        self._rescan_s = rescan_s
        self._copy_grace_s = copy_grace_s
        self._trusted = trust_others
        self._shared = shared
        self._root: QueueRoot | None = None
        self._book: StoreBook | None = None
        self._picker: Picker | None = None
        self._made = self._checked = False

    # --- what submitters and workers do

    def submit(self, job: NewJob, *, prepare: Prepare | None = None, rerun: bool = False) -> Submission:
        """Queue a job durably; one that is there already is returned as it stands.

        Args:
            job: what to queue.
            prepare: writes what belongs to the job's row, in the row's own transaction.
            rerun: queue one that has ended anew, under this manifest; attempt numbers go on.

        Raises:
            QueueError: the folder cannot be a queue, or the job is in somebody's hands and stays there.
            JobError, ManifestError: the job cannot be queued as it is.
            StoreError: its store cannot be used.
        """
        if not self._made:
            self._use(make_root(self.path, shared=self._shared))
            self._made = self._checked = True
        root, book, _ = self._parts()
        return Submitter(root, book).submit(job, prepare=prepare, rerun=rerun)

    def claim(self, worker: Owner, *, allow: Allow | None = None, patient: bool = True) -> Claim | None:
        """The next job, for this worker to run; None when there is none that it may have now.

        What dead workers left is put right on the way. A bad file is moved to `rejected/`. One that may still be being
        copied is waited for once, for `copy_grace_s`, when there is nothing else to do, by who is `patient`. One whose
        store cannot be used is left; so is one that `allow` gives a reason against, or that is for newer workers: see
        `passed_over`.

        Raises:
            QueueRootError: the folder cannot be used, or others can write to it and `trust_others` was not said.
        """
        if not self._exists(write=True) or self.is_paused:
            return None
        root, _, picker = self._parts()
        if not self._trusted:
            refuse_writable_by_others(root)
            self._trusted = True
        return picker.claim(worker, allow, patient=patient)

    def refuse_namesake(self, worker: Owner) -> None:
        """See, before this worker begins, that no other machine of its host's name works on a shared queue.

        Raises:
            QueueRootError: one does.
        """
        if self._exists(write=True):
            hosts.refuse_namesake(*self._parts()[:2], worker)

    @property
    def passed_over(self) -> dict[str, str]:
        """Files that the last claim left where they lie, by name, and why: for messages."""
        return {} if self._picker is None else {**self._picker.refusals.reasons, **self._picker.passed_over}

    @property
    def skipped(self) -> dict[str, str]:
        """Those of `passed_over` that no worker could take now: a store cannot be used, or a file not be read."""
        return {} if self._picker is None else dict(self._picker.passed_over)

    @property
    def newly_passed_over(self) -> dict[str, str]:
        """Those of `passed_over` that the last claim looked into; the others were left by one before."""
        return {} if self._picker is None else {**self._picker.newly_refused, **self._picker.passed_over}

    @property
    def left_busy(self) -> bool:
        """Whether the last claim left a job that somebody had in hand: as a rule who was just submitting it."""
        return self._picker is not None and self._picker.left_busy

    def take_put_right(self) -> list[JobRow]:
        """The jobs of dead workers that claims have put right on their way, since this was last asked."""
        if self._picker is None:
            return []
        rows, self._picker.put_right_by_claims = self._picker.put_right_by_claims, []
        return rows

    def wake(self) -> None:
        """Something may have changed in the folders: the next claim lists them anew."""
        if self._picker is not None:
            self._picker.window.wake()

    def settle(self, claim: Claim, outcome: Outcome, *, also: Callable[[], object] | None = None) -> JobRow:
        """End the attempt of a claim; synced when this returns.

        Args:
            claim: of this process.
            outcome: how the attempt ended.
            also: writes the last results, in the same transaction.

        Raises:
            ClaimLostError: the job is no longer this worker's; nothing was written, and the claim is over.
            StoreError: the store cannot be written; the claim stands, and can be settled again.
        """
        return settling.settle(self._parts()[0], claim, outcome, also)

    def give_back(self, claim: Claim, why: str = "given back") -> JobRow:
        """Queue a claimed job again, at once and charged to nobody."""
        return self.settle(claim, Outcome(Cause.GIVEN_BACK, why))

    def renew(self, claim: Claim) -> None:
        """Let a claim's lease begin anew, as is due when `claim.lease.is_due`; nothing where there are no leases.

        Raises:
            ClaimLostError: the job is no longer this worker's: stop the run, then `lose` the claim.
            StoreError: the store cannot be written; the lease stands until it `is_over`.
        """
        claim.renew()

    def lose(self, claim: Claim) -> None:
        """Let go of a claim that is no longer this worker's, and say so in the journal and the log; once."""
        settling.lose(self._parts()[0], claim)

    def excuse(self, claim: Claim) -> None:
        """Mark a claim whose attempt has ended, and cannot be settled: whoever finds its file charges nobody for it.

        The claim stands, and can still be settled. It needs no room: it is a rename.
        """
        settling.excuse(self._parts()[0], claim)

    def abandon(self, claim: Claim) -> None:
        """Let go of a claim without a word, as if this process had died; charged to the job unless it is excused."""
        claim.lock.release()

    def is_cancel_requested(self, claim: Claim) -> bool:
        """Whether somebody asked the owner of a claim to stop; costs one stat while nobody did, or one query."""
        root = self._parts()[0]
        # What another host has written may be long hidden by this one's cache of a shared folder; the row never is.
        if not root.shared and not os.path.lexists(f"{root.folder(layout.CANCEL)}/{claim.key}"):
            return False
        row = claim.store.load(claim.key)
        return row is not None and row.version == claim.version and row.cancel_requested

    def note_versions(self, claim: Claim) -> str | None:
        """Say in a claim's journal and log that other versions submitted its job; what was said, None if they did not.

        Best effort: no job fails for what cannot be written there.
        """
        return remarks.note_versions(self._parts()[0], claim)

    def note_process(self, claim: Claim, pid: int) -> None:
        """Record the process group, led by `pid`, that runs a claim's job: it is killed if this worker is lost.

        Raises:
            ClaimLostError: the job is no longer this worker's.
        """
        if not claim.store.note_process(claim.key, claim.version, pid, processes.process_started(pid) or 0):
            raise ClaimLostError(key=claim.key, version=claim.version)

    def recover(self, worker: Owner) -> list[JobRow]:
        """Put right whatever dead workers left in `claimed/`; returns the jobs as they are now."""
        if not self._exists(write=True):
            return []
        return self._parts()[2].recover(worker)

    def probe(self) -> None:
        """Write and sync a file of no consequence: whether the folder can be written.

        Raises:
            OSError: it cannot.
        """
        root, _, _ = self._parts()
        hidden = f"{root.folder(layout.TMP)}/.{secrets.token_hex(8)}"
        try:
            durable_files.write_synced(hidden, b"probe\n")
        finally:
            durable_files.unlink(hidden)

    # --- inside

    def _exists(self, *, write: bool) -> bool:
        """Whether there is a queue; before it is first written to, it is looked at whether it can be."""
        if self._root is None or (write and not self._checked):
            root = open_root(self.path, write=write, shared=self._shared)
            if root is None:
                return False
            self._use(root)
            self._checked = self._checked or write
        return True

    def _use(self, root: QueueRoot) -> None:
        if self._root != root:
            self._root = root
            self._book = StoreBook(root, self._open_store)
            rescan_s = window.rescan_s(root) if self._rescan_s is None else self._rescan_s
            self._picker = Picker(root, self._book, rescan_s=rescan_s, copy_grace_s=self._copy_grace_s)

    def _parts(self, *, write: bool = False) -> tuple[QueueRoot, StoreBook, Picker]:
        if self._root is None or write:
            self._exists(write=write)
        if self._root is None or self._book is None or self._picker is None:
            raise QueueRootError(path=self.path, detail="there is no queue; the first submit makes it")
        return self._root, self._book, self._picker
