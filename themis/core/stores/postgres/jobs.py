"""Rows of queues' jobs in a Postgres database."""

from contextlib import AbstractContextManager

from themis.core.stores.postgres.database import DIALECT, PostgresDatabase
from themis.core.stores.postgres.queues.rows import PostgresQueueRows
from themis.core.stores.postgres.session import Session
from themis.core.stores.sql.jobs import SqlJobStore


class PostgresJobStore(SqlJobStore):
    """Keeps jobs in the tables of a database.

    Raises:
        StoreError: on any use, when the database cannot be used; its subclasses say why.
    """

    _database: PostgresDatabase

    def __init__(self, database: PostgresDatabase) -> None:
        """Keep jobs in `database`."""
        super().__init__(database, DIALECT)
        self._queues = PostgresQueueRows(database)

    @property
    def queues(self) -> PostgresQueueRows:
        """Queues of the store, in the same transactions."""
        return self._queues

    def transaction(self, *, synced: bool = True) -> AbstractContextManager[Session]:  # noqa: ARG002
        """Open a block whose writes are committed together and always synced, or not at all; blocks nest.

        A server may crash while its clients live on: a claim that is undone under a living worker would give its
        version to a second one.
        """
        return self._database.transaction()

    @property
    def is_in_place(self) -> bool:
        """Whether the tables that were opened are still those at the address."""
        return self._database.is_in_place

    @property
    def identity(self) -> object:
        """Identity of the server's data, the database and the schema, the same for all addresses."""
        return self._database.identity


class ReadOnlyPostgresJobStore(PostgresJobStore):
    """Jobs of a store that is only read."""

    _makes_id = False
