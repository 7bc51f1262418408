"""A job's lock: whoever holds it lives.

The kernel frees the lock the moment its holder dies, however it dies; so a lock that can be taken proves that nobody
has the job in hand, and one that cannot proves that somebody has. Lock files are never unlinked while the queue lives:
an unlinked one would let two processes each hold "the" lock.

This is filelock's native lock on a descriptor of our own, not its `FileLock`: that keeps state a process (singletons,
re-entry, thread-local holders, a silent fall back to a file whose existence is the lock), all of which a worker that
must never take its own live job would have to switch off, and costs forty times as much.
"""

import os
import time
from pathlib import Path

_OPEN_FLAGS = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
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
    from filelock import lock_descriptor  # noqa: PLC0415  # costs 80 ms, which a listing need not pay

    patient_until = time.monotonic() + wait_s
    descriptor = os.open(f"{folder}/{key}.lock", _OPEN_FLAGS, 0o600)
    try:
        while not lock_descriptor(descriptor, blocking=False):
            if time.monotonic() >= patient_until:
                os.close(descriptor)
                return None
            time.sleep(_PAUSE_S)
    except BaseException:
        os.close(descriptor)
        raise
    return KeyLock(key, descriptor)


def is_locked(folder: Path | str, key: str) -> bool:
    """Whether somebody, be it this process, has the lock on `key` now."""
    if not os.path.lexists(f"{folder}/{key}.lock"):
        return False
    lock = acquire(folder, key)
    if lock is None:
        return True
    lock.release()
    return False


def _forget_all() -> None:
    """In a forked child: what the parent holds must not live on when the parent has died."""
    for lock in list(_held):
        lock.forget()
    _held.clear()


os.register_at_fork(after_in_child=_forget_all)
