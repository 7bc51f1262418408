"""One SQLite file, used by any number of threads and processes of one machine.

Every commit is synced to disk (`synchronous=FULL`) unless its transaction says that it need not be. A transaction
begins IMMEDIATE: it waits for the one writer's place before it reads, so that it can never fail half-way because
another process wrote in between. Nothing here knows a table.
"""

import contextlib
import os
import random
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

from themis.core.errors import (
    NetworkFilesystemError,
    StoreError,
    StoreGoneError,
)
from themis.core.files import durable
from themis.core.files.filesystems import network_filesystem
from themis.core.stores import file_errors
from themis.core.stores.sql.thread_connections import ThreadConnections
from themis.core.stores.sqlite import errors as sqlite_errors
from themis.core.stores.sqlite import schema as sqlite_schema

PAGE_CACHE_KIB = 8_192
"""Page cache of each connection: twice as much makes no run faster, and every thread has one."""

LOG_MOST_BYTES = 32 * 1024 * 1024
"""Size to which the write-ahead log is cut when it restarts from its beginning: a long reader may let it grow."""

BUSY_TIMEOUT_S = 30.0
"""Default number of seconds that a writer waits for another one."""

NETWORK_REASON = "SQLite's write-ahead log needs memory that all its processes share"

Value = TypeVar("Value")
Row = tuple[Any, ...] | None

Identity = tuple[int, int]
"""Device and inode of a file: its identity, whatever its name."""


