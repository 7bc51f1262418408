"""Lock of a job: the process that holds it lives.

The kernel frees the lock the moment its holder dies, however it dies; so a lock that can be taken proves that nobody
has the job, and one that cannot proves that somebody has.

A lock file is removed with its job, only by who holds the lock. Another process may have opened the file before that
and lock it after: it would hold a lock that nobody else meets. So a process that has locked a file compares it with
what its name leads to, and opens that one if it is another.

This is filelock's native lock on a descriptor of our own, not its `FileLock`: that keeps state a process (singletons,
re-entry, thread-local holders, a silent fall back to a file whose existence is the lock), all of which a worker that
must never take its own live job would have to switch off, and costs forty times as much.
"""

import os
import time
from collections.abc import Iterable
from pathlib import Path

from themis.core.files import durable

_OPEN_FLAGS = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_PAUSE_S = 0.005

# All of them, also one whose claim somebody forgot to settle: a forked child must close its copy of each.
_held: "set[KeyLock]" = set()


class KeyLock:
    """A lock that this process holds, until it is released or the process dies."""

    __slots__ = ("_descriptor", "key")

    def __init__(self, key: str, descriptor: int) -> None:
        """The lock on `key`, held through `descriptor`."""
        self.key = key
        self._descriptor: int | None = descriptor
        _held.add(self)

    @property
    def is_held(self) -> bool:
        """Whether it has not been released."""
        return self._descriptor is not None

    def release(self) -> None:
        """Let others have the key; harmless when repeated, and from any thread."""
        from filelock import unlock_descriptor  # noqa: PLC0415  # costs 80 ms, and is here: the lock was taken with it

        descriptor, self._descriptor = self._descriptor, None
        _held.discard(self)
        if descriptor is not None:
            try:
                # Closing alone would not do while a child process, just forked, still has a copy.
                unlock_descriptor(descriptor)
            finally:
                os.close(descriptor)

    def remove(self, folder: Path | str) -> None:
        """Remove the lock's file while it is held, and release it: for a key that is of no use any more."""
        durable.unlink(f"{folder}/{self.key}.lock")
        self.release()

    def forget(self) -> None:
        """Close this process's copy of a lock that its parent holds."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


def acquire(folder: Path | str, key: str, *, wait_s: float = 0.0) -> KeyLock | None:
    """Take the lock on `key`; None when another has it, and still has it after `wait_s` seconds.

    Raises:
        OSError: the lock file cannot be made or locked.
    """
    return _acquire(folder, key, _OPEN_FLAGS | os.O_CREAT, wait_s)


def is_locked(folder: Path | str, key: str) -> bool:
    """Whether somebody, be it this process, has the lock on `key` now."""
    try:
        lock = _acquire(folder, key, _OPEN_FLAGS, 0.0)
    except FileNotFoundError:
        return False
    if lock is None:
        return True
    lock.release()
    return False


def remove_unused(folder: Path | str, keys: Iterable[str]) -> int:
    """Remove the lock files of keys that are of no use any more, but for those that somebody holds; how many."""
    removed = 0
    for key in keys:
        lock = acquire(folder, key)
        if lock is not None:
            lock.remove(folder)
            removed += 1
    return removed


def _acquire(folder: Path | str, key: str, flags: int, wait_s: float) -> KeyLock | None:
    from filelock import lock_descriptor  # noqa: PLC0415  # costs 80 ms, which a listing need not pay

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
        os.close(descriptor)  # its holder may have removed the file: the next round opens the one that is there


def _is_current(descriptor: int, path: str) -> bool:
    """Whether an open lock file is still the one that its name leads to."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.lstat(path))
    except FileNotFoundError:
        return False


def _forget_all() -> None:
    """In a forked child: what the parent holds must not live on when the parent has died."""
    for lock in list(_held):
        lock.forget()
    _held.clear()


os.register_at_fork(after_in_child=_forget_all)
