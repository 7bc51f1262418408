"""Pruning: jobs that ended long ago leave the queue; their files are removed, their rows stay.

The row keeps what is guaranteed: how the job ended, with its reason, and numbers that never go back. It is then in no
queue, so that nothing lists it, restores its file or claims it; submitting the same experiment takes it over unchanged,
like an ended job of another queue. Its results belong to the store and are not touched.

The order, under the key's lock: the files are removed first, durably, then the row leaves the queue, and the lock's own
file is removed last. A process that dies in between leaves an ended job of this queue without a file, which the doctor
writes again and the next prune removes; or a lock file without a job, which the next prune removes too.

Jobs are processed in pages, so that few are in memory at a time, however many there are.
"""

import contextlib
import os
import shutil
import stat
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from themis.core.errors import QueueBusyError
from themis.core.files import durable
from themis.core.queue.folder import locks
from themis.core.queue.folder.root import QueueRoot
from themis.core.queue.folder.store_registry import ScanProgress, StoreRegistry, rows_of
from themis.core.queue.model import layout, states
from themis.core.queue.model.states import ENDED
from themis.core.queue.transitions import moves, quarantine
from themis.core.queue.transitions.claims import clear_cancel_flag
from themis.core.queue.transitions.moves import Move
from themis.core.stores.job_rows import JobRow
from themis.core.stores.job_store import JobStore
from themis.core.stores.queues.dependents import WAITS

_BATCH = 200  # number of jobs whose locks are held, folders synced and rows committed together


@dataclass(frozen=True, slots=True)
class Prunable:
    """Ended job or rejected file that is old enough to be removed.

    Attributes:
        name: a job's key; for a rejected file its name.
        state: one of `layout.PRUNABLE`.
        ended_ns: time of its end, in nanoseconds since 1970 UTC.
        size_bytes: size of all its files.
        version: version of the job's row; None for a rejected file.
        store: store of the row; None for a rejected file.
    """

    name: str
    state: str
    ended_ns: int
    size_bytes: int
    version: int | None = None
    store: JobStore | None = field(default=None, repr=False, compare=False)


def prunable(
    root: QueueRoot,
    registry: StoreRegistry,
    wanted: Collection[str],
    before_ns: int,
    progress: ScanProgress | None = None,
) -> Iterator[Prunable]:
    """Find what is in one of the states `wanted` and ended before a time, jobs first, by key; change nothing."""
    for store, row in rows_of(root, registry, progress):
        if row.state in ENDED and row.state in wanted and _ended_ns(row) < before_ns:
            yield Prunable(row.key, row.state, _ended_ns(row), _size(root, row), row.version, store)
    if layout.REJECTED in wanted:
        yield from _rejected(root, before_ns)


def prune(root: QueueRoot, items: Iterable[Prunable]) -> Iterator[Prunable]:
    """Remove what `prunable` found, and yield each that was removed; what has changed since, or is in use, is skipped.

    Raises:
        QueueBusyError: another process keeps the lock on rejected files.
    """
    listed: dict[str, list[str]] | None = None
    found = iter(items)
    while batch := list(islice(found, _BATCH)):
        by_store: dict[str, list[Prunable]] = {}
        for item in batch:
            by_store.setdefault(item.store.store_id if item.store else "", []).append(item)
        yield from _prune_rejected(root, by_store.pop("", []))
        for of_store in by_store.values():
            listed = moves.list_files(root) if listed is None else listed
            yield from _prune_jobs(root, of_store, listed)


def _prune_jobs(root: QueueRoot, items: Sequence[Prunable], listed: Mapping[str, Sequence[str]]) -> list[Prunable]:
    """Remove jobs of one store; return those that were removed."""
    store = items[0].store
    assert store is not None, "a job has a store"  # noqa: S101
    with contextlib.ExitStack() as held:
        going: list[tuple[Prunable, JobRow, locks.KeyLock]] = []
        for item in items:
            lock = locks.acquire(root.locks_folder, item.name)
            if lock is not None:
                held.callback(lock.release)
                row = store.load(item.name)
                known = row is not None and (row.queue_id, row.version) == (root.queue_id, item.version)
                # Those that wait for it are to hear of its end first.
                if row is not None and known and not row.awaited & WAITS and not _is_moved_elsewhere(root, row, listed):
                    going.append((item, row, lock))
        _remove_files(root, [row for _, row, _ in going], listed)
        now_ns = time.time_ns()
        with store.transaction():
            for _, row, _ in going:
                moves.make(root, store, row, Move(lambda read: states.pruned(read, now_ns)), now_ns)
        for _, _, lock in going:
            lock.remove(root.locks_folder)
        return [item for item, _, _ in going]


