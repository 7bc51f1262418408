"""A SQLite store that is only looked at: what is read of it, and when it is not read at all."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.processes.queue_world import world
from tests.support.lab import experiment
from tests.support.older_store import put_back
from themis.core.config import StorageConfig
from themis.core.errors import NetworkFilesystemError, NewerSchemaError, StoreCorruptError, StoreError
from themis.core.stores import RunStore, sqlite_store
from themis.core.stores.reading import StoreLocation
from themis.core.stores.registry import reader_of, register_store_backend
from themis.core.stores.sql.tables import SCHEMA_VERSION
from themis.core.stores.sqlite.reader import SqliteReader


def reader_at(path: Path) -> SqliteReader:
    return SqliteReader(StoreLocation("sqlite", str(path)), 0.5)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    with closing(sqlite_store(tmp_path / "s.sqlite3")) as store:
        experiment().run(store=store)
    return tmp_path / "s.sqlite3"


@pytest.fixture
def reader(path: Path) -> Iterator[SqliteReader]:
    with closing(reader_at(path)) as opened:
        yield opened


def test_a_store_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with closing(reader_at(tmp_path / "s.sqlite3")) as reader:
        for ask in (lambda: reader.jobs(["0" * 16]), reader.upgrade, lambda: reader.store_id):
            with pytest.raises(StoreError, match="is not there"):
                ask()
    assert list(tmp_path.iterdir()) == []


def test_a_store_of_an_older_schema_or_another_generation_is_not_read(tmp_path: Path, path: Path) -> None:
    with world(tmp_path) as here:
        here.submit("run-1")
    with closing(reader_at(tmp_path / "store.sqlite3")) as reader:
        for ask in (lambda: reader.jobs(["0" * 16]), lambda: reader.job("0" * 16), lambda: list(reader.jobs_of("q"))):
            with pytest.raises(StoreError, match="is of schema 1, but schema 2 is needed here"):
                ask()
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA user_version = 1000")
    with closing(reader_at(path)) as reader:
        with pytest.raises(StoreError, match="is of schema 1000, but schema 2"):
            reader.runs_before("", None, 1)
        with pytest.raises(NewerSchemaError):
            reader.upgrade()


def test_a_file_of_another_application_is_refused_as_the_store_refuses_it(tmp_path: Path) -> None:
    other = tmp_path / "other.sqlite3"
    with closing(sqlite3.connect(other)) as database:
        database.execute("CREATE TABLE t (x)")
    with closing(reader_at(other)) as reader, pytest.raises(StoreCorruptError, match="another application"):
        reader.upgrade()


def test_a_store_on_a_network_filesystem_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("themis.core.stores.sqlite.reader.network_filesystem", lambda _: "nfs4")
    with closing(reader_at(path)) as reader, pytest.raises(NetworkFilesystemError, match="nfs4"):
        reader.upgrade()


def test_a_store_of_an_earlier_version_is_upgraded_when_that_is_asked_for(path: Path) -> None:
    put_back(path, 2)
    with closing(reader_at(path)) as reader:
        (run,) = reader.runs_before("", None, 10)
        assert (run.name, run.labels, reader.runs_named("x", 1)) == (None, None, [])
        assert reader.jobs([run.run_id]) == {}
        assert (reader.job("no such job"), list(reader.jobs_of("none")), reader.attempts("no such job")) == (
            None,
            [],
            [],
        )
        with pytest.raises(StoreError, match="category"):
            reader.score_tallies(run)
        reader.upgrade()
        assert reader.score_tallies(run)[0].count > 0
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)


def test_a_store_that_is_looked_at_is_not_written(reader: SqliteReader, path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("DELETE FROM store_meta")
    assert reader.store_id is None, "whoever looks gives it no id"
    assert reader.jobs(["0" * 16]) == {}
    assert reader.jobs([]) == {}
    with pytest.raises(StoreError, match="readonly"), reader._database.transaction() as connection:
        connection.execute("DELETE FROM runs")


def test_a_reader_that_was_closed_opens_again(reader: SqliteReader) -> None:
    before = reader.runs_before("", None, 10)
    reader.close()
    assert reader.runs_before("", None, 10) == before != []


def test_a_kind_of_store_that_only_its_process_sees_is_said(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="is a store of kind 'memory', which no other process can read"):
        reader_of(StoreLocation("memory", "/x"))


def test_a_store_of_another_kind_brings_its_own_reader(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("themis.core.stores.registry._registered", {})

    def build(config: StorageConfig) -> RunStore:
        raise AssertionError

    def open_reader(location: StoreLocation, patience_s: float) -> SqliteReader:
        return reader_at(Path(location.path.removeprefix("db://")))

    register_store_backend("elsewhere", build, open_reader=open_reader)
    with closing(reader_of(StoreLocation("elsewhere", f"db://{path}"))) as reader:
        assert len(reader.runs_before("", None, 10)) == 1
