"""Files in folders that others may write to: never reached through a link, never waited for, never read without end.

What is written here need not outlive a crash; what must is written by `durable_files`.
"""

import os
from pathlib import Path

_GUARDED = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_PRIVATE_MODE = 0o600


def open_to_read(path: Path | str) -> int:
    """A descriptor to read a file by.

    Raises:
        OSError: it cannot be opened; ELOOP when it is a link.
    """
    return os.open(path, os.O_RDONLY | _GUARDED)


def open_to_append(path: Path | str) -> int:
    """A descriptor to add to a file by, which is made (mode 0600) unless it is there.

    Raises:
        OSError: it cannot be opened; ELOOP when it is a link, ENXIO when it is a pipe that nobody reads.
    """
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | _GUARDED, _PRIVATE_MODE)


def touch(path: Path | str) -> None:
    """Write the one byte of a file again, which is made (mode 0600) unless it is there: who watches it notices.

    Raises:
        OSError: it cannot be opened or written; ELOOP when it is a link, ENXIO when it is a pipe that nobody reads.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | _GUARDED, _PRIVATE_MODE)
    try:
        os.pwrite(descriptor, b"!", 0)
    finally:
        os.close(descriptor)


def read(path: Path | str, most_bytes: int) -> bytes:
    """What a file begins with, as far as `most_bytes`.

    Raises:
        OSError: it cannot be opened or read; it is a link, or a folder.
    """
    descriptor = open_to_read(path)
    try:
        data = b""
        while len(data) < most_bytes and (part := os.read(descriptor, most_bytes - len(data))):
            data += part
        return data
    finally:
        os.close(descriptor)


def replace(path: Path, data: bytes, mode: int = _PRIVATE_MODE) -> None:
    """Put a file of `data` at `path`, whole for whoever reads it; one process writes it, and nobody else.

    Args:
        path: the file.
        data: what it holds from now on.
        mode: less the umask.

    Raises:
        OSError: it cannot be written; then what was there is left, and nothing beside it.
    """
    hidden = path.with_name(f".{path.name}.{os.getpid()}")
    hidden.unlink(missing_ok=True)  # left by a process of the same number that was killed here
    descriptor = os.open(hidden, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _GUARDED, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        hidden.replace(path)
    except OSError:
        hidden.unlink(missing_ok=True)
        raise
