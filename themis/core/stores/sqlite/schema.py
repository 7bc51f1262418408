"""Schema of a SQLite file: tables are made in a new file and upgraded in an older one, all or nothing.

What their numbers mean is in `themis.core.stores.sql.schema_numbers`.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from themis.core.errors import StoreCorruptError
from themis.core.stores.sql.schema_numbers import is_usable, refuse_newer, steps_between

APPLICATION_ID = 0x5468656D
"""Application id in the file's header, which reads "Them"."""

# One statement, as another process may be making the tables now: several could each see a different part of that.
_WHOSE = """
SELECT (SELECT application_id FROM pragma_application_id), (SELECT user_version FROM pragma_user_version),
    EXISTS (SELECT 1 FROM sqlite_master)
"""


class SchemaDatabase(Protocol):
    """Methods of a database that this module needs."""

    path: Path

    def transaction(self) -> AbstractContextManager[sqlite3.Connection]:
        """Open a block whose writes are committed together, or not at all."""

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Return all rows of a SELECT."""


def ensure(
    database: SchemaDatabase, statements: Sequence[str], version: int, upgrades: Mapping[int, Sequence[str]]
) -> None:
    """Make or upgrade the tables, see `Database.ensure_schema`."""
    if _is_up_to_date(_version(database, version), version):
        return
    with database.transaction() as connection:
        found = _version(database, version)
        if _is_up_to_date(found, version):  # another process was faster
            return
        for statement in statements if found is None else steps_between(str(database.path), found, version, upgrades):
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID:d}")
        connection.execute(f"PRAGMA user_version = {version:d}")


def _is_up_to_date(found: int | None, version: int) -> bool:
    return found is not None and is_usable(found, version)


def _version(database: SchemaDatabase, known: int) -> int | None:
    """Return the version of a file's tables, of no later generation than `known`; None when it is empty."""
    owner, found, is_filled = database.query(_WHOSE)[0]
    if owner == APPLICATION_ID:
        refuse_newer(str(database.path), found, known)
        return int(found)
    if owner or found or is_filled:
        raise StoreCorruptError(path=database.path, detail="made by another application")
    return None
