"""Outages: tell an error of the machine, which passes, from an error of the file that was being processed.

A full disk, a busy store or a process without memory is not a fault of the file that was being read: the file is left
in place. Any other error is attributed to the file: it is quarantined and the next file is tried, so that no file stops
a worker.
"""

import errno
from enum import StrEnum

from themis.core.errors import (
    ManifestError,
    NetworkFilesystemError,
    NewerSchemaError,
    StoreBusyError,
    StoreError,
    StoreFullError,
    StoreOutageError,
)

NO_THREAD = "can't start new thread"
"""Message of Python's error when the system cannot start another thread."""

SCARCE_ERRNOS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EAGAIN, errno.ENOBUFS, errno.ENOMEM, errno.ENFILE})
"""Error numbers for a lack of room, processes and threads, buffers, memory or open files."""

BROKEN_ERRNOS = frozenset({errno.EIO, errno.EROFS})
"""Error numbers for a disk that fails or is read-only."""


class Lack(StrEnum):
    """Kind of an outage, which decides its scope; see `themis_workers.slots.outages`."""

    BUSY = "busy"
    """A store that is busy, or of a newer version."""

    SCARCE = "scarce"
    """Room, memory or threads, which may be available again a moment later."""

    BROKEN = "broken"
    """Reading or writing, by a fault of the disk or of the process that tried."""


_LACKS: tuple[tuple[tuple[type[Exception], ...], Lack], ...] = (
    ((StoreFullError,), Lack.SCARCE),
    ((StoreOutageError,), Lack.BROKEN),
    ((StoreBusyError, NewerSchemaError), Lack.BUSY),
)


def lack_of(error: Exception) -> Lack | None:
    """Return the kind of an outage; None for an error that is not an outage."""
    for kinds, lack in _LACKS:
        if isinstance(error, kinds):
            return lack
    number = error.errno if isinstance(error, OSError) else None
    if number in SCARCE_ERRNOS or lacks_threads(error):
        return Lack.SCARCE
    return Lack.BROKEN if number in BROKEN_ERRNOS else None


def is_of_machine(error: Exception) -> bool:
    """Whether an error comes from the machine and its resources rather than from the data that was processed."""
    machine = (OSError, StoreError, NetworkFilesystemError, MemoryError)
    return isinstance(error, machine) or lacks_threads(error)


def lacks_threads(error: BaseException) -> bool:
    """Whether the system could not start another thread."""
    return isinstance(error, RuntimeError) and NO_THREAD in str(error)


def refusal(name: str, error: Exception) -> ManifestError:
    """Return the reason for quarantining a file that raised `error`."""
    detail = f"cannot be worked on: {type(error).__name__}: {error}"
    return ManifestError(name=name, reason="unworkable", detail=detail)
