"""Reader of a SQLite file, which is opened read-only."""

import sqlite3
from contextlib import closing

from themis.core.errors import NetworkFilesystemError, StoreError, StoreMissingError, UnavailableError
from themis.core.files.filesystems import network_filesystem
from themis.core.stores import run_locks
from themis.core.stores.reading import StoreLocation
from themis.core.stores.run_locks import RunHolder
from themis.core.stores.sql.reader import SqlReader
from themis.core.stores.sql.schema_numbers import is_usable
from themis.core.stores.sql.tables import SCHEMA_VERSION
from themis.core.stores.sqlite.database import NETWORK_REASON, Database
from themis.core.stores.sqlite.schema import APPLICATION_ID


class SqliteReader(SqlReader):
    """Reads a SQLite file that others write; the file is neither written nor made.

    Args:
        location: the file.
        patience_s: seconds to wait while another process keeps it locked.
    """

    _database: "ReadOnlyDatabase"

    def __init__(self, location: StoreLocation, patience_s: float) -> None:
        """Make a reader; nothing is opened yet."""
        database = ReadOnlyDatabase(location.path, busy_timeout_s=patience_s, retry_attempts=0)
        super().__init__(location, database)

    def upgrade(self) -> None:
        """Upgrade the tables of an earlier version to this one."""
        upgrade(self._database)
        self._known = None

    def run_holder(self, run_id: str) -> RunHolder:
        """Return the process that has a run now, or that had it when it was killed."""
        return run_locks.look(self._database.path, run_id)

    def _schema(self) -> int:
        return int(self._database.query("PRAGMA user_version")[0][0])


class ReadOnlyDatabase(Database):
    """Existing database, opened read-only; nothing is written or made beside it.

    A file in a folder that cannot be written has no shared memory for its log. It is then read as one that nobody
    changes, which is only right where there is no log, as that would hold commits which the file does not have yet.
    """

    def _open(self) -> sqlite3.Connection:
        if not self.path.is_file():
            raise StoreMissingError(path=self.path)
        kind = network_filesystem(self.path)
        if kind is not None:
            raise NetworkFilesystemError(path=self.path, filesystem=kind, reason=NETWORK_REASON)
        return self._patiently(self._connect)

    def _connect(self) -> sqlite3.Connection:
        connection = self._connected("mode=ro")
        try:
            connection.execute("SELECT 1 FROM sqlite_master").fetchone()  # the file is opened by this, not before
        except sqlite3.OperationalError as error:
            connection.close()
            if _is_denied(error) and not self.path.with_name(f"{self.path.name}-wal").exists():
                return self._connected("mode=ro&immutable=1")
            raise
        except BaseException:
            connection.close()
            raise
        return connection

    def _connected(self, options: str) -> sqlite3.Connection:
        return sqlite3.connect(
            f"{self.path.as_uri()}?{options}",
            uri=True,
            timeout=self._busy_timeout_s,
            isolation_level=None,
            check_same_thread=False,
        )


def upgrade(database: Database) -> None:
    """Upgrade the tables of an earlier version to this one, by opening the file for writing.

    Raises:
        StoreError: the file cannot be read, or has to be upgraded and cannot be written.
    """
    owner = database.query("PRAGMA application_id")[0][0]
    found = int(database.query("PRAGMA user_version")[0][0])
    if owner == APPLICATION_ID and is_usable(found, SCHEMA_VERSION):
        return
    from themis.core.stores.sqlite.store import SqliteRunStore  # noqa: PLC0415  # its models cost 100 ms, for an old store

    try:
        with closing(SqliteRunStore(database.path)) as store:
            store.initialize()  # reports why it cannot be read; or upgrades it to the schema that can
    except UnavailableError as error:
        if owner != APPLICATION_ID or found > SCHEMA_VERSION:
            raise
        detail = (
            f"is of schema {found}, and can be read after somebody who may write it has opened it once, "
            f"such as by `themis status` ({error})"
        )
        raise StoreError(path=database.path, detail=detail) from None
    database.close()


def _is_denied(error: sqlite3.OperationalError) -> bool:
    return (error.sqlite_errorcode & 0xFF) in {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM}
