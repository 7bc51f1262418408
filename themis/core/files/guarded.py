"""Files in folders that others may write to: links are not followed, opening never blocks, reads are bounded.

Files written here need not outlive a crash; those that must are written by `themis.core.files.durable`.
"""

import os
from pathlib import Path

_GUARDED = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_PRIVATE_MODE = 0o600


def open_to_read(path: Path | str) -> int:
    """Return a descriptor for reading a file.

    Raises:
        OSError: it cannot be opened; ELOOP when it is a link.
    """
    return os.open(path, os.O_RDONLY | _GUARDED)


def open_to_append(path: Path | str) -> int:
    """Return a descriptor for appending to a file, which is created (mode 0600) unless it exists.

    Raises:
        OSError: it cannot be opened; ELOOP when it is a link, ENXIO when it is a pipe that nobody reads.
    """
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | _GUARDED, _PRIVATE_MODE)


def touch(path: Path | str) -> None:
    """Write the one byte of a file again, creating it (mode 0600) unless it exists, so that its watchers notice.

    Raises:
        OSError: it cannot be opened or written; ELOOP when it is a link, ENXIO when it is a pipe that nobody reads.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | _GUARDED, _PRIVATE_MODE)
    try:
        os.pwrite(descriptor, b"!", 0)
    finally:
        os.close(descriptor)


def read(path: Path | str, most_bytes: int) -> bytes:
    """Return the beginning of a file, at most `most_bytes` bytes.

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
    """Write `data` to `path` so that readers see only complete files; only one process may write it.

    Args:
        path: the file.
        data: the new content.
        mode: less the umask.

    Raises:
        OSError: it cannot be written; then the old file is unchanged, and no other file is left.
    """
    hidden = path.with_name(f".{path.name}.{os.getpid()}")
    hidden.unlink(missing_ok=True)  # left by a killed process that had the same process id
    descriptor = os.open(hidden, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _GUARDED, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        hidden.replace(path)
    except OSError:
        hidden.unlink(missing_ok=True)
        raise
