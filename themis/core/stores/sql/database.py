"""Port of a database: the methods that the stores in one need, whatever it is."""

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, Protocol


class SqlCursor(Protocol):
    """Result of a statement."""

    @property
    def rowcount(self) -> int:
        """Number of rows that it wrote."""

    def fetchone(self) -> Any:
        """Return the next row; None after the last."""

    def fetchall(self) -> list[Any]:
        """Return all other rows."""


class SqlConnection(Protocol):
    """Connection of one thread, in a transaction; `?` stands for a value."""

    def execute(self, sql: str, params: Sequence[Any] = ..., /) -> SqlCursor:
        """Run a statement."""

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]], /) -> Any:
        """Run a statement with each of several rows of values."""


class SqlDatabase(Protocol):
    """Database with one connection for each thread."""

    @property
    def label(self) -> str:
        """Location of the database, for messages: never with a password."""

    def transaction(self, *, synced: bool = True) -> AbstractContextManager[Any]:
        """Open a block whose writes are committed together, or not at all; within another block it is a part of that.

        A commit that is not `synced` may be undone when the database loses its power or crashes.
        """

    def query(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return all rows of a SELECT."""

    def query_one(self, sql: str, params: Sequence[Any] = ()) -> tuple[Any, ...] | None:
        """Return the first row of a SELECT; None without rows."""

    def close(self) -> None:
        """Close the connections of all threads; a later use opens new ones."""


class Dialect(NamedTuple):
    """Words in which databases differ.

    Attributes:
        clock_ms: the database's own clock, in milliseconds since 1970 UTC; not that of the transaction's beginning.
        numbers_text: an aggregate of a column, whose name goes into it: its whole numbers with commas between them.
        fence_lock: ends the statement that reads a claim's version: until the commit nobody may change the job.
        change_lock: ends the statement that reads a job in order to change it.
    """

    clock_ms: str
    numbers_text: str
    fence_lock: str = ""
    change_lock: str = ""
