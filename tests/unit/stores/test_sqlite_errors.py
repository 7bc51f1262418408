"""What is wrong with a store's file, by what SQLite and the system say."""

import errno
import os
import sqlite3
from pathlib import Path
from types import SimpleNamespace

import pytest

from themis.core.errors import (
    StoreBusyError,
    StoreCorruptError,
    StoreError,
    StoreFullError,
    StoreIOError,
    StoreReadOnlyError,
)
from themis.core.stores import file_errors
from themis.core.stores.sqlite import errors as sqlite_errors

PATH = Path("/srv/s.sqlite3")


def _said(code: int | None, kind: type[sqlite3.Error] = sqlite3.OperationalError) -> sqlite3.Error:
    error = kind("as SQLite says")
    if code is not None:
        error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (_said(sqlite3.SQLITE_BUSY), StoreBusyError),
        (_said(sqlite3.SQLITE_BUSY | 0x200), StoreBusyError),  # an extended code
        (_said(sqlite3.SQLITE_LOCKED), StoreBusyError),
        (_said(sqlite3.SQLITE_CORRUPT), StoreCorruptError),
        (_said(sqlite3.SQLITE_NOTADB), StoreCorruptError),
        (_said(sqlite3.SQLITE_FULL), StoreFullError),
        (_said(sqlite3.SQLITE_IOERR), StoreIOError),
        (_said(sqlite3.SQLITE_READONLY), StoreReadOnlyError),
        (_said(sqlite3.SQLITE_CANTOPEN), StoreReadOnlyError),
        (_said(sqlite3.SQLITE_PERM), StoreReadOnlyError),
        (_said(sqlite3.SQLITE_ERROR), StoreError),
        (_said(None), StoreError),
        (_said(sqlite3.SQLITE_ERROR, sqlite3.ProgrammingError), sqlite3.ProgrammingError),
    ],
    ids=lambda value: getattr(value, "__name__", str(getattr(value, "sqlite_errorcode", "none"))),
)
def test_each_code_of_sqlite_has_its_meaning(
    error: sqlite3.Error, kind: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "statvfs", lambda _: SimpleNamespace(f_bavail=5))
    with pytest.raises(kind) as raised:
        sqlite_errors.raise_translated(error, PATH, 30.0)
    assert type(raised.value) is kind
    assert (raised.value is error) or raised.value.__cause__ is error
    assert sqlite_errors.is_busy(error) is (kind is StoreBusyError)
    if isinstance(raised.value, StoreError) and kind is not StoreBusyError:
        assert "as SQLite says" in str(raised.value)


@pytest.mark.parametrize(("free", "kind"), [(0, StoreFullError), (1, StoreIOError), (None, StoreIOError)])
def test_an_error_of_reading_on_a_disk_without_room_is_that_of_a_full_one(
    free: int | None, kind: type[StoreError], monkeypatch: pytest.MonkeyPatch
) -> None:
    def room(_: Path) -> SimpleNamespace:
        if free is None:
            raise OSError
        return SimpleNamespace(f_bavail=free)

    monkeypatch.setattr(os, "statvfs", room)
    with pytest.raises(StoreError) as raised:
        sqlite_errors.raise_translated(_said(sqlite3.SQLITE_IOERR), PATH, 30.0)
    assert type(raised.value) is kind


@pytest.mark.parametrize(
    ("error", "kind", "word"),
    [
        (OSError(errno.ENOSPC, "No space left"), StoreFullError, "No space left"),
        (OSError(errno.EDQUOT, "Quota exceeded"), StoreFullError, "Quota exceeded"),
        (OSError(errno.EIO, "Input/output error"), StoreIOError, "Input/output error"),
        (OSError(errno.EACCES, "Permission denied"), StoreReadOnlyError, "(Permission denied)"),
        (OSError("in words alone"), StoreReadOnlyError, "in words alone"),
    ],
)
def test_each_number_of_the_system_has_its_meaning(error: OSError, kind: type[StoreError], word: str) -> None:
    found = file_errors.of_system(error, PATH)
    assert type(found) is kind
    assert word in str(found)
    assert "Errno" not in str(found)
