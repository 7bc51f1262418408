"""Many rows in few statements, so that the interpreter is free while the database works."""

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from sqlite3 import Connection
from typing import Any

Row = tuple[Any, ...]

# Rows a statement. SQLite caches every statement that it compiled, and these are large: so there are few sizes.
_SHAPES = (1_024, 512, 256, 64, 16, 4, 1)

_LEAST_FILLED = 7 / 8
"""Share of a statement's rows that must be there: those that are missing cost as much as others."""

LARGE_BYTES = 8 * 1024
"""Size from which a value is inserted alone: a cached statement keeps the last values that were bound to it."""


def insert_rows(connection: Connection, statement: Callable[[int], str], rows: Sequence[Row]) -> None:
    """Run `statement`, made for a number of rows, on all of `rows`; repeating the last row must change nothing."""
    for portion in _shaped(rows):
        connection.execute(statement(len(portion)), list(chain.from_iterable(portion)))


def insert_large_rows(connection: Connection, statement: Callable[[int], str], rows: Sequence[Row]) -> None:
    """Do the same for rows that each end with bytes, of any size, so that no statement keeps many large ones."""
    insert_rows(connection, statement, [row for row in rows if len(row[-1]) < LARGE_BYTES])
    for row in rows:
        if len(row[-1]) >= LARGE_BYTES:
            connection.execute(statement(1), row)


def _shaped(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    """Yield `rows` in chunks of the known sizes, the largest first; the last is filled up with its last row."""
    start = 0
    while left := len(rows) - start:
        shape = next(size for size in _SHAPES if left >= size * _LEAST_FILLED)
        portion = rows[start : start + shape]
        yield [*portion, *[portion[-1]] * (shape - len(portion))]
        start += len(portion)
