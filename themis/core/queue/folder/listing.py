"""Listing of a queue from the names of its files alone: quick, however many there are."""

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
class Overview:
    """A queue at a glance.

    Attributes:
        jobs: the first of each folder, folder by folder, in the order of their names.
        counts: how many files lie in each folder, and in `rejected`.
    """

    jobs: list[ListedJob]
    counts: dict[str, int]


def names_in(folder: Path | str) -> list[str]:
    """The names in a folder, but for those that begin with a dot: they are being written, or none of ours."""
    try:
        names = os.listdir(folder)  # noqa: PTH208  # names are all that is needed, of very many
    except FileNotFoundError:
        return []
    return [name for name in names if name[0] != "."]


def names_by_folder(queue_root: Path) -> dict[str, list[str]]:
    """The names in each of `SHOWN_FOLDERS`, and of the files in `rejected`; each folder is listed once.

    What is no job's file in a folder of ended jobs, such as a README, is not among them.
    """
    names = {folder: names_in(queue_root / folder) for folder in (*SHOWN_FOLDERS, layout.REJECTED)}
    for folder in layout.END_FOLDERS:
        names[folder] = list(filter(layout.may_have_ended, names[folder]))
    names[layout.REJECTED] = [name for name in names[layout.REJECTED] if not name.endswith(layout.REASON_SUFFIX)]
    return names


def look_over(root: QueueRoot, folders: Sequence[str], limit: int | None) -> Overview:
    """The first `limit` jobs (None for all) of some of `SHOWN_FOLDERS`, and the counts of all."""
    names = names_by_folder(root.path)
    jobs: list[ListedJob] = []
    for folder in filter(folders.__contains__, SHOWN_FOLDERS):
        chosen = sorted(names[folder]) if limit is None else heapq.nsmallest(limit - len(jobs), names[folder])
        entries = (layout.parse(folder, name) for name in chosen)
        jobs.extend(_listed(root, entry) for entry in entries if entry is not None)
    return Overview(jobs, {folder: len(found) for folder, found in names.items()})


def count_before(root: QueueRoot, paths: Sequence[Path]) -> int:
    """Number of jobs due before the one whose file is among `paths`, by the names of their files."""
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
