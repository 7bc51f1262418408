"""Leftover files of killed processes: hidden files that were not renamed, and lock files of removed jobs."""

import contextlib
import os
import time
from collections.abc import Iterator

from themis.core.files import durable
from themis.core.queue.folder import locks
from themis.core.queue.folder.root import QueueRoot
from themis.core.queue.folder.store_registry import ScanProgress, StoreRegistry, rows_of
from themis.core.queue.model import layout

OLD_S = 3_600.0
"""Age in seconds from which a hidden file counts as a leftover: its writer renames or removes it at once."""

_LOCK_SUFFIX = ".lock"


def hidden_files(root: QueueRoot) -> Iterator[str]:
    """Yield the paths of files that were being written, or were about to be renamed, when their process was killed."""
    for name in (layout.TMP, *layout.JOB_FOLDERS, layout.REJECTED):
        with os.scandir(root.folder(name)) as files:
            for file in files:
                is_ours = name == layout.TMP or file.name.startswith(durable.PROBE_PREFIX)
                with contextlib.suppress(FileNotFoundError):  # just renamed into place by its writer
                    if is_ours and time.time() - file.stat(follow_symlinks=False).st_mtime > OLD_S:
                        yield file.path


def sweep(root: QueueRoot, registry: StoreRegistry, progress: ScanProgress | None = None) -> int:
    """Remove leftover files; return their number.

    Lock files are kept while a store cannot be opened: its jobs, which may need theirs, are unknown then.
    """
    removed = 0
    for path in hidden_files(root):
        durable.unlink(path)
        removed += 1
    if not registry.unusable():
        for key in _unused_locks(root, registry, progress):
            removed += _remove_lock(root, registry, key)
    return removed


def _unused_locks(root: QueueRoot, registry: StoreRegistry, progress: ScanProgress | None) -> Iterator[str]:
    """Yield the keys that have a lock file and no row in this queue.

    Both are read in order of the keys, so that neither has to be in memory as a set.
    """
    names = sorted(name for name in os.listdir(root.locks_folder) if name.endswith(_LOCK_SUFFIX))  # noqa: PTH208
    keys = (name.removesuffix(_LOCK_SUFFIX) for name in names)
    wanted = (key for key in keys if layout.is_key(key))
    lock_key = next(wanted, None)
    for _, row in rows_of(root, registry, progress):
        while lock_key is not None and lock_key < row.key:
            yield lock_key
            lock_key = next(wanted, None)
        if lock_key == row.key:
            lock_key = next(wanted, None)
    if lock_key is not None:
        yield lock_key
        yield from wanted


def _remove_lock(root: QueueRoot, registry: StoreRegistry, key: str) -> bool:
    """Remove a lock file, unless it is locked, or a job that needs it has been submitted."""
    lock = locks.acquire(root.locks_folder, key)
    if lock is None:
        return False
    try:
        if registry.find_exactly(key) is None:
            root.notes.remove(key)
            lock.remove(root.locks_folder)
            return True
    finally:
        lock.release()
    return False
