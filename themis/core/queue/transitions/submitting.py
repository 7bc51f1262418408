"""Submission of a job: its row is written first, then its file, and only then is it acknowledged."""

import os
import time
from pathlib import Path

from themis.core.errors import JobError, QueueBusyError
from themis.core.files import durable
from themis.core.queue.folder import journal, locks
from themis.core.queue.folder.root import QueueRoot, open_root
from themis.core.queue.folder.store_registry import StoreRegistry
from themis.core.queue.model import layout, manifest_file
from themis.core.queue.model.states import ENDED
from themis.core.queue.transitions import dependents, moves, stale_paths
from themis.core.queue.transitions.dependents import QueuedAgain
from themis.core.queue.transitions.moves import Move, Moved
from themis.core.queue.transitions.new_job import NewJob, Prepare, Submission, refuse_place, submitted_again
from themis.core.stores.job_rows import Change, JobRow
from themis.core.stores.job_store import JobStore

_PATIENCE_S = 30.0
_PAUSE_S = 0.005


class Submitter:
    """Submits jobs to a queue."""

    def __init__(self, root: QueueRoot, registry: StoreRegistry) -> None:
        """Make a submitter for the queue `root`."""
        self._root = root
        self._registry = registry

    def submit(self, job: NewJob, *, prepare: Prepare | None = None, rerun: bool = False) -> Submission:
        """Queue a job, unless it exists; with `rerun` an ended job is queued again, under this manifest.

        Raises:
            JobError: it is unfinished in another queue, or is invalid.
            ManifestError: its payload is too large, too deep, or not JSON.
            StoreCopyError: its store is a copy of the store that contains this queue's jobs.
            QueueBusyError: another process keeps the job locked.
            StoreError: its store cannot be used.
        """
        row, text = self._new(job)
        self._registry.register(job.store)
        store = self._registry.get(job.store)
        patient_until = time.monotonic() + _PATIENCE_S
        while True:
            lock = locks.acquire(self._root.locks_folder, row.key)
            if lock is not None:
                try:
                    return self._submit_locked(store, row, text, prepare, rerun=rerun)
                finally:
                    lock.release()
            present = self._in_hand(store, row.key)
            if present is not None:
                return present
            if time.monotonic() > patient_until:
                raise QueueBusyError(path=self._root.path, key=row.key)
            time.sleep(_PAUSE_S)

    def _new(self, job: NewJob) -> tuple[JobRow, str]:
        now_ns = time.time_ns()
        refuse_place(job.key, job.priority, job.not_before_ns)
        row = job.row(self._root.queue_id, str(self._root.path), now_ns)
        return row, manifest_file.encode(job.manifest(now_ns)).decode("ascii")

    def _submit_locked(
        self, store: JobStore, row: JobRow, text: str, prepare: Prepare | None, *, rerun: bool
    ) -> Submission:
        present = store.load(row.key)
        if present is None:
            with store.transaction():
                # It does not exist yet, unless another host, which this lock does not keep out, is submitting it too.
                added = dependents.add(store, row, text)
                if added is not None and prepare is not None:
                    prepare()
            if added is not None:
                row = added
                path = moves.path_of(self._root, row, row.submitted_ns)
                durable.publish(self._root.hidden_name(), path, text.encode())
                moves.announce(self._root, path)
                self._note(row, "submit")
                return Submission(row, Path(path), created=True)
            present = store.load(row.key)
            if present is None:
                raise QueueBusyError(path=self._root.path, key=row.key)
        if present.queue_id != self._root.queue_id:
            present = self._adopted(store, present)
        if rerun and present.state in ENDED:
            return self._rerun(store, present, row, text, prepare)
        self._bring_up_to_date(store, present, text)
        return Submission(present, Path(self._ensure_file(store, present)), created=False)

    def _ensure_file(self, store: JobStore, row: JobRow) -> str:
        """Return the path of a job's file, which is durable on return."""
        now_ns = time.time_ns()
        found = moves.locate(self._root, row)
        if not found:
            return moves.publish(self._root, store, row, now_ns)
        for folder in {os.path.dirname(path) for path in found}:  # noqa: PTH120
            durable.fsync_folder(folder)
        belongs = moves.path_of(self._root, row, now_ns)
        return belongs if belongs in found else found[0]

    def _bring_up_to_date(self, store: JobStore, row: JobRow, text: str) -> None:
        """Update stale paths in a job's manifest and its file."""
        before = store.manifest(row.key)
        after = None if before is None else stale_paths.refreshed(before, text)
        if after is None:
            return
        for path in moves.locate(self._root, row):
            durable.publish(self._root.hidden_name(), path, after.encode())
            moves.announce(self._root, path)
        store.replace_manifest(row.key, after)  # last: until then the next submission repeats all of it
        self._note(row, "bring up to date")

    def _in_hand(self, store: JobStore, key: str) -> Submission | None:
        """Return the job whose lock another process has to run or move it; None when it is not yet in the queue."""
        row = store.load(key)
        if row is None or row.queue_id != self._root.queue_id:
            return None
        claimed = [path for path in moves.locate(self._root, row) if f"/{layout.CLAIMED}/" in path]
        if not claimed:
            return None
        # Its submitter may have died before syncing the folder: then this submission is what acknowledges the job.
        durable.fsync_folder(self._root.folder(layout.CLAIMED))
        return Submission(row, Path(claimed[0]), created=False)

    def _is_copied_from(self, other: QueueRoot, store: JobStore) -> bool:
        """Whether a store is a copy of one that another queue uses, with that queue's jobs in an old state.

        A queue records where its store is; a queue that records another file does not use this one.
        """
        theirs = next((found for found in StoreRegistry.addresses_of(other) if found.id == store.store_id), None)
        ours = next((found for found in self._registry.addresses() if found.id == store.store_id), None)
        if theirs is None or ours is None or not os.path.exists(theirs.path):  # noqa: PTH110  # text in
            return False
        return not os.path.samefile(theirs.path, ours.path)  # noqa: PTH121  # text in

    def _adopted(self, store: JobStore, row: JobRow) -> JobRow:
        """Take over a job of another queue if the job has ended or that queue is gone."""
        is_in_store = row.queue_id == store.store_id  # in the queue of rows that its store has
        other = None if is_in_store else open_root(row.queue_root, write=False)
        is_there = other is not None and other.queue_id == row.queue_id and not self._is_copied_from(other, store)
        if row.state not in ENDED and (is_there or is_in_store):
            raise JobError(key=row.key, detail=f"it is {row.state} in another queue, {row.queue_root}")
        move = Move(
            lambda read: Change(
                read._replace(version=read.version + 1, queue_id=self._root.queue_id, queue_root=str(self._root.path))
            )
        )
        return self._moved(store, row, move).row

    def _rerun(self, store: JobStore, present: JobRow, new: JobRow, text: str, prepare: Prepare | None) -> Submission:
        """Queue an ended job again, with the limits and the manifest of a new submission."""
        now_ns = time.time_ns()
        if not moves.locate(self._root, present):
            moves.publish(self._root, store, present, now_ns)
        again = QueuedAgain(store, submitted_again(new, now_ns))
        again.decide(present)  # refuses what cannot be queued before its file is touched

        def also() -> None:
            again.write_links()
            if prepare is not None:
                prepare()

        sources = moves.locate(self._root, present)
        move = Move(again.decide, sources, manifest=text, also=also)
        moved = self._moved(store, present, move, now_ns)
        self._note(moved.row, "rerun")
        path = moves.path_of(self._root, moved.row, now_ns) if moved.path is None else moved.path
        return Submission(moved.row, Path(path), created=True)

    def _moved(self, store: JobStore, row: JobRow, move: Move, now_ns: int = 0) -> Moved:
        moved = moves.make(self._root, store, row, move, now_ns)
        if moved is None:
            raise QueueBusyError(path=self._root.path, key=row.key)
        return moved

    def _note(self, row: JobRow, move: str) -> None:
        journal.note(
            self._root.folder(layout.JOURNAL), row.key, move, state=row.state, attempt=row.attempt, version=row.version
        )
