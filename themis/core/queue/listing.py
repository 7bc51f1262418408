"""What is in a queue, from the names of its files alone: quick, however many there are."""

import heapq
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from themis.core.errors import ManifestError
from themis.core.queue import journal, layout, liveness, locks, manifest_file, moves
from themis.core.queue.job_store import JobStore
from themis.core.queue.layout import Entry
from themis.core.queue.root import QueueRoot
from themis.core.queue.store_book import StoreBook
from themis.core.stores.job_rows import AttemptRow, JobRow, Owner

SHOWN_FOLDERS: tuple[str, ...] = (layout.CLAIMED, layout.QUEUED, layout.WAITING, *layout.END_FOLDERS)
"""In the order in which people want to see them."""


@dataclass(frozen=True, slots=True)
class ListedJob:
    """A job as its file's name tells.

    Attributes:
        key: its name in the queue.
        folder: where its file lies: its state, or `waiting` or `claimed`.
        path: its file.
        priority: 0 (first) to 9; None where the name does not say.
        stamp: in `queued` when it was submitted, in `waiting` when it is ready, UTC; None elsewhere.
        attempt: in `claimed` the attempt; None elsewhere.
    """

    key: str
    folder: str
    path: Path
    priority: int | None
    stamp: str | None
    attempt: int | None


@dataclass(frozen=True, slots=True)
class JobDetails:
    """All that is known of a job.

    Attributes:
        row: the truth.
        attempts: those that have ended, in order.
        journal: its history for people, oldest line first.
        paths: where its file lies.
        alive: whether somebody has it in hand now, on this host by its lock, on another by its lease.
        logs: what its attempts printed, where that was kept.
        tags: what a worker must have to take it.
    """

    row: JobRow
    attempts: list[AttemptRow]
    journal: list[dict[str, Any]]
    paths: list[Path]
    alive: bool
    logs: list[Path]
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Overview:
    """A queue at a glance.

    Attributes:
        jobs: the first of each folder, folder by folder, in the order of their names.
        counts: how many files lie in each folder, and in `rejected`.
    """

    jobs: list[ListedJob]
    counts: dict[str, int]


def look_over(root: QueueRoot, folders: Sequence[str], limit: int | None) -> Overview:
    """The first `limit` jobs (None for all) of some of `SHOWN_FOLDERS`, and the counts of all; each is listed once."""
    jobs: list[ListedJob] = []
    counts: dict[str, int] = {}
    for folder in SHOWN_FOLDERS:
        names = _names(root, folder)
        counts[folder] = len(names)
        left = None if limit is None else limit - len(jobs)
        if folder in folders and left != 0:
            chosen = sorted(names) if left is None else heapq.nsmallest(left, names)
            entries = (layout.parse(folder, name) for name in chosen)
            jobs.extend(_listed(root, entry) for entry in entries if entry is not None)
    rejected = _names(root, layout.REJECTED)
    counts[layout.REJECTED] = sum(not name.endswith(layout.REASON_SUFFIX) for name in rejected)
    return Overview(jobs, counts)


def tags_needed(store: JobStore, key: str) -> tuple[str, ...]:
    """What a worker must have to take a job, by the store's copy of its manifest; none when it cannot be read."""
    try:
        return manifest_file.decode((store.manifest(key) or "").encode(), key, key=key).tags
    except ManifestError:
        return ()


def details(root: QueueRoot, book: StoreBook, key: str, here: Owner) -> JobDetails:
    """See `FileQueue.show`."""
    store, row = book.find(key)
    return JobDetails(
        row=row,
        attempts=store.attempts(row.key),
        journal=journal.read(root.folder(layout.JOURNAL), row.key),
        paths=[Path(path) for path in moves.locate(root, row)],
        alive=locks.is_locked(root.locks_folder, row.key) or liveness.has_lease_elsewhere(store, row, here),
        logs=sorted((root.path / layout.LOGS / row.key).glob("*.log")),
        tags=tags_needed(store, row.key),
    )


def _listed(root: QueueRoot, entry: Entry) -> ListedJob:
    path = root.path / entry.folder / entry.name
    return ListedJob(entry.key, entry.folder, path, entry.priority, entry.stamp, entry.attempt)


def _names(root: QueueRoot, folder: str) -> list[str]:
    names = os.listdir(root.folder(folder))  # noqa: PTH208  # names are all that is needed, of very many
    return [name for name in names if name[0] != "."]
