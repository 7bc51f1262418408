"""Lock of a limit file: held by the process that changes the file, for less than a millisecond.

The kernel frees it when its holder dies. The lock's file may be removed while it is held; so a process that takes the
lock checks that the file still has its name.
"""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

_FLAGS = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_PAUSE_S = 0.002

# A forked child must not keep a lock alive when this process has died.
_held: set[int] = set()


@contextlib.contextmanager
def locked(path: Path, patience_s: float) -> Iterator[None]:
    """Context in which this process, and no other thread of it, holds the lock in the file `path`.

    Raises:
        TimeoutError: another process still holds it after `patience_s` seconds.
        OSError: the file cannot be created or locked.
    """
    descriptor = _acquire(path, time.monotonic() + patience_s)
    _held.add(descriptor)
    try:
        yield
    finally:
        if descriptor in _held:  # else this is a forked child, which has closed it
            _held.discard(descriptor)
            fcntl.flock(descriptor, fcntl.LOCK_UN)  # a child process, just forked, may still have a copy
            os.close(descriptor)


def _acquire(path: Path, patient_until: float) -> int:
    while True:
        descriptor = os.open(path, _FLAGS, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_current(descriptor, path):
                return descriptor
        except BlockingIOError:
            if time.monotonic() >= patient_until:
                os.close(descriptor)
                msg = "another process keeps it locked"
                raise TimeoutError(msg) from None
            time.sleep(_PAUSE_S)
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _is_current(descriptor: int, path: Path) -> bool:
    """Whether an open lock file is still the one with its name."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    except FileNotFoundError:
        return False


def _forget_all() -> None:
    """Close the copies of all locks in a forked child."""
    for descriptor in _held:
        os.close(descriptor)
    _held.clear()


os.register_at_fork(after_in_child=_forget_all)
