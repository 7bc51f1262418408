"""Many rows go into few statements: each row once, and few statements that are filled up."""

import sqlite3
from collections.abc import Sequence
from typing import Any

import pytest

from themis.core.stores.sqlite.many_rows import insert_rows


class Statements:
    """A connection that only notes how many rows its statements get."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def execute(self, statement: str, values: Sequence[Any]) -> None:
        assert len(values) == int(statement), "one value a row"
        self.sizes.append(int(statement))


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 5, 15, 16, 17, 57, 250, 290, 580, 1_000, 1_024, 1_025, 5_000])
def test_each_row_is_inserted_once(count: int) -> None:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE kept (number INTEGER PRIMARY KEY, doubled INTEGER)")

    def statement(rows: int) -> str:
        return f"INSERT INTO kept VALUES {', '.join(['(?, ?)'] * rows)} ON CONFLICT DO NOTHING"  # noqa: S608  # constants

    rows = [(number, 2 * number) for number in range(count)]
    insert_rows(connection, statement, rows)
    assert connection.execute("SELECT * FROM kept ORDER BY number").fetchall() == rows
    connection.close()


def test_an_eighth_of_the_rows_at_most_is_there_to_fill_a_statement_up() -> None:
    seen = set()
    for count in range(1, 3_000):
        statements = Statements()
        insert_rows(statements, str, [(number,) for number in range(count)])  # type: ignore[arg-type]
        assert 0 <= sum(statements.sizes) - count <= count / 7
        assert len(statements.sizes) <= 12 + count // 1_024
        seen.update(statements.sizes)
    assert len(seen) <= 7, "SQLite caches each of them"
