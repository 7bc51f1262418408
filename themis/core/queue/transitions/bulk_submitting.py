"""Submission of many jobs: the rows of a batch in one commit, each file synced, and each folder synced once.

The order is that of a single submission, with each step made for all jobs of a batch before the next: rows, files,
names, acknowledgement. A process that dies in between leaves each job of the batch whole, absent, or as a row whose
file is missing, as a single submission does; the same submission does the rest, and none of them was acknowledged. What
is no ordinary case (a job that is running, of another queue, or to be queued again) is submitted by itself, after the
others of its batch.

A job that is new is not locked, since a lock is one file more, and making it costs as much as half of syncing one. Its
row decides who adds it; another process that finds the row may publish the file too, and then one of both is a
leftover, as a disk that forgets a rename leaves it, which the next move of the job removes. For the same reason its
journal begins with its claim: the row says when it was submitted.
"""

import contextlib
import os
import resource
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from themis.core.files import durable, synced_together
from themis.core.queue.folder import locks
from themis.core.queue.folder.locks import KeyLock
from themis.core.queue.model.states import ENDED
from themis.core.queue.transitions import dependents, moves
from themis.core.queue.transitions.new_job import NewJob, Prepare, Submission
from themis.core.queue.transitions.submitting import Submitter
from themis.core.stores.job_rows import JobRow
from themis.core.stores.job_store import JobStore

MOST_AT_ONCE = 256
"""Jobs of a batch at most: each that exists has a lock, which is an open file, until the batch is on disk."""

_OTHER_FILES = 64
"""Open files that are left to the rest of the process."""


class BulkJob(NamedTuple):
    """Job to be submitted with others, see `FileQueue.submit`."""

    job: NewJob
    prepare: Prepare | None = None
    rerun: bool = False


@dataclass(slots=True)
class _Entry:
    """One job of a batch on its way."""

    given: BulkJob
    row: JobRow
    text: str
    store: JobStore


class _NewFile(NamedTuple):
    """File that is written under its hidden name, and gets the other one."""

    hidden: str
    target: str
    text: str


@dataclass(slots=True)
class _Files:
    """Files of a batch that are written, then get their names together.

    Attributes:
        folders: the folders that are to be synced.
        new: the files.
    """

    folders: set[str] = field(default_factory=set)
    new: list[_NewFile] = field(default_factory=list)

    def publish(self) -> None:
        """Write all files, then give them their names, durably."""
        synced_together.write([(file.hidden, file.text.encode()) for file in self.new])
        for file in self.new:
            durable.rename(file.hidden, file.target)
        self.folders.update(os.path.dirname(file.target) for file in self.new)  # noqa: PTH120
        for folder in sorted(self.folders):
            durable.fsync_folder(folder)

    def discard(self) -> None:
        """Remove those that still have their hidden names."""
        for file in self.new:
            with contextlib.suppress(OSError):
                durable.unlink(file.hidden)


