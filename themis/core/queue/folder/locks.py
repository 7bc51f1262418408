"""Lock of a job: its holder is alive.

The kernel frees the lock the moment its holder dies, however it dies; so a lock that can be taken proves that no
process has the job, and one that cannot proves that a process has it.

A lock file is removed with its job, only by the holder of the lock. Another process may have opened the file before
that and lock it after: it would hold a lock on a file that no other process opens. So a process that has locked a file
compares it with the file that now has its name, and opens that one if it is different.

This uses filelock's native lock on a descriptor of our own, not its `FileLock`: that keeps state in the process
(singletons, re-entry, thread-local holders, a silent fallback to a file whose existence is the lock), all of which a
worker that must never take its own live job would have to switch off, and takes forty times as long.
"""

import os
import time
from collections.abc import Iterable
from pathlib import Path

from themis.core.files import durable

_OPEN_FLAGS = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_PAUSE_S = 0.005

# All of them, also one whose claim was never settled: a forked child must close its copy of each.
_held: "set[KeyLock]" = set()


class KeyLock:
    """Lock that this process holds, until it is released or the process dies."""

    __slots__ = ("_descriptor", "key")

    def __init__(self, key: str, descriptor: int) -> None:
        """Wrap the lock on `key`, held through `descriptor`."""
        self.key = key
        self._descriptor: int | None = descriptor
        _held.add(self)

    @property
    def is_held(self) -> bool:
        """Whether it has not been released."""
        return self._descriptor is not None

    def release(self) -> None:
        """Release the lock; harmless when repeated, and from any thread."""
        from filelock import unlock_descriptor  # noqa: PLC0415  # costs 80 ms, and is already imported: the lock was taken with it

        descriptor, self._descriptor = self._descriptor, None
        _held.discard(self)
        if descriptor is not None:
            try:
                # Closing alone does not release it while a child process, just forked, still has a copy.
                unlock_descriptor(descriptor)
            finally:
                os.close(descriptor)

    def remove(self, folder: Path | str) -> None:
        """Remove the lock's file while it is held, and release it: for a key that is no longer used."""
        durable.unlink(f"{folder}/{self.key}.lock")
        self.release()

    def forget(self) -> None:
        """Close this process's copy of a lock that its parent holds."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


def acquire(folder: Path | str, key: str, *, wait_s: float = 0.0) -> KeyLock | None:
    """Take the lock on `key`; None when another process still holds it after `wait_s` seconds.

    Raises:
        OSError: the lock file cannot be made or locked.
    """
    return _acquire(folder, key, _OPEN_FLAGS | os.O_CREAT, wait_s)


def is_locked(folder: Path | str, key: str) -> bool:
    """Whether any process, including this one, holds the lock on `key` now."""
    try:
        lock = _acquire(folder, key, _OPEN_FLAGS, 0.0)
    except FileNotFoundError:
        return False
    if lock is None:
        return True
    lock.release()
    return False


def remove_unused(folder: Path | str, keys: Iterable[str]) -> int:
    """Remove the lock files of keys that are no longer used, except those that are locked; return their number."""
    removed = 0
    for key in keys:
        lock = acquire(folder, key)
        if lock is not None:
            lock.remove(folder)
            removed += 1
    return removed


def _acquire(folder: Path | str, key: str, flags: int, wait_s: float) -> KeyLock | None:
    from filelock import lock_descriptor  # noqa: PLC0415  # costs 80 ms, which a listing does not need

    path = f"{folder}/{key}.lock"
    patient_until = time.monotonic() + wait_s
    while True:
        descriptor = os.open(path, flags, 0o600)
        try:
            if not lock_descriptor(descriptor, blocking=False):
                if time.monotonic() >= patient_until:
                    os.close(descriptor)
                    return None
                time.sleep(_PAUSE_S)
            elif _is_current(descriptor, path):
                return KeyLock(key, descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # its holder may have removed the file: the next round opens the current one


def _is_current(descriptor: int, path: str) -> bool:
    """Whether an open lock file is still the one with its name."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.lstat(path))
    except FileNotFoundError:
        return False


def _forget_all() -> None:
    """Close the copies of all locks in a forked child: the parent's locks must be freed when the parent dies."""
    for lock in list(_held):
        lock.forget()
    _held.clear()


os.register_at_fork(after_in_child=_forget_all)
