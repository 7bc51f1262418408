"""Large texts reach a database one by one: its statements, which are kept, would keep what was bound to them."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from themis.core.outcomes.outcome import Outcome
from themis.core.outcomes.stages import Stage
from themis.core.stores.sql.short_texts import BLOB_MARK, INLINE_CHARACTERS
from themis.core.stores.sqlite.insert_statements import insert_blobs
from themis.core.stores.sqlite.many_rows import LARGE_BYTES, insert_large_rows
from themis.core.stores.sqlite.outcome_rows import outcome_rows

BLOBS = "CREATE TABLE blobs (digest TEXT PRIMARY KEY, data BLOB NOT NULL) WITHOUT ROWID"


class Noting(sqlite3.Connection):
    """A connection that notes the bytes that are bound to each statement."""

    bound: dict[str, int]

    def execute(self, statement: str, values: Sequence[Any] = (), /) -> sqlite3.Cursor:  # type: ignore[override]
        self.bound[statement] = sum(len(value) for value in values)
        return super().execute(statement, values)


@pytest.mark.parametrize("size", [LARGE_BYTES, 1024 * 1024])
def test_statements_keep_no_more_than_one_large_row(size: int) -> None:
    connection = sqlite3.connect(":memory:", factory=Noting)
    connection.bound = {}
    connection.execute(BLOBS)
    rows = [(f"{no}", bytes([no]) * (size if no % 2 else 10)) for no in range(40)]
    insert_large_rows(connection, insert_blobs, rows)
    assert dict(connection.execute("SELECT digest, data FROM blobs")) == dict(rows)
    assert sum(connection.bound.values()) < size + LARGE_BYTES
    connection.close()


@pytest.mark.parametrize("size", [INLINE_CHARACTERS, INLINE_CHARACTERS + 1])
def test_a_text_becomes_a_blob_above_the_documented_length(size: int) -> None:
    blobs: dict[str, bytes] = {}
    raw, answer = '{"raw_response": 0}'.ljust(size, " "), '"an answer"'.ljust(size, " ")
    found = Outcome(0, Stage.GENERATE, 0, ok=True, finished_ms=0, value=None, output=answer, body=raw)
    (row,) = (row for rows in outcome_rows(1, [found], blobs).values() for row in rows)
    if size > INLINE_CHARACTERS:
        assert {blobs[text.removeprefix(BLOB_MARK)].decode() for text in row[-2:]} == {raw, answer}
    else:
        assert row[-2:] == (answer, raw)
        assert not blobs


def test_the_length_is_in_the_documentation() -> None:
    page = Path(__file__).parents[3] / "docs" / "reference" / "store.md"
    assert f"a text longer than {INLINE_CHARACTERS}\ncharacters is kept once" in page.read_text(encoding="utf-8")