class BulkSubmitter(Submitter):
    """Submits many jobs to a queue, batch by batch."""

    def submit_all(self, jobs: Sequence[BulkJob]) -> Iterator[list[Submission]]:
        """Queue jobs, unless they exist; yield the submissions of a batch when all of it is durable, in order.

        Raises:
            JobError, ManifestError, StoreCopyError, QueueBusyError, StoreError: as `submit`; what was yielded stays,
                and of the batch that it is raised for, any part may be queued.
        """
        size = most_at_once()
        for start in range(0, len(jobs), size):
            yield self._submit_batch(jobs[start : start + size])

    def _submit_batch(self, jobs: Sequence[BulkJob]) -> list[Submission]:
        entries = [self._entry(job) for job in jobs]
        found: dict[int, Submission] = {}
        held: list[KeyLock] = []
        try:
            fresh, known = self._sorted_out(entries, held)
            added = self._add_rows(entries, fresh)
            found |= self._publish(entries, added, known)
        finally:
            for lock in held:
                lock.release()
        for number, entry in enumerate(entries):
            if number not in found:
                found[number] = self.submit(entry.given.job, prepare=entry.given.prepare, rerun=entry.given.rerun)
        return [found[number] for number in range(len(entries))]

    def _entry(self, given: BulkJob) -> _Entry:
        row, text = self._new(given.job)
        self._registry.register(given.job.store)
        return _Entry(given, row, text, self._registry.get(given.job.store))

    def _sorted_out(self, entries: Sequence[_Entry], held: list[KeyLock]) -> tuple[list[int], dict[int, JobRow]]:
        """Return the numbers of the jobs that do not exist, and the rows of those that only need to be there.

        The latter are locked, by locks that are added to `held`.
        """
        fresh, known = [], {}
        for number, entry in enumerate(entries):
            if entry.store.load(entry.row.key) is None:
                fresh.append(number)
                continue
            lock = locks.acquire(self._root.locks_folder, entry.row.key)
            if lock is None:
                continue
            held.append(lock)
            present = entry.store.load(entry.row.key)
            if present is None or present.queue_id != self._root.queue_id:
                continue
            if not (entry.given.rerun and present.state in ENDED):
                known[number] = present
        return fresh, known

    def _add_rows(self, entries: Sequence[_Entry], fresh: Sequence[int]) -> list[int]:
        """Add rows, with what belongs to them, in one commit for each store; return the numbers of those added.

        A row that another process has added meanwhile is not.
        """
        added = []
        for store in {id(entries[number].store): entries[number].store for number in fresh}.values():
            with store.transaction():
                for number in fresh:
                    entry = entries[number]
                    row = dependents.add(store, entry.row, entry.text) if entry.store is store else None
                    if row is not None:
                        entry.row = row
                        added.append(number)
                        if entry.given.prepare is not None:
                            entry.given.prepare()
        return added

    def _publish(
        self, entries: Sequence[_Entry], added: Sequence[int], known: dict[int, JobRow]
    ) -> dict[int, Submission]:
        """Write the files of new jobs, and of those that lost theirs, and return all of them as durable."""
        files = _Files()
        paths: dict[int, str] = {}
        listed = moves.list_files(self._root) if known else {}
        try:
            for number, row in known.items():
                paths[number] = self._known_file(entries[number], row, listed, files)
            for number in added:
                row = entries[number].row
                paths[number] = moves.path_of(self._root, row, row.submitted_ns)
                files.new.append(_NewFile(self._root.hidden_name(), paths[number], entries[number].text))
            files.publish()
        except BaseException:
            files.discard()
            raise
        # Once for each folder: only one of them has workers, and one ring wakes them for all.
        for target in {os.path.dirname(file.target): file.target for file in files.new}.values():  # noqa: PTH120
            moves.announce(self._root, target)
        old = {number: Submission(row, Path(paths[number]), created=False) for number, row in known.items()}
        return old | {number: Submission(entries[number].row, Path(paths[number]), created=True) for number in added}

    def _known_file(self, entry: _Entry, row: JobRow, listed: dict[str, list[str]], files: _Files) -> str:
        """Return the path of a known job's file, durable when `files` are; one that is missing becomes one of them."""
        self._bring_up_to_date(entry.store, row, entry.text)
        found = moves.locate(self._root, row, listed)
        belongs = moves.path_of(self._root, row, time.time_ns())
        if not found:
            files.new.append(_NewFile(self._root.hidden_name(), belongs, entry.store.manifest(row.key) or ""))
            return belongs
        files.folders.update(os.path.dirname(path) for path in found)  # noqa: PTH120
        return belongs if belongs in found else found[0]


def most_at_once() -> int:
    """Return the number of jobs of a batch: `MOST_AT_ONCE`, or fewer where this process may open few files."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST_AT_ONCE if limit == resource.RLIM_INFINITY else max(min(MOST_AT_ONCE, limit - _OTHER_FILES), 1)
