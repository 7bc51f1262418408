"""Rows of queues' jobs in a SQLite file."""

from themis.core.stores.sql.database import Dialect
from themis.core.stores.sql.jobs import SqlJobStore
from themis.core.stores.sqlite.database import Database

# A transaction has the one writer's place from its beginning: what it reads, nobody else changes.
DIALECT = Dialect(
    clock_ms="CAST(ROUND((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER)",
    numbers_text="group_concat({})",
)


class SqliteJobStore(SqlJobStore):
    """Keeps jobs in the tables of a file.

    Raises:
        StoreError: on any use, when the file cannot be used; its subclasses say why.
    """

    _database: Database

    def __init__(self, database: Database) -> None:
        """Keep jobs in `database`."""
        super().__init__(database, DIALECT)

    @property
    def is_in_place(self) -> bool:
        """Whether the opened file is still the one at its path."""
        return self._database.is_in_place

    @property
    def identity(self) -> object:
        """Device and inode of the opened file."""
        self._database.query(self._select_clock)
        return self._database.identity
