"""A run whose cases are in several stores: its status follows from its cases, once all are together."""

from contextlib import closing
from pathlib import Path

import pytest

from tests.support.merged_stores import SPEND, ended, generated, merge, snapshot, store_of
from themis.core.outcomes.stages import Stage
from themis.core.results import RunStatus
from themis.core.snapshot import RunSnapshot
from themis.core.stores import sqlite_store
from themis.core.stores.protocol import RunRecord

RUN = snapshot(6)


def half(path: Path, numbers: range, status: RunStatus | None = None, error: str | None = None) -> Path:
    """A store with some cases of the run, which ended in a state or is left as a killed process leaves it."""
    store_of(path, RUN, numbers)
    with closing(sqlite_store(path)) as store:
        store.start_run(RUN.run_id)
        if status is not None:
            store.end_run(RUN.run_id, status, through=None, error=error)
    return path


def run_in(path: Path, run: RunSnapshot = RUN) -> RunRecord:
    with closing(sqlite_store(path)) as store:
        record = store.load_run(run.run_id)
    assert record is not None
    return record


def test_two_halves_become_a_complete_run(tmp_path: Path) -> None:
    one = half(tmp_path / "one.sqlite3", range(3), RunStatus.CANCELLED, "stopped")
    two = half(tmp_path / "two.sqlite3", range(3, 6))
    into = tmp_path / "all.sqlite3"
    report = merge([one, two], into)
    record = run_in(into)
    assert (record.status, record.completed_through, record.error) == (RunStatus.COMPLETED, "score", None)
    assert record.started_ms == min(run_in(one).started_ms or 0, run_in(two).started_ms or 0)
    assert [source.completed for source in report.sources] == [[], [RUN.run_id]]
    with closing(sqlite_store(into)) as store:
        assert store.count_ends(RUN.run_id) == (6, 0)
        assert store.get_projection(RUN.run_id, "run_result")["progress"]["completed_cases"] == 6


def test_a_half_that_failed_is_a_partial_failure_of_the_whole(tmp_path: Path) -> None:
    one = half(tmp_path / "one.sqlite3", range(5))
    two = half(tmp_path / "two.sqlite3", range(0), RunStatus.FAILED, "all failed")
    with closing(sqlite_store(two)) as store:
        store.append(RUN.run_id, [generated(5, ok=False)], [ended(5, failed=True, through=Stage.GENERATE)])
    into = tmp_path / "all.sqlite3"
    merge([one, two], into)
    record = run_in(into)
    assert (record.status, record.completed_through, record.error) == (RunStatus.PARTIAL_FAILURE, "score", None)


def test_a_run_without_any_answer_has_failed(tmp_path: Path) -> None:
    files = []
    for name, numbers in (("one", range(3)), ("two", range(3, 6))):
        files.append(half(tmp_path / f"{name}.sqlite3", range(0)))
        with closing(sqlite_store(files[-1])) as store:
            outcomes = [generated(no, ok=False) for no in numbers]
            store.append(RUN.run_id, outcomes, [ended(no, failed=True, through=Stage.GENERATE) for no in numbers])
    into = tmp_path / "all.sqlite3"
    merge(files, into)
    assert (run_in(into).status, run_in(into).completed_through) == (RunStatus.FAILED, None)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_run_that_is_still_not_whole_is_as_its_last_process_left_it(tmp_path: Path, order: tuple[int, int]) -> None:
    untouched = store_of(tmp_path / "untouched.sqlite3", RUN, [])
    failed = half(tmp_path / "failed.sqlite3", range(2), RunStatus.FAILED, "no key")
    files = [untouched, failed]
    into = tmp_path / "all.sqlite3"
    merge([files[place] for place in order], into)
    assert (run_in(into).status, run_in(into).error) == (RunStatus.FAILED, "no key")
    assert not merge(files, into).changed