class Database:
    """SQLite file with one connection a thread.

    Args:
        path: the file. It (mode 0600) and its folder are made on first use.
        busy_timeout_s: seconds that SQLite itself waits for another writer.
        retry_attempts: number of retries after that.
        retry_delay_s: pause before the first retry, in seconds; it doubles, with jitter.

    Raises:
        NetworkFilesystemError: on any use, when the file is on a network filesystem.
        StoreError: on any use, when the file cannot be used; its subclasses say why.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        busy_timeout_s: float = BUSY_TIMEOUT_S,
        retry_attempts: int = 5,
        retry_delay_s: float = 0.01,
    ) -> None:
        """Make a database on `path`; nothing is opened yet."""
        self.path = Path(path).absolute()
        self._busy_timeout_s = busy_timeout_s
        self._retry_attempts = retry_attempts
        self._retry_delay_s = retry_delay_s
        self._connections = ThreadConnections[sqlite3.Connection](sqlite3.Error)
        self._identity: Identity | None = None

    @property
    def label(self) -> str:
        """Path of the file."""
        return str(self.path)

    @contextlib.contextmanager
    def transaction(self, *, synced: bool = True) -> Iterator[sqlite3.Connection]:
        """Open a block whose writes are committed together, or not at all; within another block it is a part of that.

        Args:
            synced: whether the commit is on disk when the block ends. One that is not may be undone by a power loss,
                together with all that follow it, never by the death of a process.

        Raises:
            StoreBusyError: another writer kept the file for longer than all waiting.
            StoreGoneError: the file that was opened is no longer the one at the path; nothing was committed.
            StoreError: the file cannot be written; its subclasses say why.
        """
        connection = self._connection()
        with self._connections.block(synced=synced, label=self.label) as is_outermost:
            if is_outermost:
                with self._committed(connection, synced=synced):
                    yield connection
            else:
                yield connection

    @contextlib.contextmanager
    def _committed(self, connection: sqlite3.Connection, *, synced: bool) -> Iterator[None]:
        try:
            self._begin(connection, synced=synced)
            yield
            self._refuse_other_file()
            durable.step("commit", self.path, synced)
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            sqlite_errors.raise_translated(error, self.path, self._busy_timeout_s)
        finally:
            self._end(connection, synced=synced)

    def query(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return all rows of a SELECT."""
        connection = self._connection()
        if self._connections.local.depth:
            return connection.execute(sql, params).fetchall()
        return self._patiently(lambda: connection.execute(sql, params).fetchall())

    def query_one(self, sql: str, params: Sequence[Any] = ()) -> tuple[Any, ...] | None:
        """Return the first row of a SELECT; None without rows."""
        connection = self._connection()
        if self._connections.local.depth:
            return cast("Row", connection.execute(sql, params).fetchone())
        return self._patiently(lambda: cast("Row", connection.execute(sql, params).fetchone()))

    def ensure_schema(
        self, statements: Sequence[str], version: int, upgrades: Mapping[int, Sequence[str]] | None = None
    ) -> None:
        """Make the tables in a new file, or upgrade those of an older one to `version`; all or nothing.

        Tables of a newer version that include those of `version` are left as they are; see `sqlite_schema`.

        Args:
            statements: make the tables of `version`.
            version: version of the schema.
            upgrades: for each older version, the statements that lead from it to the next.

        Raises:
            NewerSchemaError: a newer Themis made the file, with tables that this one cannot use.
            StoreCorruptError: another application made it, or it is not a database.
            StoreError: the file is too old to be upgraded to this version.
        """
        sqlite_schema.ensure(self, statements, version, upgrades or {})

    def close(self) -> None:
        """Close the connections of all threads; a later use opens new ones."""
        self._identity = None
        self._connections.close()

    @property
    def identity(self) -> Identity | None:
        """Identity of the opened file; None before it is opened."""
        return self._identity

    @property
    def is_in_place(self) -> bool:
        """Whether the opened file is still the one at the path; also true before it is opened."""
        return self._identity is None or _identity_of(self.path) == self._identity

    def _refuse_other_file(self) -> None:
        """Refuse a file that was removed or replaced: SQLite would use the old one, and lose all writes silently."""
        if not self.is_in_place:
            raise StoreGoneError(path=self.path)

    def _begin(self, connection: sqlite3.Connection, *, synced: bool) -> None:
        def begin() -> None:
            if not synced:
                connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute("BEGIN IMMEDIATE")

        self._patiently(begin)

    def _end(self, connection: sqlite3.Connection, *, synced: bool) -> None:
        """Undo what was not committed, and sync later commits."""
        try:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            if not synced:
                connection.execute("PRAGMA synchronous = FULL")
        except sqlite3.Error:
            # Closing it undoes what was not committed, and the next connection syncs its commits.
            self._connections.drop(connection)

    def _connection(self) -> sqlite3.Connection:
        return self._connections.get(self._open)

    def _open(self) -> sqlite3.Connection:
        if self._identity is None:
            self._refuse_network()
        self._refuse_other_file()  # to which a connection of another thread is open
        try:
            durable.make_folder(self.path.parent)
            durable.make_private_file(self.path)
        except OSError as error:
            raise file_errors.of_system(error, self.path) from error
        connection = self._patiently(self._connect)
        if self._identity is None:
            self._identity = _identity_of(self.path)
        return connection

    def _refuse_network(self) -> None:
        kind = network_filesystem(self.path)
        if kind is not None:
            raise NetworkFilesystemError(path=self.path, filesystem=kind, reason=NETWORK_REASON)

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path, timeout=self._busy_timeout_s, isolation_level=None, check_same_thread=False
        )
        try:
            self._configure(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _configure(self, connection: sqlite3.Connection) -> None:
        mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        if mode != "wal":
            raise StoreError(path=self.path, detail=f"its filesystem allows no write-ahead log (mode {mode})")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute(f"PRAGMA cache_size = -{PAGE_CACHE_KIB:d}")
        connection.execute(f"PRAGMA journal_size_limit = {LOG_MOST_BYTES:d}")

    def _patiently(self, action: Callable[[], Value]) -> Value:
        """Return the result of `action`, which is retried while the file is busy.

        SQLite does not always wait, though it is configured to (the change to WAL, the recovery of a log), so retries
        here are limited by time first and counted only after that.
        """
        patient_until = time.monotonic() + self._busy_timeout_s
        attempt = 0
        while True:
            try:
                return action()
            except sqlite3.Error as error:
                if time.monotonic() >= patient_until:
                    attempt += 1
                if not sqlite_errors.is_busy(error) or attempt > self._retry_attempts:
                    sqlite_errors.raise_translated(error, self.path, self._busy_timeout_s)
            delay_s = self._retry_delay_s * 2 ** min(attempt, 8)
            time.sleep(delay_s * random.uniform(0.5, 1.5))  # noqa: S311  # jitter


def _identity_of(path: Path) -> Identity | None:
    try:
        found = os.stat(path)  # noqa: PTH116  # once a commit
    except OSError:
        return None
    return found.st_dev, found.st_ino
