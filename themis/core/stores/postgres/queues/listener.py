"""Connection that hears of news in a queue: a hint, as commits are what counts."""

import psycopg

from themis.core.errors import StoreAwayError
from themis.core.stores.postgres.database import PostgresDatabase


def channel_of(queue_id: str) -> str:
    """Return the name of a queue's channel."""
    return f"themis_{queue_id}"


class PostgresListener:
    """Listens to a queue's channel, in a session of its own.

    Raises:
        StoreError: no connection can be made.
    """

    def __init__(self, database: PostgresDatabase, queue_id: str) -> None:
        """Connect, and listen from now on."""
        self._label = database.label
        self._session = database.connect()
        self._descriptor = self._session.raw.fileno()
        try:
            self._session.run(f'LISTEN "{channel_of(queue_id)}"')
        except psycopg.Error as error:
            self._session.close()
            raise StoreAwayError(path=self._label, detail=str(error)) from error

    def fileno(self) -> int:
        """Return the socket of the connection, also after it was lost."""
        return self._descriptor

    def hear(self) -> None:
        """Read all news.

        Raises:
            StoreAwayError: the connection is lost.
        """
        connection = self._session.raw.pgconn
        try:
            connection.consume_input()
            while connection.notifies() is not None:
                pass
        except psycopg.Error as error:
            raise StoreAwayError(path=self._label, detail=str(error)) from error

    @property
    def is_lost(self) -> bool:
        """Whether the connection is lost, as far as this machine knows."""
        return self._session.is_lost

    def close(self) -> None:
        """Close the connection."""
        self._session.close()
