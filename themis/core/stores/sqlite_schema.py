"""Which tables a SQLite file has: made in a fresh one, brought up to date in an older one, all or nothing."""

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from themis.core.errors import NewerSchemaError, StoreCorruptError, StoreError

APPLICATION_ID = 0x5468656D
"""Stands in the file's header and reads "Them": whose database this is."""


# One statement, as another process may be making the tables just now: of several, each could see a part of that.
_WHOSE = """
SELECT (SELECT application_id FROM pragma_application_id), (SELECT user_version FROM pragma_user_version),
    EXISTS (SELECT 1 FROM sqlite_master)
"""


class Database(Protocol):
    """What is asked of a database here."""

    path: Path

    def transaction(self) -> AbstractContextManager[sqlite3.Connection]:
        """A block whose writes are committed together, or not at all."""

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """All rows of a SELECT."""


def ensure(database: Database, statements: Sequence[str], version: int, upgrades: Mapping[int, Sequence[str]]) -> None:
    """See `Database.ensure_schema`."""
    if _version(database, version) == version:
        return
    with database.transaction() as connection:
        found = _version(database, version)  # another process may have been faster
        if found == version:
            return
        for statement in statements if found is None else _upgrade(database, found, version, upgrades):
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID:d}")
        connection.execute(f"PRAGMA user_version = {version:d}")


def _upgrade(database: Database, found: int, version: int, upgrades: Mapping[int, Sequence[str]]) -> list[str]:
    """The statements that lead from one version to another."""
    if any(step not in upgrades for step in range(found, version)):
        detail = f"written by an older Themis (schema {found}), which this version cannot upgrade"
        raise StoreError(path=database.path, detail=detail)
    return [statement for step in range(found, version) for statement in upgrades[step]]


def _version(database: Database, known: int) -> int | None:
    """Version of a file's tables, at most `known`; None when it is empty."""
    owner, found, is_filled = database.query(_WHOSE)[0]
    if owner == APPLICATION_ID:
        if found > known:
            raise NewerSchemaError(path=database.path, found=found, known=known)
        return int(found)
    if owner or found or is_filled:
        raise StoreCorruptError(path=database.path, detail="made by another application")
    return None
