"""A store that is only looked at: what is read of it, and when it is not read at all."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.processes.queue_world import world
from tests.support.lab import experiment
from themis.core.errors import StoreError
from themis.core.stores import sqlite_store
from themis.core.stores.sqlite import SCHEMA_VERSION
from themis.core.stores.sqlite_watch import SqliteWatch


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[SqliteWatch]:
    with closing(sqlite_store(tmp_path / "s.sqlite3")) as store:
        experiment().run(store=store)
    with closing(SqliteWatch(tmp_path / "s.sqlite3", SCHEMA_VERSION)) as opened:
        yield opened


def test_a_store_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with closing(SqliteWatch(tmp_path / "s.sqlite3", 1)) as watch, pytest.raises(StoreError, match="is not there"):
        watch.jobs(["0" * 16])
    assert list(tmp_path.iterdir()) == []


def test_a_store_of_another_generation_is_not_read(tmp_path: Path) -> None:
    with world(tmp_path) as here:
        here.submit("run-1")
    with closing(SqliteWatch(tmp_path / "store.sqlite3", SCHEMA_VERSION + 1_000)) as watch:
        for _ in range(2):
            with pytest.raises(StoreError, match=f"is of schema 1, of which only schema {SCHEMA_VERSION + 1_000}"):
                watch.jobs(["0" * 16])


def test_a_store_that_is_looked_at_is_not_written(watched: SqliteWatch) -> None:
    assert watched.jobs(["0" * 16]) == {}
    assert watched.jobs([]) == {}
    with pytest.raises(StoreError, match="readonly"), watched._database.transaction() as connection:
        connection.execute("DELETE FROM runs")
