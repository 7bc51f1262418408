"""Opening of a store in a SQLite file: for writing, or for reading only."""

import stat
from contextlib import suppress
from pathlib import Path

from themis.core.stores.sqlite.job_statements import SELECT_META
from themis.core.stores.sqlite.jobs import STORE_ID, SqliteJobStore
from themis.core.stores.sqlite.reader import ReadOnlyDatabase, upgrade
from themis.core.stores.sqlite.store import SqliteRunStore


def sqlite_store(path: str | Path, *, retry_attempts: int = 5, retry_delay_s: float = 0.01) -> SqliteRunStore:
    """Open the store in the SQLite file `path`, ready for use."""
    store = SqliteRunStore(path, retry_attempts=retry_attempts, retry_delay_s=retry_delay_s)
    store.initialize()
    return store


class GroupReadableStore(SqliteRunStore):
    """Store whose file other users of the file's group may read, not its owner alone."""

    def initialize(self) -> None:
        """Make the file and its tables, and let the group read them; a file of another user is left as it is."""
        super().initialize()
        for ending in ("", "-wal", "-shm"):  # those that SQLite makes later have the mode of the first
            path = self.path.with_name(self.path.name + ending)
            with suppress(OSError):
                path.chmod(path.stat().st_mode | stat.S_IRGRP)


class _ReadOnlyJobs(SqliteJobStore):
    """Jobs of a store whose file is only read."""

    @property
    def store_id(self) -> str:
        """Id of the store; empty in one that no queue has used, which therefore has no jobs."""
        row = self._database.query_one(SELECT_META, (STORE_ID,))
        return "" if row is None else str(row[0])


class ReadOnlySqliteStore(SqliteRunStore):
    """Store whose file is only read; every method that writes fails."""

    def __init__(self, path: str | Path, *, busy_timeout_s: float) -> None:
        """Make a store on `path`; nothing is opened yet."""
        super().__init__(path, busy_timeout_s=busy_timeout_s)
        self._database = ReadOnlyDatabase(self.path, busy_timeout_s=busy_timeout_s, retry_attempts=0)
        self._jobs = _ReadOnlyJobs(self._database)

    def initialize(self) -> None:
        """Check that the tables are of this version; those of an earlier one are upgraded first, where that is allowed.

        Raises:
            StoreError: they are of another version, and this user cannot upgrade them.
        """
        upgrade(self._database)
        self._ready = True
