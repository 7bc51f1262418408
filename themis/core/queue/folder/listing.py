"""Listing of a queue from the names of its files alone: fast for any number of jobs."""

import heapq
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from themis.core.queue.folder.root import QueueRoot
from themis.core.queue.model import layout, ordering
from themis.core.queue.model.layout import Entry

SHOWN_FOLDERS: tuple[str, ...] = tuple(layout.SHOWN_STATES.values())
"""Folders in the order that people see."""


@dataclass(frozen=True, slots=True)
class ListedJob:
    """Job, as described by its file's name.

    Attributes:
        key: its name in the queue.
        folder: folder of its file: its state, or `waiting` or `claimed`.
        path: path of its file.
        priority: 0 (first) to 9; None where the name does not contain it.
        stamp: UTC time of submission in `queued`, of readiness in `waiting`; None elsewhere.
        attempt: number of the attempt in `claimed`; None elsewhere.
    """

    key: str
    folder: str
    path: Path
    priority: int | None
    stamp: str | None
    attempt: int | None


@dataclass(frozen=True, slots=True)
class Overview:
    """Overview of a queue.

    Attributes:
        jobs: the first jobs of each folder, folder by folder, in the order of their names.
        counts: number of files in each folder, and in `rejected`.
    """

    jobs: list[ListedJob]
    counts: dict[str, int]


def names_in(folder: Path | str) -> list[str]:
    """Return the names in a folder, except those that begin with a dot: files being written or of other programs."""
    try:
        names = os.listdir(folder)  # noqa: PTH208  # names only, very many
    except FileNotFoundError:
        return []
    return [name for name in names if name[0] != "."]


def names_by_folder(queue_root: Path) -> dict[str, list[str]]:
    """Return the names in each of `SHOWN_FOLDERS`, and of the files in `rejected`; each folder is listed once.

    Files in an end folder that are not jobs, such as a README, are not included.
    """
    names = {folder: names_in(queue_root / folder) for folder in (*SHOWN_FOLDERS, layout.REJECTED)}
    for folder in layout.END_FOLDERS:
        names[folder] = list(filter(layout.may_have_ended, names[folder]))
    names[layout.REJECTED] = [name for name in names[layout.REJECTED] if not name.endswith(layout.REASON_SUFFIX)]
    return names


def look_over(root: QueueRoot, folders: Sequence[str], limit: int | None) -> Overview:
    """Return the first `limit` jobs (None for all) of some of `SHOWN_FOLDERS`, and the counts of all."""
    names = names_by_folder(root.path)
    jobs: list[ListedJob] = []
    for folder in filter(folders.__contains__, SHOWN_FOLDERS):
        chosen = sorted(names[folder]) if limit is None else heapq.nsmallest(limit - len(jobs), names[folder])
        entries = (layout.parse(folder, name) for name in chosen)
        jobs.extend(_listed(root, entry) for entry in entries if entry is not None)
    return Overview(jobs, {folder: len(found) for folder, found in names.items()})


def count_before(root: QueueRoot, paths: Sequence[Path]) -> int:
    """Count the jobs that will be claimed before the one whose file is among `paths`, from the names of their files."""
    mine = next((entry for path in paths if (entry := layout.parse(path.parent.name, path.name))), None)
    if mine is None or mine.folder not in {layout.QUEUED, layout.WAITING}:
        return 0
    now = layout.stamp(time.time_ns())
    due = [layout.parse(layout.WAITING, name) for name in names_in(root.folder(layout.WAITING)) if name <= now]
    before = sum(ordering.claim_order(entry) < ordering.claim_order(mine) for entry in due if entry is not None)
    # The same order, without parsing very many names.
    place = f"{mine.priority}-{mine.stamp}-{mine.key}.json"
    return before + sum(name < place for name in names_in(root.folder(layout.QUEUED)))


def _listed(root: QueueRoot, entry: Entry) -> ListedJob:
    path = root.path / entry.folder / entry.name
    return ListedJob(entry.key, entry.folder, path, entry.priority, entry.stamp, entry.attempt)
