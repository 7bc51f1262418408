"""From what SQLite says is wrong with a store's file to our errors."""

import os
import sqlite3
from pathlib import Path
from typing import NoReturn

from themis.core.errors import (
    StoreBusyError,
    StoreCorruptError,
    StoreError,
    StoreFullError,
    StoreIOError,
    StoreReadOnlyError,
)
from themis.core.stores import file_errors

_BUSY_CODES = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_ERRORS: dict[int, type[StoreError]] = {
    sqlite3.SQLITE_CORRUPT: StoreCorruptError,
    sqlite3.SQLITE_NOTADB: StoreCorruptError,
    sqlite3.SQLITE_FULL: StoreFullError,
    sqlite3.SQLITE_IOERR: StoreIOError,
    sqlite3.SQLITE_READONLY: StoreReadOnlyError,
    sqlite3.SQLITE_CANTOPEN: StoreReadOnlyError,
    sqlite3.SQLITE_PERM: StoreReadOnlyError,
}
_DESCRIPTORS = 3  # the file, its log, and the memory that its processes share


def is_busy(error: sqlite3.Error) -> bool:
    """Whether another one uses the file just now."""
    return _primary_code(error) in _BUSY_CODES


def raise_translated(error: sqlite3.Error, path: Path, busy_timeout_s: float) -> NoReturn:
    """Raise what SQLite's error on the file at `path` means.

    Raises:
        StoreError: a file that cannot be used; its subclasses say why.
        sqlite3.Error: as it is, when that is a fault of ours.
    """
    code = _primary_code(error)
    if code in _BUSY_CODES:
        raise StoreBusyError(path=path, seconds=busy_timeout_s) from error
    if code == sqlite3.SQLITE_CANTOPEN and not _can_open_files():
        raise file_errors.too_many_files(path) from error
    if code == sqlite3.SQLITE_IOERR and _is_full(path.parent):
        raise StoreFullError(path=path, detail=str(error)) from error
    if code in _ERRORS:
        raise _ERRORS[code](path=path, detail=str(error)) from error
    if isinstance(error, sqlite3.OperationalError):
        raise StoreError(path=path, detail=str(error)) from error
    raise error


def _can_open_files() -> bool:
    """Whether this process can open so many more files as a database needs: SQLite does not say that it cannot."""
    opened: list[int] = []
    try:
        opened.extend(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC) for _ in range(_DESCRIPTORS))
    except OSError as error:
        return error.errno not in file_errors.TOO_MANY
    finally:
        for descriptor in opened:
            os.close(descriptor)
    return True


def _is_full(folder: Path) -> bool:
    """Whether a disk has no room left: SQLite calls it an I/O error when it cannot make the file that it shares."""
    try:
        return os.statvfs(folder).f_bavail == 0
    except OSError:
        return False


def _primary_code(error: sqlite3.Error) -> int:
    return (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
