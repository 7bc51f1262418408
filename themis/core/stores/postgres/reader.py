"""Reader of a store in Postgres, whose sessions may only read."""

from themis.core.errors import StoreMissingError
from themis.core.stores.postgres import schema
from themis.core.stores.postgres.database import PostgresDatabase
from themis.core.stores.postgres.queues.rows import PostgresQueueRows
from themis.core.stores.postgres.run_locks import RunLocks
from themis.core.stores.reading import StoreLocation
from themis.core.stores.run_locks import RunHolder
from themis.core.stores.sql.reader import SqlReader


class PostgresReader(SqlReader):
    """Reads a Postgres database that others write.

    Args:
        location: location of the store.
        url: address of the database.
        patience_s: seconds to wait while the server is away.
    """

    _database: PostgresDatabase

    def __init__(self, location: StoreLocation, url: str, patience_s: float) -> None:
        """Make a reader; nothing is opened yet."""
        database = PostgresDatabase(url, busy_timeout_s=patience_s, read_only=True)
        super().__init__(location, database)
        self._locks = RunLocks(database)
        self._queues = PostgresQueueRows(database)

    @property
    def store_id(self) -> str | None:
        """UUID of this store; None before a queue first used it."""
        self._check_schema()
        return super().store_id

    @property
    def queues(self) -> PostgresQueueRows:
        """Queues of the store."""
        return self._queues

    def upgrade(self) -> None:
        """Check that the tables are of this version; only their owner upgrades them.

        Raises:
            StoreError: they are of an earlier version.
        """
        schema.check_readable(self._database)

    def run_holder(self, run_id: str) -> RunHolder:
        """Return the process that has a run now, or that had it when it was killed."""
        return self._locks.look(run_id)

    def _schema(self) -> int:
        found = schema.version_of(self._database)
        if found is None:
            raise StoreMissingError(path=self._database.label)
        return found
