"""Claiming of jobs, one file at a time, and recovery of the jobs of dead workers."""

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from themis.core.errors import ManifestError, NewerManifestError, OtherStoreError, QueueBusyError, StoreError
from themis.core.queue.folder import journal, locks, processes, uncharged_ends, worker_registry
from themis.core.queue.folder.lease import Lease
from themis.core.queue.folder.lease_end import now_s
from themis.core.queue.folder.locks import KeyLock
from themis.core.queue.folder.root import QueueRoot
from themis.core.queue.folder.store_registry import StoreRegistry
from themis.core.queue.model import layout, manifest_file, readiness, states
from themis.core.queue.model.layout import Entry
from themis.core.queue.model.manifest_file import Manifest
from themis.core.queue.model.states import JobState
from themis.core.queue.transitions import claim_liveness, moves, quarantine, unanswered
from themis.core.queue.transitions.claims import Claim
from themis.core.queue.transitions.lost_hosts import is_uncharged_loss
from themis.core.queue.transitions.moves import Move
from themis.core.stores.job_rows import Change, JobRow, Owner
from themis.core.stores.job_store import JobStore

if TYPE_CHECKING:
    from themis.core.queue.folder.worker_report import WorkerReport


class Claimer:
    """Claims the job of a file, and recovers the job of a misplaced one."""

    def __init__(self, root: QueueRoot, registry: StoreRegistry) -> None:
        """Make a claimer for the queue `root`."""
        self._root = root
        self._registry = registry

    def read(self, entry: Entry, owner: Owner) -> Manifest | None:
        """Read the manifest of a file; None when the file is gone, or bad and quarantined.

        Raises:
            TornManifestError: the file is incomplete JSON, and may still be being written.
            NewerManifestError: it is for newer workers.
        """
        try:
            found = manifest_file.read(f"{self._root.path}/{entry.folder}/{entry.name}", key=entry.key)
            where = self._registry.where(found.store)
            return found if where == found.store else replace(found, store=where)
        except FileNotFoundError:
            return None  # another worker was faster
        except NewerManifestError:
            raise
        except ManifestError as error:
            if error.reason == "not_json" and entry.key:
                raise
            quarantine.quarantine(self._root, self._registry, entry, error, owner)
            return None

    def claim_entry(self, entry: Entry, manifest: Manifest, owner: Owner) -> Claim | None:
        """Claim the job of a name in `queued` or `waiting`, as `read` read it; None when it cannot be claimed.

        Raises:
            StoreError: its store cannot be used now; the file is left.
            QueueBusyError: another process has it locked, usually the one that is submitting it.
        """
        store = self._store(entry, manifest, owner)
        if store is None:
            return None
        lock = locks.acquire(self._root.locks_folder, entry.key)
        if lock is None:
            raise QueueBusyError(path=self._root.path, key=entry.key)
        claim = None
        try:
            row = self._row(entry, store, owner)
            if row is not None:
                claim = self._claim_locked(entry, manifest, store, lock, owner, row)
        finally:
            if claim is None:
                lock.release()
        return claim

    def recover_entry(self, entry: Entry, owner: Owner) -> JobRow | None:
        """Move a file that no living worker has to where its row says; None when one has it, or it is gone.

        Raises:
            TornManifestError, NewerManifestError, StoreError: as `read` and `claim_entry` do.
        """
        if locks.is_locked(self._root.locks_folder, entry.key):
            return None
        manifest = self.read(entry, owner)
        store = None if manifest is None else self._store(entry, manifest, owner)
        lock = None if store is None else locks.acquire(self._root.locks_folder, entry.key)
        if store is None or lock is None:
            return None
        try:
            row = self._row(entry, store, owner)
            return None if row is None else self._recover_locked(entry, store, row, owner)
        finally:
            lock.release()

    def _store(self, entry: Entry, manifest: Manifest, owner: Owner) -> JobStore | None:
        try:
            return self._registry.get(manifest.store)
        except OtherStoreError as error:
            refusal = ManifestError(name=entry.name, reason="other_store", detail=str(error))
            quarantine.quarantine(self._root, self._registry, entry, refusal, owner)
            return None

    def _row(self, entry: Entry, store: JobStore, owner: Owner) -> JobRow | None:
        """Return the job's row; a file without one, or with a row of another queue, is quarantined."""
        row = store.load(entry.key)
        if row is not None and row.queue_id == self._root.queue_id:
            return row
        detail = "its store has no such job" if row is None else f"its job belongs to the queue at {row.queue_root}"
        refusal = ManifestError(name=entry.name, reason="unknown_job", detail=detail)
        quarantine.quarantine_file(self._root, entry, refusal, owner.worker)
        return None

    def _claim_locked(
        self, entry: Entry, manifest: Manifest, store: JobStore, lock: KeyLock, owner: Owner, row: JobRow
    ) -> Claim | None:
        now_ns = time.time_ns()
        if row.state != JobState.QUEUED or row.cancel_requested or not readiness.is_ready(row, now_ns):
            self._recover_locked(entry, store, row, owner)
            return None
        token = layout.new_token()
        source = f"{self._root.path}/{entry.folder}/{entry.name}"
        lease = Lease(self._root.lease_s, now_s()) if self._root.shared else None
        lease_ms = None if lease is None else lease.milliseconds
        # Not synced: if lost with the power, a queued job has its file in `claimed/`, and is given back.
        move = Move(
            decide=lambda read: states.claimed(read, owner, token, now_ns, lease_ms),
            sources=(source,),
            claim_token=token,
            synced=False,
            heeds_requests=False,
        )
        try:
            moved = moves.make(self._root, store, row, move, now_ns)
        except StoreError:
            unanswered.excuse_claim(self._root, row, token)
            raise
        if moved is None or moved.path is None:
            return None
        journal.note(
            self._root.folder(layout.JOURNAL),
            row.key,
            "claim",
            worker=owner.worker,
            attempt=moved.row.attempt,
            version=moved.row.version,
        )
        return Claim(self._root, manifest, moved.row, store, moved.path, lock, lease)

    def _recover_locked(self, entry: Entry, store: JobStore, row: JobRow, owner: Owner) -> JobRow | None:
        if claim_liveness.is_in_hand_elsewhere(self._root, store, row, entry, owner):
            return None
        now_ns, in_flight, host_lost = time.time_ns(), None, False
        if row.state == JobState.RUNNING:
            processes.kill_job_of(row.owner)
            in_flight = self._root.notes.of_lost(row)
            # The lock says that no process of this host has the job: one that had it is dead.
            seen_dead = claim_liveness.is_of(row, owner)
            host_lost = not seen_dead and is_uncharged_loss(store, row, self._report)

        def decide(read: JobRow) -> Change | None:
            # A lease other than the one seen to be over means that it was renewed since: its owner is alive.
            if read.lease_until_ms != row.lease_until_ms:
                return None
            excused = uncharged_ends.is_excused(read, entry.name)
            return states.recovered(read, now_ns, excused=excused, in_flight=in_flight, host_lost=host_lost)

        source = f"{self._root.path}/{entry.folder}/{entry.name}"
        moved = moves.make(self._root, store, row, Move(decide, (source,)), now_ns)
        after = None if moved is None else moved.row
        if after is not None:
            if in_flight is not None:
                self._root.notes.remove(row.key)
            journal.note(
                self._root.folder(layout.JOURNAL),
                row.key,
                "recover",
                worker=owner.worker,
                state=after.state,
                attempt=after.attempt,
                version=after.version,
                why=after.message if row.state == JobState.RUNNING else f"found in {entry.folder}",
            )
        return after

    def _report(self, worker: str) -> "WorkerReport | None":
        """Return the report of a worker; None when there is none."""
        return worker_registry.report_of(self._root.path, worker)
