"""Outages: whether an error over a file of a queue is the machine's, and passes, or the file's.

A disk that is full, a store that is busy or a process without memory says nothing of the file that was looked into just
then: it is left where it lies. Whatever else is raised over one file is that file's: it is set aside, and the next is
looked into, so that no file stops a worker.
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
"""What Python says when the system has none left."""

SCARCE_ERRNOS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EAGAIN, errno.ENOBUFS, errno.ENOMEM, errno.ENFILE})
"""The machine lacks something: room, processes and threads, buffers, memory, open files."""

BROKEN_ERRNOS = frozenset({errno.EIO, errno.EROFS})
"""A disk does not work, or is not to be written."""


class Lack(StrEnum):
    """Kind of an outage, which decides whom it is charged to; see `themis_workers.slots.outages`."""

    BUSY = "busy"
    """A store that others write to, or that is for newer versions."""

    SCARCE = "scarce"
    """Room, memory, threads: there may be some again a moment later."""

    BROKEN = "broken"
    """Reading or writing fails: a disk's fault, or that of the process that tried."""


_LACKS: tuple[tuple[tuple[type[Exception], ...], Lack], ...] = (
    ((StoreFullError,), Lack.SCARCE),
    ((StoreOutageError,), Lack.BROKEN),
    ((StoreBusyError, NewerSchemaError), Lack.BUSY),
)


def lack_of(error: Exception) -> Lack | None:
    """Kind of the outage that an error stands for; None for any other error."""
    for kinds, lack in _LACKS:
        if isinstance(error, kinds):
            return lack
    number = error.errno if isinstance(error, OSError) else None
    if number in SCARCE_ERRNOS or lacks_threads(error):
        return Lack.SCARCE
    return Lack.BROKEN if number in BROKEN_ERRNOS else None


def is_of_machine(error: Exception) -> bool:
    """Whether an error is one of the machine and what it has, rather than one of what was worked on."""
    machine = (OSError, StoreError, NetworkFilesystemError, MemoryError)
    return isinstance(error, machine) or lacks_threads(error)


def lacks_threads(error: BaseException) -> bool:
    """Whether the system had no thread left to start."""
    return isinstance(error, RuntimeError) and NO_THREAD in str(error)


def refusal(name: str, error: Exception) -> ManifestError:
    """The reason to set a file aside over which `error` was raised."""
    detail = f"cannot be worked on: {type(error).__name__}: {error}"
    return ManifestError(name=name, reason="unworkable", detail=detail)
