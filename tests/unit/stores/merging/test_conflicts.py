"""Two stores that have the same run in different ways: what wins, and what is refused."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.merged_stores import (
    AT_MS,
    differences,
    ended,
    generated,
    merge,
    rows_of,
    scored,
    snapshot,
    store_of,
)
from themis.core.outcomes.outcome import Outcome
from themis.core.outcomes.stages import Stage
from themis.core.snapshot import RunSnapshot
from themis.core.stores import sqlite_store
from themis.core.stores.merging.report import Prefer
from themis.core.stores.sql.merging import stretches

RUN = snapshot()


def answers(path: Path) -> dict[int, str]:
    """The stored answers of a run, by the number of the case."""
    with closing(sqlite_store(path)) as store:
        found = store.outcomes_between(RUN.run_id, 0, 100)
        return {o.case_no: str(o.output) for o in found if o.stage is Stage.GENERATE and o.ok}


@pytest.fixture
def first(tmp_path: Path) -> Path:
    """With cases 0 to 5."""
    return store_of(tmp_path / "first.sqlite3", RUN, range(6), "first")


@pytest.fixture
def last(tmp_path: Path) -> Path:
    """With cases 4 to 9, two of which the first has too."""
    return store_of(tmp_path / "last.sqlite3", RUN, range(4, 10), "last")


def test_a_case_with_two_answers_refuses_its_run_and_names_case_stage_and_both_stores(
    first: Path, last: Path, tmp_path: Path
) -> None:
    other = store_of(tmp_path / "other.sqlite3", snapshot(3, "other"), [0])
    with closing(sqlite_store(last)) as store:
        store.create_run(snapshot(3, "third"))
    into = tmp_path / "all.sqlite3"
    report = merge([other, first, last], into)
    (refused,) = report.sources[2].refused
    assert refused.run_id == RUN.run_id
    assert refused.why == (
        f"run {RUN.run_id[:12]} has 2 cases with another result in {last}: the first is case 'q4', generation, "
        f"which {first} has too; --prefer first or --prefer last decides"
    )
    assert sorted(answers(into)) == list(range(6))
    assert len(rows_of(into)["runs"]) == 3, "other runs are merged"
    assert report.refused == 1


def test_a_conflict_with_what_was_there_before_names_the_target(first: Path, last: Path) -> None:
    (refused,) = merge([last], first).sources[0].refused
    assert f"which {first} has too" in refused.why


@pytest.mark.parametrize("rows", [3, 1_000])
@pytest.mark.parametrize(("prefer", "winner"), [(Prefer.FIRST, "first"), (Prefer.LAST, "last")])
def test_the_preferred_store_gives_all_results_of_a_case(
    first: Path, last: Path, monkeypatch: pytest.MonkeyPatch, prefer: Prefer, winner: str, rows: int
) -> None:
    monkeypatch.setattr(stretches, "ROWS", rows)
    into = first.with_name("all.sqlite3")
    with closing(sqlite_store(last)) as store:  # a score that only belongs to the answer of this store
        store.append(RUN.run_id, [scored(4, 0.25)._replace(item=7)], [])
    report = merge([first, last], into, prefer)
    found = answers(into)
    assert [found[no] for no in range(10)] == [
        f'"{"first" if no < 4 else winner if no < 6 else "last"} {no}"' for no in range(10)
    ]
    with closing(sqlite_store(into)) as store:
        items = {o.item for o in store.outcomes_between(RUN.run_id, 4, 5) if o.stage is Stage.SCORE}
    assert items == ({0, 7} if winner == "last" else {0})
    assert report.refused == 0
    assert not merge([first, last], into, prefer).changed


def test_the_last_of_three_counts_and_the_merge_is_done_once(first: Path, last: Path, tmp_path: Path) -> None:
    between = store_of(tmp_path / "between.sqlite3", RUN, range(3, 8), "between")
    into = store_of(tmp_path / "all.sqlite3", RUN, range(10), "target")
    report = merge([first, between, last], into, Prefer.LAST)
    assert [text.strip('"').split()[0] for _, text in sorted(answers(into).items())] == [
        *["first"] * 3,
        "between",
        *["last"] * 6,
    ]
    assert sum(source.added.replaced for source in report.sources) == 10
    assert not merge([first, between, last], into, Prefer.LAST).changed
    assert not merge([last], into, Prefer.LAST).changed


def test_answers_that_differ_in_time_and_details_alone_are_the_same(first: Path, tmp_path: Path) -> None:
    same = tmp_path / "same.sqlite3"
    with closing(sqlite_store(same)) as store:
        store.create_run(RUN)
        store.append(RUN.run_id, [generated(1, "first 1", at=50)._replace(body='{"latency_ms":7}')], [])
    assert not merge([same], first).changed
    assert merge([same], first).refused == 0


def test_judgments_of_one_score_are_the_same_however_the_judge_put_it(first: Path, tmp_path: Path) -> None:
    judged = Outcome(1, Stage.JUDGE, 0, True, AT_MS, 0.5, '{"said":"fair"}', "{}")
    with closing(sqlite_store(first)) as store:
        store.append(RUN.run_id, [judged], [])
    other = tmp_path / "other.sqlite3"
    with closing(sqlite_store(other)) as store:
        store.create_run(RUN)
        store.append(RUN.run_id, [judged._replace(output='{"said":"good"}')], [])
    assert not merge([other], first).refused
    with closing(sqlite_store(other)) as store:
        store.append(RUN.run_id, [judged._replace(case_no=2, value=1.0)], [])
    with closing(sqlite_store(first)) as store:
        store.append(RUN.run_id, [judged._replace(case_no=2)], [])
    (refused,) = merge([other], first).sources[0].refused
    assert "the first is case 'q2', judge, which" in refused.why


def failing(path: Path, *outcomes: Outcome, through: Stage = Stage.GENERATE) -> Path:
    """A store in which case 0 failed."""
    with closing(sqlite_store(path)) as store:
        store.create_run(RUN)
        store.append(RUN.run_id, list(outcomes), [ended(0, failed=True, through=through)])
    return path


@pytest.mark.parametrize("is_first", [True, False])
def test_a_success_wins_over_a_failure_and_is_counted(tmp_path: Path, is_first: bool) -> None:
    failed = failing(tmp_path / "failed.sqlite3", generated(0, ok=False, at=99))
    fine = store_of(tmp_path / "fine.sqlite3", RUN, [0], "fine")
    into = tmp_path / "all.sqlite3"
    report = merge([failed, fine] if is_first else [fine, failed], into)
    assert set(differences(into, fine)) <= {"runs"}, "they were made at different times"
    assert [source.added.rescued for source in report.sources] == ([0, 1] if is_first else [0, 0])
    if is_first:
        assert report.sources[1].notes == [f"run {RUN.run_id[:12]}: 1 failure replaced by a success"]


def test_of_two_failures_the_later_stays_whichever_comes_first(tmp_path: Path) -> None:
    early = failing(tmp_path / "early.sqlite3", generated(0, ok=False)._replace(body='{"early":1}'))
    late = failing(tmp_path / "late.sqlite3", generated(0, ok=False, at=1)._replace(body='{"late":1}'))
    for number, files in enumerate([[early, late], [late, early]]):
        into = tmp_path / f"all{number}.sqlite3"
        merge(files, into)
        assert [row[8] for row in rows_of(into)["outcomes"]] == ['{"late":1}']


def test_a_case_ends_where_it_came_furthest(tmp_path: Path) -> None:
    """Taken through the model alone in one store, it failed later on in another one."""
    short = tmp_path / "short.sqlite3"
    with closing(sqlite_store(short)) as store:
        store.create_run(RUN)
        store.append(RUN.run_id, [generated(0)], [ended(0, through=Stage.GENERATE)])
    parse = Outcome(0, Stage.PARSE, 0, False, AT_MS, None, None, "{}")
    long = failing(tmp_path / "long.sqlite3", generated(0), parse, through=Stage.PARSE)
    for number, files in enumerate([[short, long], [long, short]]):
        into = tmp_path / f"all{number}.sqlite3"
        merge(files, into)
        assert set(differences(into, long)) <= {"runs"}


def other_cases() -> RunSnapshot:
    """A run with the id of `RUN` that is said to have more cases."""
    longer = snapshot(20, "longer")
    found = longer.model_copy(update={"datasets": longer.datasets})
    found.__dict__["run_id"] = RUN.run_id
    return found


def test_runs_that_are_not_of_the_same_cases_are_refused_whatever_is_preferred(first: Path, tmp_path: Path) -> None:
    swapped = tmp_path / "swapped.sqlite3"
    with closing(sqlite_store(swapped)) as store:
        store.create_run(RUN)
        store.append(RUN.run_id, [generated(0, "first 0")], [ended(0)._replace(case_id="x")])
    (refused,) = merge([swapped], first, Prefer.LAST).sources[0].refused
    assert refused.why.endswith("case number 0 is 'x' in one and 'q0' in the other")
    longer = tmp_path / "longer.sqlite3"
    with closing(sqlite_store(longer)) as store:
        store.create_run(other_cases())
    (refused,) = merge([longer], first).sources[0].refused
    assert refused.why.endswith("12 cases in the target, 20 in the source")
    assert sorted(answers(first)) == list(range(6))


def test_name_and_labels_of_the_first_stay_and_others_are_said(first: Path, last: Path, tmp_path: Path) -> None:
    for path, name in ((first, "one"), (last, "two")):
        with closing(sqlite_store(path)) as store:
            store.name_run(RUN.run_id, name, {"team": name})
    into = tmp_path / "all.sqlite3"
    report = merge([first, last], into, Prefer.FIRST)
    one, two = """'one' {"team":"one"}""", """'two' {"team":"two"}"""
    said = f"is {two} in the source and {one} in the target; it is {one} now"
    assert f"run {RUN.run_id[:12]}: {said}" in report.sources[1].notes
    with closing(sqlite_store(into)) as store:
        assert store.load_run(RUN.run_id).name == "one"  # type: ignore[union-attr]
    merge([first, last], into, Prefer.LAST)
    with closing(sqlite_store(into)) as store:
        record = store.load_run(RUN.run_id)
        assert record is not None
        assert replace(record, status=record.status).labels == '{"team":"two"}'
    assert not merge([first, last], into, Prefer.LAST).changed


def test_a_run_without_a_name_gets_one_from_another_store(first: Path, tmp_path: Path) -> None:
    named = tmp_path / "named.sqlite3"
    with closing(sqlite_store(named)) as store:
        store.create_run(RUN)
        store.name_run(RUN.run_id, "named", {})
    merge([named], first)
    with closing(sqlite_store(first)) as store:
        assert [run.name for run in store.list_runs()] == ["named"]


@pytest.mark.parametrize("order", [1, -1])
def test_reuse_keys_stay_valid_for_all_outcomes_of_a_run(first: Path, last: Path, tmp_path: Path, order: int) -> None:
    with closing(sqlite_store(last)) as store:
        keys = store.lent_keys(RUN.run_id)
        kept = dict(list(keys.items())[:1])
        store.lend_only(RUN.run_id, {**kept, "4.0.0": "of an edited component"})
    into = tmp_path / "all.sqlite3"
    merge([first, last][::order], into, Prefer.FIRST)
    with closing(sqlite_store(into)) as store:
        assert len(keys) > 1
        assert store.lent_keys(RUN.run_id) == kept


def test_a_calibration_of_the_target_stays_unless_the_last_is_preferred(tmp_path: Path) -> None:
    paths = [tmp_path / f"{name}.sqlite3" for name in ("one", "two")]
    for path in paths:
        with closing(sqlite_store(path)) as store:
            store.save_calibration("k" * 64, f'{{"of":"{path.stem}"}}')
    into = tmp_path / "all.sqlite3"
    report = merge(paths, into)
    assert report.sources[1].notes == ["calibration kkkkkkkkkkkk is another in the target; that of the target stays"]
    assert rows_of(into)["calibrations"] == [("k" * 64, '{"of":"one"}')]
    merge(paths, into, Prefer.LAST)
    assert rows_of(into)["calibrations"] == [("k" * 64, '{"of":"two"}')]
    assert not merge(paths, into, Prefer.LAST).changed