def _is_moved_elsewhere(root: QueueRoot, row: JobRow, listed: Mapping[str, Sequence[str]]) -> bool:
    """Whether another host, which the lock does not keep out, may be in the middle of moving an ended job's file."""
    claimed = root.folder(layout.CLAIMED)
    return root.shared and any(path.startswith(claimed) for path in moves.locate(root, row, listed))


def _remove_files(root: QueueRoot, rows: Sequence[JobRow], listed: Mapping[str, Sequence[str]]) -> None:
    touched: set[str] = set()
    for row in rows:
        clear_cancel_flag(root, row.key)
        root.notes.remove(row.key)
        durable.unlink(_journal(root, row.key))
        _remove_tree(_logs(root, row.key))
        for path in moves.locate(root, row, listed):
            durable.unlink(path)
            touched.add(os.path.dirname(path))  # noqa: PTH120
    for folder in sorted(touched):
        durable.fsync_folder(folder)


def _rejected(root: QueueRoot, before_ns: int) -> Iterator[Prunable]:
    for name in os.listdir(root.folder(layout.REJECTED)):  # noqa: PTH208
        if name.endswith(layout.REASON_SUFFIX):
            continue
        path, reason = _rejected_paths(root, name)
        # The reason is written when the file is rejected; for a file without one the last change counts.
        since_ns = _modified_ns(reason) or _modified_ns(path)
        if since_ns is not None and since_ns < before_ns:
            yield Prunable(name, layout.REJECTED, since_ns, _size_of(path) + _size_of(reason))


def _prune_rejected(root: QueueRoot, items: Sequence[Prunable]) -> Iterator[Prunable]:
    if not items:
        return
    lock = locks.acquire(root.locks_folder, quarantine.LOCK, wait_s=quarantine.LOCK_WAIT_S)
    if lock is None:
        raise QueueBusyError(path=root.path, key=quarantine.LOCK)
    try:
        for item in items:
            path, reason = _rejected_paths(root, item.name)
            if (_modified_ns(reason) or _modified_ns(path)) == item.ended_ns:
                _remove_tree(path)
                durable.unlink(reason)
                yield item
    finally:
        lock.release()


def _rejected_paths(root: QueueRoot, name: str) -> tuple[str, str]:
    path = f"{root.folder(layout.REJECTED)}/{name}"
    return path, f"{path}{layout.REASON_SUFFIX}"


def _ended_ns(row: JobRow) -> int:
    return row.ended_ns if row.ended_ns is not None else row.updated_ns


# Paths are strings here, for speed: there may be millions.


def _journal(root: QueueRoot, key: str) -> str:
    return f"{root.folder(layout.JOURNAL)}/{key}.jsonl"


def _logs(root: QueueRoot, key: str) -> str:
    return f"{root.folder(layout.LOGS)}/{key}"


def _size(root: QueueRoot, row: JobRow) -> int:
    places = (f"{root.folder(row.state)}/{row.key}.json", _journal(root, row.key), _logs(root, row.key))
    return sum(map(_size_of, places))


def _size_of(path: str) -> int:
    """Return the size in bytes of a file, or of a folder with all its content; 0 when it does not exist."""
    try:
        found = os.lstat(path)
        if stat.S_ISDIR(found.st_mode):
            return sum(_size_of(f"{path}/{name}") for name in os.listdir(path))  # noqa: PTH208
    except OSError:
        return 0
    return found.st_size


def _modified_ns(path: str) -> int | None:
    try:
        return os.lstat(path).st_mtime_ns
    except OSError:
        return None


def _remove_tree(path: str) -> None:
    """Remove a file, or a folder with all its content, if it exists."""
    try:
        is_folder = stat.S_ISDIR(os.lstat(path).st_mode)
    except FileNotFoundError:
        return
    if is_folder:
        durable.step("remove_tree", path)
        shutil.rmtree(path, ignore_errors=True)
    else:
        durable.unlink(path)
