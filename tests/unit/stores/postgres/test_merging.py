"""Files merged into a store in Postgres: the same rules as for a file, by copies of their rows."""

import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.support import postgres_server
from tests.support.merged_stores import CASES, filled, merge, parts_of, snapshot, store_of
from themis.core.config import StorageConfig
from themis.core.results import RunStatus
from themis.core.stores import RunStore, create_run_store, sqlite_store
from themis.core.stores.merging.report import MergeReport, Prefer
from themis.core.stores.reading import StoreLocation
from themis.core.stores.registry import merge_stores
from themis.core.stores.sql.merging import stretches

pytestmark = pytest.mark.slow

RUN = snapshot()


@pytest.fixture
def url(monkeypatch: pytest.MonkeyPatch) -> str:
    found = postgres_server.schema_url()
    monkeypatch.setattr(stretches, "ROWS", 7)
    return found


@pytest.fixture
def store(url: str) -> Iterator[RunStore]:
    with closing(create_run_store(StorageConfig(store="postgres", parameters={"url": url}))) as opened:
        yield opened


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    return filled(tmp_path / "whole.sqlite3")


def merged(url: str, files: Sequence[Path], prefer: Prefer | None = None) -> MergeReport:
    return merge_stores(files, StoreLocation("postgres", json.dumps({"url": url})), prefer, lambda _: None)


def everything(store: RunStore, run_id: str) -> list[Any]:
    """All that a store has of a run, as its methods return it."""
    return [
        store.load_run(run_id),
        store.load_snapshot(run_id),
        store.outcomes_between(run_id, 0, CASES),
        store.ends_between(run_id, 0, CASES),
        store.judge_calls_between(run_id, 0, CASES),
        store.spends(run_id),
        store.score_edits(run_id),
        store.batches(run_id),
        store.lent_keys(run_id),
        store.calibrations(),
        store.jobs.attempts("0123456789abcdef"),
        store.jobs.manifest("0123456789abcdef"),
    ]


def test_parts_that_are_merged_twice_are_the_original(whole: Path, tmp_path: Path, url: str, store: RunStore) -> None:
    parts = parts_of(whole, tmp_path, 3, Random(3))
    assert merged(url, [*parts, parts[0]]).changed
    with closing(sqlite_store(whole)) as original:
        assert everything(store, RUN.run_id) == everything(original, RUN.run_id)
    assert not merged(url, parts).changed


def test_a_conflict_is_refused_and_decided_as_in_a_file(tmp_path: Path, url: str, store: RunStore) -> None:
    first = store_of(tmp_path / "first.sqlite3", RUN, range(6), "first")
    last = store_of(tmp_path / "last.sqlite3", RUN, range(4, 12), "last")
    report = merged(url, [first, last])
    assert report.refused == 1
    assert f"case 'q4', generation, which {first} has too" in report.sources[1].refused[0].why
    for prefer in (Prefer.FIRST, Prefer.LAST):
        into = tmp_path / f"preferring {prefer}.sqlite3"
        merge([first], into)
        for _ in range(2):
            merge([first, last], into, prefer)
            merged(url, [first, last], prefer)
        with closing(sqlite_store(into)) as file:
            assert store.outcomes_between(RUN.run_id, 0, CASES) == file.outcomes_between(RUN.run_id, 0, CASES)
        assert not merged(url, [first, last], prefer).changed
    record = store.load_run(RUN.run_id)
    assert record is not None
    assert record.status is RunStatus.COMPLETED


def test_a_run_that_a_process_has_is_left_out(tmp_path: Path, url: str, store: RunStore) -> None:
    first = store_of(tmp_path / "first.sqlite3", RUN, range(6))
    with store.hold_run(RUN.run_id):
        (refused,) = merged(url, [first]).sources[0].refused
    assert "run lock held by process" in refused.why
    merged(url, [first])
    assert store.count_ends(RUN.run_id) == (6, 0)
