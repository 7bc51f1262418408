"""Locks that prove that holders are alive: one byte of the quota file each, far behind its content.

They belong to the open file, not to the process (open file description locks of Linux), and the kernel frees them when
their process dies, in whatever PID namespace it is. Elsewhere a holder is looked up by its pid.
"""

import fcntl
import os
import struct

from themis.core.processes import identity
from themis.core.shared_limits.quota_document import QuotaHolder

_FIRST_BYTE = 2**40
_FORM = "@hhqqi4x"  # struct flock: type, whence, start, length, pid
_ASK: int | None = getattr(fcntl, "F_OFD_GETLK", None)
_SET: int | None = getattr(fcntl, "F_OFD_SETLK", None)

PROVES = _SET is not None
"""Whether a lock that can be taken proves that no process holds its number."""


def take(descriptor: int, number: int) -> bool:
    """Take the lock of a holder; whether it was free."""
    if _SET is None:
        return True
    try:
        fcntl.fcntl(descriptor, _SET, _lock(fcntl.F_WRLCK, number))
    except (BlockingIOError, PermissionError):
        return False
    return True


def release(descriptor: int, number: int) -> None:
    """Release the lock of a holder, of which a child process that was just forked may still have a copy."""
    if _SET is not None:
        fcntl.fcntl(descriptor, _SET, _lock(fcntl.F_UNLCK, number))


def is_alive(descriptor: int, number: int, holder: QuotaHolder) -> bool:
    """Whether the process of a holder, another one than this, is alive."""
    if _ASK is None:
        return identity.process_started(holder.pid) == holder.pid_started
    answer = fcntl.fcntl(descriptor, _ASK, _lock(fcntl.F_WRLCK, number))
    return bool(struct.unpack(_FORM, answer)[0] != fcntl.F_UNLCK)


def _lock(kind: int, number: int) -> bytes:
    return struct.pack(_FORM, kind, os.SEEK_SET, _FIRST_BYTE + number, 1, 0)