def test_figures_over_a_part_of_the_cases_are_dropped(tmp_path: Path) -> None:
    one, two = half(tmp_path / "one.sqlite3", range(3)), half(tmp_path / "two.sqlite3", range(3, 6))
    for path in (one, two):
        with closing(sqlite_store(path)) as store:
            store.put_aggregate(RUN.run_id, 0, '{"of":"a half"}')
    into = tmp_path / "all.sqlite3"
    merge([one], into)
    with closing(sqlite_store(into)) as store:
        assert store.aggregates(RUN.run_id) == {0: '{"of":"a half"}'}
    (note,) = merge([two], into).sources[0].notes
    assert note.endswith(
        "its figures over all cases were of a part of them, and are gone; themis run computes them again"
    )
    with closing(sqlite_store(into)) as store:
        assert store.aggregates(RUN.run_id) == {}
        store.put_aggregate(RUN.run_id, 0, '{"of":"all"}')
    assert not merge([one, two], into).changed
    with closing(sqlite_store(into)) as store:
        assert store.aggregates(RUN.run_id) == {0: '{"of":"all"}'}


def spent(path: Path) -> list[str]:
    with closing(sqlite_store(path)) as store:
        return sorted(store.spends(RUN.run_id).values())


def test_equal_spends_of_two_stores_both_count_and_count_once(tmp_path: Path) -> None:
    files = [half(tmp_path / "one.sqlite3", range(3)), half(tmp_path / "two.sqlite3", range(3, 6))]
    for number, path in enumerate(files):
        with closing(sqlite_store(path)) as store:
            assert store.jobs.store_id
            store.put_spend(RUN.run_id, 1, SPEND % 7)
            store.put_spend(RUN.run_id, 2, SPEND % (8 + number))
    into, then = tmp_path / "all.sqlite3", tmp_path / "then.sqlite3"
    merge(files, into)
    assert spent(into) == sorted([SPEND % 7, SPEND % 7, SPEND % 8, SPEND % 9])
    merge([*files, into], then)
    assert spent(then) == spent(into)
    assert not merge([then, *files], into).changed
    merge([into], files[0])
    assert spent(files[0]) == spent(into), "what came from this store is known here"


def test_a_spend_that_has_grown_replaces_what_was_merged_of_it(tmp_path: Path) -> None:
    one, into = half(tmp_path / "one.sqlite3", range(3)), tmp_path / "all.sqlite3"
    for calls in (3, 5):
        with closing(sqlite_store(one)) as store:
            store.put_spend(RUN.run_id, 1, SPEND % calls)
        merge([one], into)
    assert spent(into) == [SPEND % 5]
    with closing(sqlite_store(one)) as store:
        store.put_spend(RUN.run_id, 1, SPEND % 4)
    merge([one], into)
    assert spent(into) == [SPEND % 5], "an older copy takes nothing back"


def test_a_run_that_came_from_elsewhere_and_went_on_here_and_there_is_paid_for_by_each(tmp_path: Path) -> None:
    """The first store has no id, so that it is known by the time at which it made the run, which is kept here too."""
    one, here, third = (half(tmp_path / "one.sqlite3", range(3)), tmp_path / "here.sqlite3", tmp_path / "third.sqlite3")
    with closing(sqlite_store(one)) as store:
        store.put_spend(RUN.run_id, 1, SPEND % 3)
    merge([one], here)
    for path, calls in ((here, 5), (one, 7)):
        with closing(sqlite_store(path)) as store:
            store.put_spend(RUN.run_id, 2, SPEND % calls)
    merge([one, here], third)
    merge([one], here)
    for path in (here, third):
        assert spent(path) == [SPEND % 3, SPEND % 5, SPEND % 7]
    assert not merge([here, one], third).changed


def test_a_store_that_got_an_id_since_it_was_merged_is_still_known(tmp_path: Path) -> None:
    one, into = half(tmp_path / "one.sqlite3", range(3)), tmp_path / "all.sqlite3"
    with closing(sqlite_store(one)) as store:
        store.put_spend(RUN.run_id, 1, SPEND % 3)
    merge([one], into)
    with closing(sqlite_store(one)) as store:
        assert store.jobs.store_id
    assert not merge([one], into).changed
