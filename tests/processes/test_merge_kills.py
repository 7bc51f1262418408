"""A merge may be killed at any step: what is committed can be read, and the same merge completes it."""

import sqlite3
from contextlib import closing
from pathlib import Path
from random import Random

import pytest

from tests.processes.crash_points import kill_at, steps_of
from tests.support.merged_stores import CASES, LONG, differences, filled, merge, parts_of, snapshot
from themis.core.stores import sqlite_store
from themis.core.stores.sql.merging import stretches
from themis.core.stores.sqlite.merging import target

PARTS = 3


def merge_parts(folder: Path) -> None:
    """Merge the parts in a folder, committing every few rows."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stretches, "ROWS", 7)
        patch.setattr(target, "TEXTS", 4)
        merge(parts(folder), folder / "all.sqlite3")


def parts(folder: Path) -> list[Path]:
    return [folder / f"part{number}.sqlite3" for number in range(PARTS)]


def parted(whole: Path, folder: Path) -> Path:
    folder.mkdir()
    parts_of(whole, folder, PARTS, Random(5))
    return folder


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    return filled(tmp_path / "whole.sqlite3")


def assert_readable(path: Path) -> None:
    """Every text that a row refers to is there, and no run is said to be complete before it is."""
    run_id = snapshot().run_id
    if not path.exists() or not path.stat().st_size:
        return
    with closing(sqlite3.connect(path)) as connection:
        if not connection.execute("PRAGMA user_version").fetchone()[0]:
            return
    with closing(sqlite_store(path)) as store:
        record = store.load_run(run_id)
        if record is None:
            return
        assert store.load_snapshot(run_id) == snapshot()
        assert all(o.output is None or not o.output.startswith("@") for o in store.outcomes_between(run_id, 0, CASES))
        assert all(LONG in call.response for call in store.judge_calls_between(run_id, 0, CASES))


@pytest.mark.parametrize("points", ["three", pytest.param("all", marks=pytest.mark.slow)])
def test_killed_at_any_step_a_merge_is_completed_by_the_same_merge(whole: Path, tmp_path: Path, points: str) -> None:
    steps = steps_of(merge_parts, parted(whole, tmp_path / "calm"))
    assert differences(tmp_path / "calm" / "all.sqlite3", whole) == {}
    commits = [number for number, step in enumerate(steps) if step.startswith("commit")]
    assert len(commits) > 20, "it is committed in parts"
    chosen = range(len(steps)) if points == "all" else (commits[3], commits[len(commits) // 2], commits[-1])
    for point in chosen:
        folder = parted(whole, tmp_path / f"at {point}")
        into = folder / "all.sqlite3"
        assert kill_at(point, merge_parts, folder), steps[point]
        assert_readable(into)
        is_changed = merge(parts(folder), into).changed
        assert is_changed or point > commits[len(commits) // 2], "the last commits have nothing to add"
        assert differences(into, whole) == {}, steps[point]
        assert not merge(parts(folder), into).changed
        assert not list(folder.glob("*-locks/*")), "no lock is left"
