"""SQLite file as the source of a merge: opened read-only, and read as it is, whatever version wrote it."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from themis.core.errors import NetworkFilesystemError, NewerSchemaError, StoreCorruptError, StoreMissingError
from themis.core.files.filesystems import network_filesystem
from themis.core.stores import run_locks
from themis.core.stores.merging.port import MergeSource
from themis.core.stores.run_locks import RunHolder
from themis.core.stores.sql.job_statements import SELECT_META
from themis.core.stores.sql.jobs import STORE_ID
from themis.core.stores.sql.run_statements import COUNT_CASES
from themis.core.stores.sql.tables import SCHEMA_VERSION
from themis.core.stores.sqlite.database import BUSY_TIMEOUT_S, NETWORK_REASON
from themis.core.stores.sqlite.reader import ReadOnlyDatabase
from themis.core.stores.sqlite.schema import APPLICATION_ID

_READ_ONLY = "mode=ro"
_UNCHANGING = "mode=ro&immutable=1"


class SourceDatabase(ReadOnlyDatabase):
    """File that is only read; also one on a network filesystem, if no process has written it since it was closed.

    A file that was closed has no log, so that it needs none of the memory for which such a filesystem is refused.
    """

    options = _READ_ONLY

    def _open(self) -> sqlite3.Connection:
        if not self.path.is_file():
            raise StoreMissingError(path=self.path)
        kind = network_filesystem(self.path)
        if kind is not None:
            log = self.path.with_name(f"{self.path.name}-wal")
            if log.exists() and log.stat().st_size:
                raise NetworkFilesystemError(path=self.path, filesystem=kind, reason=NETWORK_REASON)
            return self._connected(_UNCHANGING)
        return self._patiently(self._connect)

    def _connected(self, options: str) -> sqlite3.Connection:
        self.options = options
        return super()._connected(options)


class SqliteSource(MergeSource):
    """Store in a SQLite file.

    What an older version does not have is read as missing, so that nothing has to be upgraded. A newer version may have
    tables that would be lost, so its files are refused.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        """Make a source; nothing is opened yet."""
        self._database = SourceDatabase(path.absolute(), busy_timeout_s=BUSY_TIMEOUT_S, retry_attempts=0)
        self._known: dict[str, frozenset[str]] = {}

    @property
    def label(self) -> str:
        """Path of the file."""
        return self._database.label

    @property
    def uri(self) -> str:
        """The file as an address that opens it in the same way."""
        self._database.query("SELECT 1")
        return f"{self._database.path.as_uri()}?{self._database.options}"

    @cached_property
    def store_id(self) -> str | None:
        """UUID of the store; None before a queue first used it."""
        found = self._database.query_one(SELECT_META, (STORE_ID,))
        return str(found[0]) if found else None

    def check(self) -> None:
        """Check that the file can be merged."""
        path = self._database.path
        owner = self._database.query("PRAGMA application_id")[0][0]
        found = int(self._database.query("PRAGMA user_version")[0][0])
        if owner != APPLICATION_ID:
            is_empty = self._database.query_one("SELECT 1 FROM sqlite_master") is None
            raise StoreCorruptError(path=path, detail="it is empty" if is_empty else "made by another application")
        if found > SCHEMA_VERSION:
            raise NewerSchemaError(path=path, found=found, known=SCHEMA_VERSION)
        if not self.columns("runs"):
            raise StoreCorruptError(path=path, detail="it has no table of runs")

    def is_in(self, path: Path) -> bool:
        """Whether the file is that at `path`."""
        return path.exists() and self._database.path.samefile(path)

    def columns(self, table: str) -> frozenset[str]:
        """Return the columns of a table; none where there is no such table."""
        if table not in self._known:
            rows = self._database.query("SELECT name FROM pragma_table_info(?)", (table,))
            self._known[table] = frozenset(name for (name,) in rows)
        return self._known[table]

    def rows(self, table: str, columns: Sequence[str], rest: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return rows of a table."""
        if not self.columns(table):
            return []
        return self._database.query(f"SELECT {self.selected(table, columns)} FROM {table} {rest}", params)  # noqa: S608

    def selected(self, table: str, columns: Sequence[str]) -> str:
        """Return columns as a statement selects them, with NULL for those that the file does not have."""
        known = self.columns(table)
        return ", ".join(name if name in known else f"NULL AS {name}" for name in columns)

    def count_cases(self, run_no: int) -> tuple[int, int]:
        """Count the ended cases of a run, and those of them that failed."""
        ended, failed = self._database.query(COUNT_CASES, (run_no,))[0]
        return ended, failed

    def run_holder(self, run_id: str) -> RunHolder:
        """Return the process that has a run now."""
        return run_locks.look(self._database.path, run_id)

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Open a block in which `rows` always sees the same state."""
        self._database.query("BEGIN")
        try:
            yield
        finally:
            self._database.query("ROLLBACK")

    def damage(self) -> str | None:
        """Return what SQLite finds damaged in the file; None when it finds nothing."""
        (said,) = self._database.query("PRAGMA quick_check(1)")[0]
        return None if said == "ok" else str(said)

    def close(self) -> None:
        """Close it."""
        self._database.close()
