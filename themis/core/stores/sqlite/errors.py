"""Translation of SQLite's errors on a store's file into our errors."""

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
_DESCRIPTORS = 3  # the file, its log, and its shared memory


def is_busy(error: sqlite3.Error) -> bool:
    """Whether another connection uses the file now."""
    return _primary_code(error) in _BUSY_CODES


def raise_translated(error: sqlite3.Error, path: Path, busy_timeout_s: float) -> NoReturn:
    """Raise the error that SQLite's error on the file at `path` means.

    Raises:
        StoreError: the file cannot be used; its subclasses say why.
        sqlite3.Error: unchanged, when it is a bug of ours.
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
    """Whether this process can open as many files as a database needs: SQLite does not report that it cannot."""
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
    """Whether a disk is full: SQLite reports an I/O error when it cannot make its shared-memory file."""
    try:
        return os.statvfs(folder).f_bavail == 0
    except OSError:
        return False


def _primary_code(error: sqlite3.Error) -> int:
    return (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
