"""Restored rows: a row from an older backup continues above every number that was used since, as numbers never go back.

An attempt's number names its log, and a version distinguishes a claim from earlier ones. Both are in the journal too,
and an attempt's number in the names of `claimed/`, which a backup of the store alone does not reset.
"""

import os
import time
from collections.abc import Collection
from typing import Any

from themis.core.queue.folder import journal, locks
from themis.core.queue.folder.root import QueueRoot
from themis.core.queue.model import layout
from themis.core.queue.transitions import moves
from themis.core.queue.transitions.moves import Move
from themis.core.stores.job_rows import Change, JobRow
from themis.core.stores.job_store import JobStore

_MOST = 100_000_000  # files in the folder are untrusted, and larger numbers do not fit into a name


def is_behind(root: QueueRoot, row: JobRow, claimed: Collection[str] | None = None) -> bool:
    """Whether a job has used greater numbers than its row contains.

    Args:
        root: the queue.
        row: the job.
        claimed: the names in `claimed/`, from a caller who checks many jobs.
    """
    return _is_behind(row, *_used(root, row, claimed))


def raise_restored_row(root: QueueRoot, store: JobStore, key: str) -> JobRow | None:
    """Raise a job's numbers above all that were used; return the new row, or None when there was nothing to do.

    Lock and version as in every move; no file is taken, as the state is unchanged. A locked job is left alone.
    """
    row = store.load(key)
    if row is None or not is_behind(root, row):
        return None
    lock = locks.acquire(root.locks_folder, key)
    if lock is None:
        return None
    try:
        row = store.load(key)
        if row is None:
            return None
        version, attempt = _used(root, row)
        if not _is_behind(row, version, attempt):
            return None
        after = row._replace(
            version=max(version, row.version) + 1, attempt=max(attempt, row.attempt), updated_ns=time.time_ns()
        )
        move = Move(lambda _: Change(after), heeds_requests=False)
        moved = moves.make(root, store, row, move, after.updated_ns)
    finally:
        lock.release()
    if moved is not None:
        journal.note(
            root.folder(layout.JOURNAL), key, "raise", attempt=after.attempt, version=after.version, why="older backup"
        )
    return None if moved is None else moved.row


def _is_behind(row: JobRow, version: int, attempt: int) -> bool:
    return version > row.version or attempt > row.attempt


def _used(root: QueueRoot, row: JobRow, claimed: Collection[str] | None = None) -> tuple[int, int]:
    """Return the greatest version and attempt of a job in its journal and in the names of `claimed/`."""
    lines = journal.read(root.folder(layout.JOURNAL), row.key)
    # Few: running jobs only.
    names = os.listdir(root.folder(layout.CLAIMED)) if claimed is None else claimed  # noqa: PTH208
    entries = (layout.parse(layout.CLAIMED, name) for name in names if name.startswith(row.key))
    attempts = [entry.attempt for entry in entries if entry is not None and entry.key == row.key]
    version = max((_number(line.get("version")) for line in lines), default=0)
    return version, max([*(_number(line.get("attempt")) for line in lines), *map(_number, attempts)], default=0)


def _number(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < _MOST else 0
