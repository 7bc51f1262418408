"""Translation of the errors of Postgres and its client library into our errors."""

from typing import NoReturn

import psycopg

from themis.core.errors import (
    StoreAccessError,
    StoreAwayError,
    StoreBusyError,
    StoreCorruptError,
    StoreError,
    StoreFullError,
    StoreIOError,
    StoreOutageError,
)
from themis.core.stores.postgres.address import SESSION

_LOCK_S = float(SESSION["lock_timeout"].removesuffix("s"))
_STATEMENT_S = float(SESSION["statement_timeout"].removesuffix("s"))
_BUSY = frozenset({"55P03", "40P01", "40001"})
_LATE = "57014"
_READ_ONLY = "25006"
_UNDEFINED_TABLE = "42P01"
_DENIED = ("28", "42501", "3D000")
_BROKEN: dict[str, type[StoreError]] = {
    "53100": StoreFullError,
    "53200": StoreAwayError,
    "53300": StoreAwayError,
    "58": StoreIOError,
    "XX001": StoreCorruptError,
    "XX002": StoreCorruptError,
    "08": StoreAwayError,
    "57": StoreAwayError,
    "25P03": StoreAwayError,
}
# A server that refuses a connection says so in words alone: the protocol's code is not passed on.
_REFUSALS = ("authentication", "password", "role", "pg_hba.conf", "permission", "does not exist", "certificate")

_PASSING = ("starting up", "shutting down", "in recovery mode", "too many", "remaining connection slots")


def is_passing(said: str) -> bool:
    """Whether a server that refuses a connection with these words will soon take one."""
    return any(words in said for words in _PASSING)


def is_undefined_table(error: psycopg.Error) -> bool:
    """Whether a statement named a table that does not exist."""
    return error.sqlstate == _UNDEFINED_TABLE


def is_denied(error: psycopg.Error) -> bool:
    """Whether the role lacks a right."""
    return error.sqlstate == "42501"


def is_conflict(error: psycopg.Error) -> bool:
    """Whether a row with that key exists already."""
    return isinstance(error, psycopg.errors.UniqueViolation)


def of_connecting(error: psycopg.Error, label: str) -> StoreError:
    """Translate an error of making a connection."""
    said = one_line(error)
    if not is_passing(said) and any(word in said for word in _REFUSALS):
        return StoreAccessError(path=label, detail=said)
    return StoreAwayError(path=label, detail=said)


def raise_translated(error: psycopg.Error, label: str, *, is_lost: bool) -> NoReturn:
    """Raise the error that an error of a statement means.

    Args:
        error: the error.
        label: location of the database.
        is_lost: whether the connection is of no more use.

    Raises:
        StoreError: the database cannot be used; its subclasses say why.
        psycopg.Error: unchanged, when it is a bug of ours.
    """
    state, said = error.sqlstate or "", one_line(error)
    if state in _BUSY:
        raise StoreBusyError(path=label, seconds=_LOCK_S) from error
    if state == _LATE:
        raise StoreOutageError(path=label, detail=f"a statement took longer than {_STATEMENT_S:g} s") from error
    if state == _READ_ONLY:
        detail = "the database can only be read: it is a standby, or was opened for reading"
        raise StoreOutageError(path=label, detail=detail) from error
    if state.startswith(_DENIED):
        raise StoreAccessError(path=label, detail=said) from error
    for beginning, kind in _BROKEN.items():
        if state.startswith(beginning):
            raise kind(path=label, detail=said) from error
    if is_lost:
        raise StoreAwayError(path=label, detail=said) from error
    if isinstance(error, (psycopg.OperationalError, psycopg.DataError)):
        raise StoreError(path=label, detail=said) from error
    raise error


def one_line(error: psycopg.Error) -> str:
    """Return the text of an error as one line."""
    first = str(error).strip().partition("\n")[0].strip()
    return first.removeprefix("connection failed: ") or type(error).__name__
