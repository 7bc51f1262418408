"""Edits of scores of two stores as one history; jobs and batches as history."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.merged_stores import add_job, merge, rows_of, snapshot, store_of
from themis.core.outcomes.score_edit import ScoreEdit
from themis.core.stores import sqlite_store
from themis.core.stores.batch_rows import BatchRow
from themis.core.stores.merging.edits import merged_edits
from themis.core.stores.sql.run_statements import ADD_SCORE_EDIT

RUN = snapshot()


def edit(number: int, at_ms: int, why: str = "", withdraws: int | None = None) -> ScoreEdit:
    return ScoreEdit(0, 0, "lab", "q0", 1.0, withdraws, 0.0, "ab", "Zoë", why, number, at_ms)


def test_two_histories_become_one_in_the_order_of_their_times() -> None:
    kept = [edit(1, 10, "a"), edit(2, 30, "c"), edit(3, 40, "c is wrong", withdraws=2)]
    others = [edit(1, 20, "b"), edit(2, 35, "b is wrong", withdraws=1)]
    merged = merged_edits(kept, others)
    assert [(one.number, one.why, one.withdraws) for one in merged] == [
        (1, "a", None),
        (2, "b", None),
        (3, "c", None),
        (4, "b is wrong", 2),
        (5, "c is wrong", 3),
    ]
    assert merged_edits(merged, others) == merged
    assert merged_edits(merged, kept) == merged


def test_what_both_have_is_there_once_and_can_be_withdrawn_by_either() -> None:
    common = edit(1, 10, "a")
    merged = merged_edits([common], [common._replace(number=4), edit(5, 20, "no", withdraws=4)])
    assert [(one.number, one.why, one.withdraws) for one in merged] == [(1, "a", None), (2, "no", 1)]


def test_later_edits_leave_the_numbers_of_the_earlier_ones() -> None:
    kept = [edit(1, 10, "a"), edit(2, 5, "by a clock that was set back")]
    merged = merged_edits(kept, [edit(1, 11, "b")])
    assert [one.why for one in merged] == ["a", "by a clock that was set back", "b"]
    assert merged[:2] == kept


def test_edits_on_both_sides_are_numbered_again_and_that_is_said(tmp_path: Path) -> None:
    files = [store_of(tmp_path / f"{name}.sqlite3", RUN, [0]) for name in ("one", "two")]
    for path, times in zip(files, [(10, 30), (20, 40)], strict=True):
        with closing(sqlite3.connect(path)) as connection:
            for number, at_ms in enumerate(times, 1):
                connection.execute(ADD_SCORE_EDIT, (1, *edit(number, at_ms, f"at {at_ms}")))
            connection.commit()
    into = tmp_path / "all.sqlite3"
    report = merge(files, into)
    with closing(sqlite_store(into)) as store:
        found = store.score_edits(RUN.run_id)
    assert [(one.number, one.why) for one in found] == [(1, "at 10"), (2, "at 20"), (3, "at 30"), (4, "at 40")]
    said = "scores were edited in both stores; the edits are numbered by their times"
    assert report.sources[1].notes == [f"run {RUN.run_id[:12]}: {said}"]
    assert not merge(files, into).changed


@pytest.mark.parametrize("state", ["queued", "running"])
def test_a_job_that_waits_or_runs_is_not_merged_and_one_line_says_so(tmp_path: Path, state: str) -> None:
    one = store_of(tmp_path / "one.sqlite3", RUN, [0])
    with closing(sqlite_store(one)) as store:
        add_job(store, "b" * 16, RUN.run_id, state=state)
        add_job(store, "a" * 16, RUN.run_id)
    into = tmp_path / "all.sqlite3"
    (source,) = merge([one], into).sources
    said = f"waiting or running in {one}: 1 job, of which {'b' * 16} is the first"
    assert source.notes == [f"{said}; none of them is merged before it has ended"]
    assert [row[0] for row in rows_of(into)["jobs"]] == ["a" * 16]
    with closing(sqlite_store(into)) as store:
        found = store.jobs.load("a" * 16)
        assert found is not None
        assert (found.queue_id, found.state) == ("", "done"), "in no queue, so that no queue takes it for its own"


def test_a_job_that_ended_again_replaces_its_history_and_one_of_a_queue_here_stays(tmp_path: Path) -> None:
    one, into = store_of(tmp_path / "one.sqlite3", RUN, [0]), tmp_path / "all.sqlite3"
    with closing(sqlite_store(one)) as store:
        add_job(store, "a" * 16, RUN.run_id, state="failed")
    merge([one], into)
    newer = store_of(tmp_path / "newer.sqlite3", RUN, [0])
    with closing(sqlite_store(newer)) as store:
        add_job(store, "a" * 16, RUN.run_id, version=5)
    assert merge([newer], into).sources[0].added.jobs == 1
    with closing(sqlite_store(into)) as store:
        found = store.jobs.load("a" * 16)
        assert found is not None
        assert (found.version, found.state, len(store.jobs.attempts("a" * 16))) == (5, "done", 1)
    assert not merge([one, newer], into).changed
    assert merge([newer], one).sources[0].added.jobs == 0


def test_batches_keep_their_rows_and_one_that_a_provider_may_have_stays(tmp_path: Path) -> None:
    files = [store_of(tmp_path / f"{name}.sqlite3", RUN, [0]) for name in ("one", "two")]
    for path in files:
        with closing(sqlite_store(path)) as store:
            for number, state in enumerate(["read", "submitted", "closed"]):
                store.save_batch(RUN.run_id, BatchRow(number, f"{path.stem} {number}", state, 0, 0, 1, 1, 1))
    into = tmp_path / "all.sqlite3"
    report = merge(files, into)
    with closing(sqlite_store(into)) as store:
        found = [(row.number, row.nonce) for row in store.batches(RUN.run_id)]
    assert found == [(0, "one 0"), (2, "one 2"), (3, "two 0"), (4, "two 2")]
    said = f"batches that are left to {files[0]}, as the provider may still have them: 1"
    assert report.sources[0].notes == [f"run {RUN.run_id[:12]}: {said}"]
    assert not merge(files, into).changed


def test_a_replay_that_did_not_end_is_left_out_and_that_is_said(tmp_path: Path) -> None:
    one, into = store_of(tmp_path / "one.sqlite3", RUN, [0]), tmp_path / "all.sqlite3"
    with closing(sqlite_store(one)) as store:
        store.begin_replay(RUN.run_id, "{}")
    assert merge([one], into).sources[0].notes == [
        f"run {RUN.run_id[:12]}: has a replay that did not end; it was left out"
    ]
    with closing(sqlite_store(into)) as store:
        assert store.begin_replay(RUN.run_id, "{}"), "there is none"
