import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.older_store import put_back
from themis.core.outcomes.outcome import CaseEnd, Outcome
from themis.core.stores.job_rows import ATTEMPT_COLUMNS, JOB_COLUMNS, Change, Fence, JobRow
from themis.core.stores.reading import RUN_FIELDS
from themis.core.stores.sql.tables import FIRST_TABLES, SCHEMA_VERSION, UPGRADES
from themis.core.stores.sqlite import SqliteRunStore
from themis.core.stores.sqlite.schema import APPLICATION_ID

KEY = "0123456789abcdef"
ROW = JobRow(KEY, "run", "queue", "/queue", 7, "running", 1, 5, 1, None, 3, 3, None, None)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteRunStore]:
    with closing(SqliteRunStore(tmp_path / "store.sqlite3")) as opened:
        assert opened.jobs.add(ROW, "{}")
        yield opened


def _lease(store: SqliteRunStore) -> int | None:
    row = store.jobs.load(KEY)
    assert row is not None
    assert row == ROW._replace(version=row.version, lease_until_ms=row.lease_until_ms)
    return row.lease_until_ms


def test_the_clock_of_the_store_is_the_time_in_milliseconds(store: SqliteRunStore) -> None:
    before_ms = time.time_ns() // 1_000_000
    clock_ms = store.jobs.clock_ms()
    assert before_ms - 2 <= clock_ms <= time.time_ns() // 1_000_000 + 2


def test_a_lease_begins_with_the_change_that_gives_it(store: SqliteRunStore) -> None:
    before_ms = store.jobs.clock_ms()
    change = store.jobs.change(Fence(KEY, 7, ROW.token), lambda row: Change(row._replace(version=8), lease_ms=60_000))
    assert change is not None
    assert change.row.lease_until_ms == _lease(store)
    assert before_ms + 60_000 <= (change.row.lease_until_ms or 0) <= store.jobs.clock_ms() + 60_000


def test_a_change_that_is_decided_against_writes_nothing(store: SqliteRunStore) -> None:
    assert store.jobs.change(Fence(KEY, 7, ROW.token), lambda _: None) is None
    assert store.jobs.load(KEY) == ROW


def test_a_lease_is_renewed_without_changing_the_version_and_by_its_owner_alone(store: SqliteRunStore) -> None:
    assert store.jobs.beat([Fence(KEY, 7, ROW.token)], 1_000) == {KEY: False}
    first = _lease(store)
    assert first is not None
    assert store.jobs.beat([Fence(KEY, 7, ROW.token)], 60_000) == {KEY: False}
    assert (_lease(store) or 0) > first + 50_000
    assert store.jobs.beat([Fence(KEY, 6, ROW.token)], 1_000_000) == {}
    assert store.jobs.beat([Fence("no such job", 7, ROW.token)], 1_000_000) == {}
    assert (_lease(store) or 0) < first + 100_000
    store.jobs.check_fence(Fence(KEY, 7, ROW.token))


def test_a_store_of_the_first_schema_is_upgraded_in_place_and_keeps_its_jobs(tmp_path: Path) -> None:
    path = tmp_path / "old.sqlite3"
    with closing(SqliteRunStore(path)) as store:
        assert store.jobs.add(ROW, "{}")
        store_id = store.jobs.store_id
    fresh = _columns(path)
    put_back(path, 1)
    assert "lease_until_ms" not in str(_columns(path))
    with closing(SqliteRunStore(path)) as store:
        assert store.jobs.store_id == store_id
        assert store.jobs.load(KEY) == ROW
        assert store.jobs.beat([Fence(KEY, 7, ROW.token)], 1_000) == {KEY: False}
    assert _columns(path) == fresh
    with closing(sqlite3.connect(path)) as new:
        assert new.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)


def test_the_first_schema_and_its_upgrades_make_the_tables_of_this_one(tmp_path: Path) -> None:
    assert set(UPGRADES) == set(range(1, SCHEMA_VERSION)), "a step for every older version"
    with closing(sqlite3.connect(tmp_path / "old.sqlite3")) as old:
        for statement in FIRST_TABLES:
            old.execute(statement)
        old.execute(f"PRAGMA application_id = {APPLICATION_ID:d}")
        old.execute("PRAGMA user_version = 1")
        old.commit()
    for name in ("old", "fresh"):
        with closing(SqliteRunStore(tmp_path / f"{name}.sqlite3")) as store:
            store.initialize()
    assert _columns(tmp_path / "old.sqlite3") == _columns(tmp_path / "fresh.sqlite3")


ROW_FIELDS = {
    "runs": ("run_no", *RUN_FIELDS, "snapshot", "failure_rows"),
    "cases": ("run_no", *CaseEnd._fields),
    "outcomes": ("run_no", *Outcome._fields),
    "jobs": ("job_no", *JOB_COLUMNS),
    "job_attempts": ("job_no", *ATTEMPT_COLUMNS),
}


@pytest.mark.parametrize("table", ROW_FIELDS)
def test_a_table_has_a_column_for_each_field_of_its_rows(tmp_path: Path, table: str) -> None:
    with closing(SqliteRunStore(tmp_path / "fresh.sqlite3")) as store:
        store.initialize()
    assert {column[1] for column in _columns(tmp_path / "fresh.sqlite3")[table]} == set(ROW_FIELDS[table])


def _columns(path: Path) -> dict[str, list[tuple[object, ...]]]:
    with closing(sqlite3.connect(path)) as database:
        names = [row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: database.execute(f"PRAGMA table_info({name})").fetchall() for name in sorted(names)}
