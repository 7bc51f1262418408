"""One connection to a Postgres server, as the shared statements use it."""

import select
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.types.numeric import Int8BinaryDumper

from themis.core.stores.postgres.errors import is_denied
from themis.core.stores.postgres.prepared import PreparedStatements

_LAST_WORDS = 3
"""Messages that a server sends, at most, before it ends a session."""

_WHERE = """
SELECT {system}, (SELECT CAST(oid AS bigint) FROM pg_database WHERE datname = current_database()), current_schema()
"""
_SYSTEM = "(SELECT system_identifier FROM pg_control_system())"


class Identity(NamedTuple):
    """Identity of a place for tables, whatever its address; a standby that takes over has that of its primary.

    Attributes:
        system: number that the server's data was given once; None where this role may not ask.
        database: number of the database in it.
        schema: name of the schema in which tables are made.
    """

    system: int | None
    database: int
    schema: str | None


class Session:
    """Connection in which each statement is a transaction, unless one is begun."""

    def __init__(self, parameters: dict[str, Any]) -> None:
        """Connect; raises psycopg.Error when that fails."""
        self.raw = psycopg.connect(autocommit=True, **parameters)
        # A number's type must not depend on its size, nor a statement's plan on the type.
        for kind in (int, bool):
            self.raw.adapters.register_dumper(kind, Int8BinaryDumper)
        self._prepared = PreparedStatements(self.raw)
        try:
            self.identity = self._identity()
        except BaseException:
            self.raw.close()
            raise

    def execute(self, sql: str, params: Sequence[Any] = ()) -> "psycopg.Cursor[Any]":
        """Run a statement in which `?` stands for a value."""
        return self.raw.execute(_translated(sql), params, binary=True)

    def repeated(self, sql: str, params: Sequence[Any]) -> list[tuple[Any, ...]]:
        """Run a statement that this session runs again and again, and return its rows: texts and numbers."""
        if not self.is_idle:  # a statement that has to be prepared twice would spoil the transaction
            return self.execute(sql, params).fetchall()
        return self._prepared.rows(_numbered(sql), params)

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run a statement with each of several rows of values."""
        with self.raw.cursor() as cursor:
            cursor.executemany(_translated(sql), rows)

    def run(self, sql: str) -> None:
        """Run statements without values, all in one message."""
        self.raw.execute(sql.encode(), prepare=False)

    @property
    def is_lost(self) -> bool:
        """Whether it is of no more use."""
        return self.raw.closed or self.raw.pgconn.transaction_status == TransactionStatus.UNKNOWN

    @property
    def was_closed(self) -> bool:
        """Whether the other side has ended an idle connection, as far as this machine knows."""
        if self.is_lost:
            return True
        try:
            for _ in range(_LAST_WORDS):
                if not self._has_input():
                    return False
                self.raw.pgconn.consume_input()
        except (psycopg.Error, OSError):
            return True
        return self.is_lost

    def _has_input(self) -> bool:
        waiting = select.poll()
        waiting.register(self.raw.pgconn.socket, select.POLLIN)
        return bool(waiting.poll(0))

    @property
    def is_idle(self) -> bool:
        """Whether no transaction is open."""
        return self.raw.pgconn.transaction_status == TransactionStatus.IDLE

    def close(self) -> None:
        """Close it; what was not committed is undone."""
        self.raw.close()

    def _identity(self) -> Identity:
        try:
            return self._asked(_SYSTEM)
        except psycopg.Error as error:
            if not is_denied(error):
                raise
        return self._asked("NULL")

    def _asked(self, system: str) -> Identity:
        (found,) = self.execute(_WHERE.format(system=system)).fetchall()
        return Identity._make(found)


@lru_cache(maxsize=256)
def _translated(sql: str) -> str:
    return sql.replace("?", "%s")  # no statement holds either sign in another meaning


@lru_cache(maxsize=256)
def _numbered(sql: str) -> str:
    first, *others = sql.split("?")
    return first + "".join(f"${number}{part}" for number, part in enumerate(others, 1))
