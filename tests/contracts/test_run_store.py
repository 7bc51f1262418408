"""What every store promises of runs: the same tests for each kind of store."""

import json
import math
import multiprocessing
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support import store_writer
from tests.support.lab import (
    ScriptedGenerator,
    ScriptedMetric,
    ScriptedParser,
    cases,
    dataset,
    experiment,
)
from tests.support.stores import added_run
from themis.core.config import DatasetFile
from themis.core.errors import (
    InvalidArgumentError,
    NewerSchemaError,
    StoreCorruptError,
    StoreReadOnlyError,
    UnknownRunError,
)
from themis.core.files import durable
from themis.core.identity.reuse_keys import reuse_keys, reuse_name
from themis.core.models import Dataset, GenerationResult, Message, Score, TraceStep
from themis.core.outcomes.items import Item
from themis.core.outcomes.outcome import CaseEnd, Outcome
from themis.core.outcomes.stages import Stage
from themis.core.results import CaseResult, RunStatus
from themis.core.snapshot import RunSnapshot
from themis.core.stores import RunStore, SqliteRunStore, sqlite_store
from themis.core.stores.sql import score_tallies
from themis.core.stores.sql.short_texts import INLINE_CHARACTERS
from themis.core.stores.stored_cases import PAGE
from themis.core.text.run_names import labels_in

UNKNOWN = "f" * 64


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[SqliteRunStore]:
    with closing(sqlite_store(tmp_path / "s.sqlite3")) as made:
        yield made


def snapshot_of(count: int = 3, dataset_id: str = "lab") -> RunSnapshot:
    return experiment(ScriptedGenerator(), datasets=[dataset(count, dataset_id)]).compile()


@pytest.fixture
def run_id(store: RunStore) -> str:
    """A run of three cases that is in the store."""
    snapshot = snapshot_of()
    store.create_run(snapshot)
    return snapshot.run_id


def outcome(no: int, stage: Stage = Stage.GENERATE, item: int = 0, **facts: Any) -> Outcome:
    plain: dict[str, Any] = {"ok": True, "finished_ms": 1_000 + no, "value": None, "output": f'"a{no}"', "body": "{}"}
    return Outcome(no, stage, item, **{**plain, **facts})


def end(no: int, *, failed: bool = False, through: Stage = Stage.JUDGE) -> CaseEnd:
    return CaseEnd(no, 0, f"q{no}", bytes([no]) * 16, failed, through)


# --- runs ------------------------------------------------------------------------------------------------------------


def test_a_run_is_created_once(store: RunStore) -> None:
    snapshot = snapshot_of()
    assert store.create_run(snapshot) is True
    first = store.load_run(snapshot.run_id)
    assert store.create_run(snapshot) is False
    assert store.load_run(snapshot.run_id) == first
    assert len(store.list_runs()) == 1


def test_a_new_run_is_pending(store: RunStore, run_id: str) -> None:
    record = store.load_run(run_id)
    assert record is not None
    assert (record.status, record.completed_through, record.total_cases) == (RunStatus.PENDING, None, 3)
    assert (record.error, record.started_ms, record.ended_ms) == (None, None, None)
    assert record.created_ms > 0


def test_creating_a_run_again_leaves_what_is_finished_of_it(store: RunStore, run_id: str) -> None:
    store.start_run(run_id)
    store.append(run_id, [outcome(0)], [end(0)])
    store.create_run(snapshot_of())
    record = store.load_run(run_id)
    assert record is not None
    assert record.status == "running"
    assert store.count_ends(run_id) == (1, 0)


def test_a_run_with_more_listed_cases_than_one_blob_holds_is_the_same_when_it_is_loaded(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("themis.core.stores.snapshot_blobs.CASES_PER_BLOB", 3)
    snapshot = experiment(ScriptedGenerator(), datasets=[dataset(10), dataset(2, "few")]).compile()
    store.create_run(snapshot)
    found = store.load_snapshot(snapshot.run_id)
    assert found is not None
    assert found == snapshot
    assert list(found.listed_cases().values()) == [*dataset(10).cases, *dataset(2).cases]
    store.replace_snapshot(found)
    again = store.load_snapshot(snapshot.run_id)
    assert again is not None
    assert again.model_dump() == snapshot.model_dump()


def test_a_text_that_not_every_store_can_keep_is_escaped_alike(store: RunStore, run_id: str) -> None:
    store.end_run(run_id, RunStatus.FAILED, through=None, error="a\0b \ud800 é")
    record = store.load_run(run_id)
    assert record is not None
    assert record.error == "a\\x00b \\ud800 é"


def test_a_run_starts_and_ends(store: RunStore, run_id: str) -> None:
    store.start_run(run_id)
    record = store.load_run(run_id)
    assert record is not None
    assert (record.status, record.ended_ms) == (RunStatus.RUNNING, None)
    assert record.started_ms is not None
    store.end_run(run_id, RunStatus.FAILED, through=None, error="why")
    record = store.load_run(run_id)
    assert record is not None
    assert (record.status, record.error, record.completed_through) == (RunStatus.FAILED, "why", None)
    assert record.ended_ms is not None
    store.start_run(run_id)
    record = store.load_run(run_id)
    assert record is not None
    assert (record.status, record.error, record.ended_ms) == (RunStatus.RUNNING, None, None)


@pytest.mark.parametrize(("through", "name"), [(Stage.GENERATE, "generate"), (Stage.JUDGE, "judge"), (None, None)])
def test_a_run_says_through_which_stage_it_went(
    store: RunStore, run_id: str, through: Stage | None, name: str | None
) -> None:
    store.end_run(run_id, RunStatus.COMPLETED, through=through)
    record = store.load_run(run_id)
    assert record is not None
    assert record.completed_through == name


def test_a_cleared_run_is_as_if_it_never_ran(store: RunStore, run_id: str) -> None:
    store.start_run(run_id)
    store.append(run_id, [outcome(0), outcome(1)], [end(0), end(1, failed=True)])
    store.end_run(run_id, RunStatus.PARTIAL_FAILURE, through=Stage.JUDGE, error="x")
    store.clear_run(run_id)
    record = store.load_run(run_id)
    assert record is not None
    assert (record.status, record.completed_through, record.error) == (RunStatus.PENDING, None, None)
    assert (record.started_ms, record.ended_ms) == (None, None)
    assert not store.has_outcomes(run_id)
    assert store.count_ends(run_id) == (0, 0)
    assert store.load_snapshot(run_id) == snapshot_of()
    store.append(run_id, [outcome(0, output='"new"')], [])
    assert store.outcomes_between(run_id, 0, 3)[0].output == '"new"'


def test_the_spend_of_each_execution_is_kept_and_replaced_by_its_next(store: RunStore, run_id: str) -> None:
    assert store.spends(run_id) == {}
    other = snapshot_of(dataset_id="other")
    store.create_run(other)
    store.put_spend(run_id, 2, "two")
    store.put_spend(run_id, 1, "one")
    store.put_spend(other.run_id, 1, "another's")
    store.put_spend(run_id, 2, "more")
    assert list(store.spends(run_id).items()) == [(1, "one"), (2, "more")]
    with pytest.raises(UnknownRunError), store.transaction():  # noqa: PT012  # both are in one block
        store.put_spend(run_id, 1, "undone")
        store.put_spend(UNKNOWN, 1, "")
    assert store.spends(run_id) == {1: "one", 2: "more"}
    store.clear_run(run_id)
    assert (store.spends(run_id), store.spends(other.run_id)) == ({}, {1: "another's"})


def test_clearing_a_run_leaves_the_others(store: RunStore, run_id: str) -> None:
    other = snapshot_of(dataset_id="other")
    store.create_run(other)
    for name in (run_id, other.run_id):
        store.append(name, [outcome(0)], [end(0)])
    store.clear_run(run_id)
    assert store.count_ends(other.run_id) == (1, 0)


def test_runs_are_listed_newest_first_and_by_prefix(store: RunStore) -> None:
    ids = []
    for no in range(20):
        snapshot = snapshot_of(dataset_id=f"d{no}")
        store.create_run(snapshot)
        ids.append(snapshot.run_id)
    assert [record.run_id for record in store.list_runs()] == ids[::-1]
    assert [record.run_id for record in store.list_runs(limit=3)] == ids[:-4:-1]
    for prefix in {run_id[:1] for run_id in ids}:
        expected = [run_id for run_id in reversed(ids) if run_id.startswith(prefix)]
        assert [record.run_id for record in store.list_runs(prefix)] == expected
    assert [record.run_id for record in store.list_runs(ids[7])] == [ids[7]]


@pytest.mark.parametrize("prefix", ["x", "%", "_", "____", "a%", "'", "\x00", "A" * 65, "*"])
def test_a_prefix_is_nothing_but_the_beginning_of_an_id(store: RunStore, run_id: str, prefix: str) -> None:
    assert run_id[0] in "0123456789abcdef"
    assert store.list_runs(prefix) == []


def test_a_prefix_in_capitals_is_another(store: RunStore) -> None:
    ids = []
    for no in range(6):
        snapshot = snapshot_of(dataset_id=f"d{no}")
        store.create_run(snapshot)
        ids.append(snapshot.run_id)
    lettered = next(run_id for run_id in ids if run_id[:8].upper() != run_id[:8])
    assert store.list_runs(lettered[:8].upper()) == []


def test_a_snapshot_comes_back_as_it_was(store: RunStore, tmp_path: Path) -> None:
    path = tmp_path / "cases.jsonl"
    path.write_text('{"input": "x"}\n')
    listed = Dataset(dataset_id="listed", cases=cases(4), revision="7", metadata={"language": "ü"})
    by_file = DatasetFile(dataset_id="file", path=str(path), fields={"input": "input"})
    snapshot = experiment(samples=2, seeds=[3, 4], datasets=[listed, by_file], parser="builtin/text").compile()
    store.create_run(snapshot)
    loaded = store.load_snapshot(snapshot.run_id)
    assert loaded == snapshot
    assert loaded is not None
    assert loaded.run_id == snapshot.run_id
    assert loaded.datasets[0].cases == listed.cases
    assert loaded.datasets[1].path == str(path)


# --- outcomes and ends -----------------------------------------------------------------------------------------------


def test_outcomes_come_back_in_the_order_of_their_keys(store: RunStore, run_id: str) -> None:
    kept = [
        outcome(0),
        outcome(0, item=1),
        outcome(0, Stage.REDUCE),
        outcome(0, Stage.SCORE, value=0.5, output=None),
        outcome(1, ok=False, output=None, body='{"message":"no"}', retries='[{"attempt":1}]'),
        outcome(2),
    ]
    store.append(run_id, kept[::-1], [])
    assert store.outcomes_between(run_id, 0, 3) == kept
    assert store.outcomes_between(run_id, 1, 2) == kept[4:5]
    assert store.outcomes_between(run_id, 3, 9) == []
    assert store.outcomes_between(run_id, 2, 1) == []


def test_scores_come_back_without_what_they_are_about(store: RunStore, run_id: str) -> None:
    kept = [
        outcome(0),
        outcome(0, Stage.SCORE, value=0.5, output=None),
        outcome(0, Stage.SCORE, item=1, ok=False, value=None, output=None, body='{"message":"no"}'),
        outcome(0, Stage.JUDGE, item=2, value=1.0, output=None),
        outcome(1, Stage.SCORE, value=None, output=None, category="no_answer"),
        outcome(2, Stage.SCORE, value=0.0, output=None),
    ]
    store.append(run_id, kept[::-1], [])
    assert store.values_between(run_id, 0, 0, 1) == {0: 0.5}
    assert list(store.values_between(run_id, 0, 0, 3).items()) == [(0, 0.5), (1, None), (2, 0.0)]
    assert store.values_between(run_id, 1, 0, 3) == {}, "a failure has no value"
    assert store.values_between(run_id, 2, 0, 3) == {0: 1.0}
    assert store.values_between(run_id, 0, 3, 9) == {}


def test_a_success_is_never_overwritten(store: RunStore, run_id: str) -> None:
    store.append(run_id, [outcome(0)], [])
    store.append(run_id, [outcome(0, output='"other"'), outcome(0, ok=False, output=None)], [])
    assert store.outcomes_between(run_id, 0, 1) == [outcome(0)]


def test_a_failure_gives_way_to_a_later_outcome(store: RunStore, run_id: str) -> None:
    failure = outcome(0, ok=False, output=None, body='{"message":"first"}', retries="[]")
    store.append(run_id, [failure], [])
    again = failure._replace(body='{"message":"second"}', retries=None, finished_ms=2_000)
    store.append(run_id, [again], [])
    assert store.outcomes_between(run_id, 0, 1) == [again]
    store.append(run_id, [outcome(0)], [])
    assert store.outcomes_between(run_id, 0, 1) == [outcome(0)]


def test_outcomes_that_fill_different_fields_come_back_from_one_commit(store: RunStore, run_id: str) -> None:
    kept = [
        outcome(case_no, stage, value=value, output=output, retries=retries, ok=ok, body=body)
        for case_no, ok in ((0, True), (1, False))
        for stage, (value, output, retries, body) in zip(
            Stage,
            [
                (None, '"a"', None, "{}"),
                (None, '"a"', '[{"attempt":1}]', '{"k":1}'),
                (0.0, None, None, "{}"),
                (0.1 + 0.2, None, "[]", "{}"),
                (-1e300, '"both"', None, "{}"),
                (None, None, None, '{"message":"no"}'),
            ],
            strict=True,
        )
    ]
    store.append(run_id, kept[::-1], [])
    assert store.outcomes_between(run_id, 0, 2) == kept


@pytest.mark.parametrize("success", [{"output": '"a"'}, {"output": None, "value": 1.0}, {"retries": "[]"}])
def test_a_success_counts_wherever_it_stands_among_the_failures_of_one_commit(
    store: RunStore, run_id: str, success: dict[str, Any]
) -> None:
    failure, good = outcome(0, ok=False, output=None, body='{"message":"no"}'), outcome(0, **success)
    for order in ([failure, good], [good, failure]):
        store.clear_run(run_id)
        store.append(run_id, order, [])
        assert store.outcomes_between(run_id, 0, 1) == [good]


def test_a_repeat_changes_nothing(store: RunStore, run_id: str) -> None:
    outcomes = [outcome(no) for no in range(3)] + [outcome(0, Stage.PARSE, ok=False, output=None)]
    ends = [end(0, failed=True, through=Stage.PARSE), end(1), end(2)]
    for _ in range(3):
        store.append(run_id, outcomes, ends)
        assert store.outcomes_between(run_id, 0, 3) == sorted(outcomes)
        assert store.ends_between(run_id, 0, 3) == ends
        assert store.count_ends(run_id) == (3, 1)


def test_an_empty_append_changes_nothing(store: RunStore, run_id: str) -> None:
    store.append(run_id, [], [])
    assert not store.has_outcomes(run_id)
    assert store.count_ends(run_id) == (0, 0)


def test_any_number_of_rows_fits_into_one_append(store: RunStore, run_id: str) -> None:
    for count in (1, 2, 3, 255, 256, 999, 1_000, 1_001, 2_345):
        store.clear_run(run_id)
        store.append(
            run_id, [outcome(no) for no in range(count)], [end(no % 256)._replace(case_no=no) for no in range(count)]
        )
        assert len(store.outcomes_between(run_id, 0, count)) == count
        assert store.count_ends(run_id) == (count, 0)


END_RULES: dict[str, tuple[CaseEnd, CaseEnd, bool]] = {
    "a failure by a success": (end(0, failed=True, through=Stage.PARSE), end(0), True),
    "a failure by another failure": (
        end(0, failed=True, through=Stage.GENERATE),
        end(0, failed=True, through=Stage.SCORE),
        True,
    ),
    "an earlier stage by a later one": (end(0, through=Stage.GENERATE), end(0, through=Stage.PARSE), True),
    "an earlier stage by a later failure": (
        end(0, through=Stage.GENERATE),
        end(0, failed=True, through=Stage.PARSE),
        True,
    ),
    "a later stage by an earlier one": (end(0, through=Stage.JUDGE), end(0, through=Stage.GENERATE), False),
    "a success by a failure of the same stage": (
        end(0, through=Stage.PARSE),
        end(0, failed=True, through=Stage.PARSE),
        False,
    ),
}


@pytest.mark.parametrize("rule", END_RULES)
def test_the_end_of_a_case_is_replaced_by_one_that_knows_more(store: RunStore, run_id: str, rule: str) -> None:
    before, after, replaced = END_RULES[rule]
    store.append(run_id, [], [before])
    store.append(run_id, [], [after])
    assert store.ends_between(run_id, 0, 1) == [after if replaced else before]


def test_ends_are_found_by_number_and_by_place(store: RunStore, run_id: str) -> None:
    numbers = [2, 3, 5, 8, 13]
    store.append(run_id, [], [end(no, failed=no == 5) for no in reversed(numbers)])
    assert [found.case_no for found in store.ends_between(run_id, 3, 9)] == [3, 5, 8]
    assert [found.case_no for found in store.ends_from(run_id, 4, 2)] == [5, 8]
    assert store.ends_from(run_id, 14, 5) == []
    ids = [(found.case_no, found.dataset_no, found.case_id) for found in store.ends_from(run_id, 4, 2)]
    assert store.ended_ids_from(run_id, 4, 2) == ids
    assert store.ended_ids_from(run_id, 14, 5) == []
    assert [store.nth_ended_case(run_id, index) for index in range(7)] == [*numbers, None, None]
    assert store.count_ends(run_id) == (5, 1)


def test_means_are_over_what_has_a_score(store: RunStore, run_id: str) -> None:
    assert store.score_tallies(run_id) == {}
    scored = [outcome(no, Stage.SCORE, item, value=float(no + item), output=None) for no in range(3) for item in (0, 1)]
    failed = outcome(3, Stage.SCORE, 1, ok=False, output=None)
    store.append(run_id, [*scored, failed, outcome(0)], [])
    found = store.score_tallies(run_id)
    assert [(item, tally.count, tally.mean()) for item, tally in found.items()] == [(0, 3, 1.0), (1, 3, 2.0)]


def test_scores_of_single_candidates_are_in_no_tally(store: RunStore, run_id: str) -> None:
    numbers = [Item(1).number, Item(1, view=2).number, Item(1, candidate=0).number, Item(1, 2, 7).number]
    answers = [outcome(no, category="truncated") for no in range(2)]
    scored = [outcome(no, Stage.SCORE, item, value=no / 2, output=None) for no in range(2) for item in numbers]
    store.append(run_id, [*answers, *scored], [])
    found = store.score_tallies(run_id)
    assert {item: (tally.count, tally.mean()) for item, tally in found.items()} == {1: (2, 0.25), 2_001: (2, 0.25)}
    assert found[1].summary(2).answer_ends == {"truncated": 2}


def scores(values: Iterable[float | None], item: int = 0) -> list[Outcome]:
    return [outcome(no, Stage.SCORE, item, value=value, output=None) for no, value in enumerate(values)]


@pytest.mark.parametrize(
    ("values", "mean"),
    [
        ([0.1] * 3, 0.1),
        ([math.exp(709)] * 3, math.exp(709)),
        ([1e308, 1e308, -1e308], 1e308 / 3),
        ([1e16, 1.0, -1e16], 1 / 3),
        ([0.0, 1.0, 1.0], 2 / 3),
        ([1.0, 0.0, 0.25], 1.25 / 3),
    ],
    ids=["tenths", "huge", "huge and turned", "cancelled", "zeros and ones", "one other"],
)
def test_sums_of_scores_are_exact(store: RunStore, run_id: str, values: list[float], mean: float) -> None:
    store.append(run_id, scores(values), [])
    (tally,) = store.score_tallies(run_id).values()
    assert (tally.mean(), tally.count) == (mean, 3)


def test_scores_are_added_up_a_page_at_a_time(monkeypatch: pytest.MonkeyPatch, store: RunStore) -> None:
    monkeypatch.setattr(score_tallies, "PAGE_CASES", 4)
    snapshot = snapshot_of(11)
    store.create_run(snapshot)
    store.append(snapshot.run_id, [*scores([no / 8 for no in range(11)]), *scores([0.0, 1.0], 1)], [])
    found = store.score_tallies(snapshot.run_id)
    assert {item: (tally.count, tally.mean()) for item, tally in found.items()} == {0: (11, 0.625), 1: (2, 0.5)}


@pytest.mark.parametrize("value", [0.0, 0.25, None])
def test_a_score_for_no_answer_is_kept_and_counted_as_such(store: RunStore, run_id: str, value: float | None) -> None:
    nothing = outcome(1, Stage.SCORE, value=value, output=None, category="no_answer")
    store.append(run_id, [*scores([0.5]), nothing], [])
    assert store.outcomes_between(run_id, 1, 2) == [nothing]
    (tally,) = store.score_tallies(run_id).values()
    assert (tally.no_answer, tally.count) == (1, 1 if value is None else 2)
    store.append(run_id, [outcome(1, Stage.SCORE, value=1.0, output=None)], [])
    assert store.outcomes_between(run_id, 1, 2) == [nothing], "it is final, as every success"


def test_a_failure_gives_way_to_a_score_for_no_answer(store: RunStore, run_id: str) -> None:
    store.append(run_id, [outcome(0, Stage.SCORE, ok=False, output=None)], [])
    nothing = outcome(0, Stage.SCORE, value=0.0, output=None, category="no_answer")
    store.append(run_id, [nothing], [])
    assert store.outcomes_between(run_id, 0, 1) == [nothing]


def test_other_runs_with_the_same_key_are_found_newest_first(store: RunStore) -> None:
    def metered(fingerprint: str) -> RunSnapshot:
        return experiment(ScriptedGenerator(), metrics=[ScriptedMetric(fingerprint=fingerprint)]).compile()

    snapshots = [metered(f"f{no}") for no in range(5)]
    for snapshot in snapshots:
        store.create_run(snapshot)
    name = reuse_name(Stage.GENERATE, 0, 0)
    key = reuse_keys(snapshots[0])[name]
    expected = [(snapshot.run_id, name) for snapshot in (snapshots[4], snapshots[3], snapshots[1])]
    assert store.reusable_runs(key, other_than=snapshots[2].run_id) == expected
    assert store.reusable_runs(key, other_than=snapshots[2].run_id, limit=1) == expected[:1]
    assert store.reusable_runs("0" * 64, other_than=UNKNOWN) == []


def test_a_run_lends_only_what_one_source_made(store: RunStore) -> None:
    snapshot = experiment(ScriptedGenerator(), metrics=[ScriptedMetric()]).compile()
    store.create_run(snapshot)
    run_id, before = snapshot.run_id, reuse_keys(snapshot)
    generated = reuse_name(Stage.GENERATE, 0, 0)

    def found(keys: Mapping[str, str]) -> set[str]:
        places = [store.reusable_runs(key, other_than=UNKNOWN) for key in keys.values()]
        assert all(place == [(run_id, name)] for place, name in zip(places, keys, strict=True) if place)
        return {name for place, name in zip(places, keys, strict=True) if place}

    edited = {name: key if name == generated else key[::-1] for name, key in before.items()}
    store.lend_only(run_id, before)
    assert found(before) == set(before)
    store.lend_only(run_id, edited)
    assert (found(edited), found(before)) == (set(edited), {generated}), "nothing was made yet"
    store.append(run_id, [outcome(0)], [])
    store.lend_only(run_id, edited)
    assert found(edited) == set(edited)
    store.lend_only(run_id, before)
    assert (found(edited), found(before)) == ({generated}, {generated})
    store.clear_run(run_id)
    store.lend_only(run_id, before)
    assert found(before) == set(before)


def test_a_closed_store_opens_again(store: RunStore, run_id: str) -> None:
    store.append(run_id, [outcome(0)], [])
    store.close()
    store.close()
    assert store.has_outcomes(run_id)
    store.initialize()
    store.initialize()
    assert store.has_outcomes(run_id)


def test_the_figures_of_each_metric_are_kept_and_replaced_by_later_ones(store: RunStore, run_id: str) -> None:
    assert store.aggregates(run_id) == {}
    other = snapshot_of(dataset_id="other")
    store.create_run(other)
    store.put_aggregate(run_id, 2, "two")
    store.put_aggregate(run_id, 0, "none")
    store.put_aggregate(other.run_id, 0, "another's")
    store.put_aggregate(run_id, 2, "more")
    assert list(store.aggregates(run_id).items()) == [(0, "none"), (2, "more")]
    with pytest.raises(UnknownRunError), store.transaction():  # noqa: PT012  # both are in one block
        store.put_aggregate(run_id, 0, "undone")
        store.put_aggregate(UNKNOWN, 0, "")
    assert store.aggregates(run_id) == {0: "none", 2: "more"}
    with pytest.raises(KeyError), store.transaction():  # noqa: PT012  # the same
        store.clear_run(run_id)
        raise KeyError
    assert store.aggregates(run_id) == {0: "none", 2: "more"}
    store.clear_run(run_id)
    assert (store.aggregates(run_id), store.aggregates(other.run_id)) == ({}, {0: "another's"})


# --- unknown runs ----------------------------------------------------------------------------------------------------

ASKED: dict[str, Callable[[RunStore], Any]] = {
    "start_run": lambda store: store.start_run(UNKNOWN),
    "end_run": lambda store: store.end_run(UNKNOWN, RunStatus.FAILED, through=None),
    "clear_run": lambda store: store.clear_run(UNKNOWN),
    "append": lambda store: store.append(UNKNOWN, [outcome(0)], [end(0)]),
    "lend_only": lambda store: store.lend_only(UNKNOWN, {}),
    "put_spend": lambda store: store.put_spend(UNKNOWN, 1, ""),
    "spends": lambda store: store.spends(UNKNOWN),
    "put_aggregate": lambda store: store.put_aggregate(UNKNOWN, 0, ""),
    "aggregates": lambda store: store.aggregates(UNKNOWN),
    "has_outcomes": lambda store: store.has_outcomes(UNKNOWN),
    "outcomes_between": lambda store: store.outcomes_between(UNKNOWN, 0, 1),
    "values_between": lambda store: store.values_between(UNKNOWN, 0, 0, 1),
    "ends_between": lambda store: store.ends_between(UNKNOWN, 0, 1),
    "ends_from": lambda store: store.ends_from(UNKNOWN, 0, 1),
    "ended_ids_from": lambda store: store.ended_ids_from(UNKNOWN, 0, 1),
    "nth_ended_case": lambda store: store.nth_ended_case(UNKNOWN, 0),
    "count_ends": lambda store: store.count_ends(UNKNOWN),
    "score_tallies": lambda store: store.score_tallies(UNKNOWN),
    "get_projection": lambda store: store.get_projection(UNKNOWN, "run_result"),
}


@pytest.mark.parametrize("method", ASKED)
def test_an_unknown_run_is_an_error_that_names_it(store: RunStore, method: str) -> None:
    with pytest.raises(UnknownRunError, match=f"run {UNKNOWN}: not in this store"):
        ASKED[method](store)
    assert store.list_runs() == []


def test_looking_for_an_unknown_run_finds_none(store: RunStore) -> None:
    assert store.load_run(UNKNOWN) is None
    assert store.load_snapshot(UNKNOWN) is None
    assert store.resume(UNKNOWN) is None


def test_an_unknown_run_comes_with_the_nearest_known_one(store: RunStore, run_id: str) -> None:
    with pytest.raises(UnknownRunError, match=f'did you mean "{run_id}"'):
        store.get_projection(run_id[:-2] + "zz", "run_result")


@pytest.mark.parametrize("half", ["load_standing", "load_snapshot"])
def test_a_run_that_is_removed_while_it_is_read_is_an_unknown_one(
    store: RunStore, run_id: str, monkeypatch: pytest.MonkeyPatch, half: str
) -> None:
    monkeypatch.setattr(store, half, lambda _: None)
    with pytest.raises(UnknownRunError, match=f"run {run_id}: not in this store"):
        store.get_projection(run_id, "run_result")


# --- views -----------------------------------------------------------------------------------------------------------


def told_everything() -> Any:
    """An experiment some of whose cases fail, each at another stage."""
    step = TraceStep(step_name="think", step_type="llm", output={"x": 1})
    message = Message(role="user", content="hello")

    def generate(case: Any, ctx: Any) -> Any:
        if case.case_id == "q1":
            return ValueError("no candidate")
        return GenerationResult(candidate_id="c", final_output=case.input, trace=[step], conversation=[message])

    parser = ScriptedParser(lambda out: ValueError("unreadable") if out == "a2" else out, component_id="lab/parser")
    metrics = [
        ScriptedMetric(
            lambda value, case: Score(metric_id="lab/a", value=1.0, details={"why": "x"}), component_id="lab/a"
        ),
        ScriptedMetric(lambda value, case: ValueError("odd") if value == "a3" else 0.5, component_id="lab/b"),
    ]
    return experiment(ScriptedGenerator(generate), parser=parser, metrics=metrics, datasets=[dataset(5)])


def test_a_run_that_version_4_0_called_judged_is_read_as_what_it_was(store: RunStore) -> None:
    lab = told_everything()
    run_id = lab.run(store=store).run_id
    store.end_run(run_id, RunStatus.COMPLETED, through=Stage.JUDGE)
    assert store.get_projection(run_id, "run_result")["completed_through_stage"] == "score"
    found = store.resume(run_id)
    assert found is not None
    assert found.execution_state.completed_through_stage == "score"
    assert lab.run(store=store).completed_through_stage == "score"


def test_a_run_keeps_the_name_and_the_labels_that_it_was_given_first(store: RunStore) -> None:
    run_id = added_run(store, "d")
    record = store.load_run(run_id)
    assert record is not None
    assert (record.name, labels_in(record.labels)) == (None, {})
    store.name_run(run_id, "first", {"team": "x", "a": '"team":"y"'})
    store.name_run(run_id, "second", {"team": "y"})
    record = store.load_run(run_id)
    assert record is not None
    assert (record.name, labels_in(record.labels)) == ("first", {"team": "x", "a": '"team":"y"'})
    store.clear_run(run_id)
    assert store.runs_named("first", 9) == store.list_runs(), "a run that starts again is the same run"
    with pytest.raises(UnknownRunError):
        store.name_run("0" * 64, "first", {})


def test_runs_are_found_by_their_whole_name_the_newest_first(store: RunStore) -> None:
    ids = [added_run(store, f"d{number}") for number in range(4)]
    for run_id in ids[:3]:
        store.name_run(run_id, "one%_name", {})
    store.name_run(ids[3], "one%_name, too", {})
    assert [run.run_id for run in store.runs_named("one%_name", 9)] == ids[2::-1]
    assert [run.run_id for run in store.runs_named("one%_name", 2)] == ids[2:0:-1]
    assert store.runs_named("ONE%_NAME", 9) == store.runs_named("one", 9) == []


def test_a_name_that_is_given_in_a_transaction_that_fails_is_not_kept(store: RunStore) -> None:
    run_id = added_run(store, "d")

    def name_and_fail() -> None:
        with store.transaction():
            store.name_run(run_id, "n", {})
            raise LookupError

    with pytest.raises(LookupError):
        name_and_fail()
    assert store.runs_named("n", 1) == []


def test_the_view_of_a_result_has_what_the_result_has(store: RunStore) -> None:
    result = told_everything().run(store=store)
    view = store.get_projection(result.run_id, "run_result")
    assert set(view) == {"run_id", "status", "completed_through_stage", "progress", "cases", "error", "name"}
    assert view["progress"] == {"total_cases": 5, "completed_cases": 2, "failed_cases": 3}
    assert [CaseResult.model_validate(case) for case in view["cases"]] == list(result.cases)
    assert set(view["cases"][0]) == set(CaseResult.model_fields) - {"samples", "views"}, "which few runs have"


def test_the_view_of_scores_is_a_table_with_its_counts(store: RunStore) -> None:
    result = told_everything().run(store=store)
    view = store.get_projection(result.run_id, "benchmark_result")
    assert set(view) == {
        "run_id",
        "dataset_ids",
        "metric_ids",
        "total_cases",
        "completed_cases",
        "failed_cases",
        "metric_means",
        "metrics",
        "outcome_counts",
        "error_counts",
        "score_rows",
    }
    assert view["dataset_ids"] == ["lab"]
    assert view["metric_ids"] == ["lab/a", "lab/b"]
    assert view["metric_means"] == {"lab/a": 1.0, "lab/b": 0.5}
    assert view["outcome_counts"] == {"correct": 3, "incorrect": 2, "error": 5}
    assert view["error_counts"] == {"generation_failure": 2, "parse_failure": 2, "score_failure": 1}
    assert list(view["score_rows"][0]) == [
        "case_id",
        "dataset_id",
        "case_key",
        "metric_id",
        "outcome",
        "value",
        "candidate_id",
        "error_category",
        "error_message",
        "details",
    ]
    first, failed = view["score_rows"][0], view["score_rows"][2]
    assert (first["case_key"], first["candidate_id"], first["details"]) == ("3:lab:q0", "c", {"why": "x"})
    assert (failed["outcome"], failed["value"], failed["candidate_id"]) == ("error", None, None)
    assert failed["error_message"] == "no candidate"


def test_the_view_of_traces_has_what_the_generators_left(store: RunStore) -> None:
    result = told_everything().run(store=store)
    view = store.get_projection(result.run_id, "trace_view")
    assert set(view) == {"run_id", "generation_traces", "conversation_traces", "evaluation_traces"}
    assert len(view["generation_traces"]) == len(view["conversation_traces"]) == 4
    place = {"case_id", "dataset_id", "case_key", "candidate_id", "trace_id"}
    assert set(view["generation_traces"][0]) == {*place, "steps"}
    assert set(view["conversation_traces"][0]) == {*place, "messages"}
    assert view["generation_traces"][0]["steps"][0]["step_name"] == "think"
    assert view["conversation_traces"][0]["messages"] == [{"role": "user", "content": "hello"}]
    assert len({trace["trace_id"] for trace in view["generation_traces"]}) == 4


@pytest.mark.parametrize(("characters", "blobs"), [(INLINE_CHARACTERS, 0), (INLINE_CHARACTERS + 1, 2)])
def test_a_long_text_is_kept_by_reference_and_a_short_one_as_it_is(
    sqlite: SqliteRunStore, characters: int, blobs: int
) -> None:
    run_id = experiment().run(store=sqlite).run_id

    def count() -> int:
        return int(sqlite._open().query("SELECT count(*) FROM blobs")[0][0])

    before = count()
    texts = ['"' + letter * (characters - 2) + '"' for letter in "xy"]
    made = Outcome(0, Stage.PARSE, 0, ok=True, finished_ms=0, value=None, output=texts[0], body=texts[1])
    sqlite.append(run_id, [made], [])
    assert count() - before == blobs
    assert made in sqlite.outcomes_between(run_id, 0, 1)


def test_a_metric_that_never_gave_a_score_has_no_tally(store: RunStore) -> None:
    metrics = [
        ScriptedMetric(lambda value, case: ValueError("no"), component_id="lab/never"),
        ScriptedMetric(component_id="lab/always"),
    ]
    result = experiment(ScriptedGenerator(), metrics=metrics).run(store=store)
    assert list(store.score_tallies(result.run_id)) == [1]


def test_the_timeline_begins_and_ends_with_the_run(store: RunStore) -> None:
    result = told_everything().run(store=store)
    entries = store.get_projection(result.run_id, "timeline_view")["entries"]
    assert [entry["index"] for entry in entries] == list(range(len(entries)))
    assert entries[0]["event_type"] == "run_started"
    assert entries[-1]["event_type"] == "run_completed"
    times = [entry["occurred_at"] for entry in entries]
    assert times == sorted(times)
    assert {"case_id", "dataset_id", "case_key", "candidate_id", "metric_id"} <= set(entries[0])
    types = [entry["event_type"] for entry in entries]
    assert types.count("generation_completed") == 4
    assert types.count("generation_failed") == 1
    assert types.count("parse_failed") == 1
    assert types.count("score_completed") == 5
    assert types.count("score_failed") == 1


def test_the_timeline_of_a_failed_run_ends_with_its_failure(store: RunStore) -> None:
    result = experiment(ScriptedGenerator(lambda case, ctx: ValueError("no"))).run(store=store)
    entries = store.get_projection(result.run_id, "timeline_view")["entries"]
    assert [entries[0]["event_type"], entries[-1]["event_type"]] == ["run_started", "run_failed"]


def test_the_view_of_a_snapshot_is_the_snapshot(store: RunStore) -> None:
    lab = told_everything()
    result = lab.run(store=store)
    view = store.get_projection(result.run_id, "snapshot")
    assert view == lab.compile().model_dump(mode="json")
    assert view["run_id"] == result.run_id


@pytest.mark.parametrize("name", ["run_result", "benchmark_result", "timeline_view", "trace_view", "snapshot"])
def test_every_view_is_json_even_of_a_run_that_has_not_begun(store: RunStore, run_id: str, name: str) -> None:
    assert json.loads(json.dumps(store.get_projection(run_id, name), allow_nan=False))["run_id"] == run_id


def test_an_unknown_view_is_refused_with_the_nearest(store: RunStore, run_id: str) -> None:
    with pytest.raises(InvalidArgumentError, match=r"no view 'timeline'; did you mean \"timeline_view\"\?"):
        store.get_projection(run_id, "timeline")


def test_a_run_found_again_has_its_snapshot_and_its_state(store: RunStore) -> None:
    lab = told_everything()
    result = lab.run(store=store)
    found = store.resume(result.run_id)
    assert found is not None
    assert found.snapshot == lab.compile()
    state = found.execution_state
    assert (state.run_id, state.status, state.completed_through_stage) == (result.run_id, "partial_failure", "score")
    assert list(state.case_states) == [f"3:lab:q{no}" for no in range(5)]
    assert state.case_states["3:lab:q0"].generated_candidates["0"].candidate_id == "c"
    assert set(state.case_states["3:lab:q0"].successful_scores) == {"lab/a", "lab/b"}
    assert state.case_states["3:lab:q3"].score_failures["lab/b"].message == "odd"
    assert state.case_states["3:lab:q1"].generation_failures["0"].message == "no candidate"


# --- cases as a sequence ---------------------------------------------------------------------------------------------


def test_cases_are_a_sequence(store: RunStore) -> None:
    found = experiment(datasets=[dataset(20)]).run(store=store).cases
    everything = list(found)
    assert len(found) == len(everything) == 20
    ids = [f"q{no}" for no in range(20)]
    assert [case.case_id for case in everything] == ids
    assert [found[no].case_id for no in range(20)] == ids
    assert [found[-no].case_id for no in range(1, 21)] == ids[::-1]
    for part in (slice(3, 7), slice(None), slice(-4, None), slice(None, None, -3), slice(50, 60), slice(15, 40, 2)):
        assert found[part] == everything[part]
    for no in (20, -21, 1_000):
        with pytest.raises(IndexError):
            found[no]
    assert everything[4] in found
    assert found.index(everything[4]) == 4
    assert list(reversed(found)) == everything[::-1]
    assert found == everything
    assert found == found[:]
    assert found != everything[:-1]
    assert found != "cases"  # type: ignore[comparison-overlap]
    assert repr(found) == "<20 cases>"


def test_cases_of_a_run_that_has_not_begun_are_none(store: RunStore, run_id: str) -> None:
    found = store.get_projection(run_id, "run_result")["cases"]
    assert found == []


def test_cases_are_read_across_pages(store: RunStore) -> None:
    count = PAGE * 2 + 3
    found = experiment(datasets=[dataset(count)]).run(store=store).cases
    assert [case.case_id for case in found] == [f"q{no}" for no in range(count)]
    assert [case.case_id for case in found[PAGE - 2 : PAGE + 2]] == [f"q{no}" for no in range(PAGE - 2, PAGE + 2)]
    assert found[PAGE].case_id == f"q{PAGE}"


# --- texts and values ------------------------------------------------------------------------------------------------


def test_a_blob_is_kept_once_under_its_hash(store: RunStore) -> None:
    digest = store.put_blob(b"\x00\xff data")
    assert store.put_blob(b"\x00\xff data") == digest
    assert len(digest) == 64
    assert store.get_blob(digest) == b"\x00\xff data"
    assert store.get_blob("0" * 64) is None
    assert store.put_blob(b"") != digest


@pytest.mark.parametrize("length", [INLINE_CHARACTERS - 1, INLINE_CHARACTERS, INLINE_CHARACTERS + 1, 100_000])
@pytest.mark.parametrize("letter", ["x", "ü", "😀", "@"])
def test_texts_of_any_length_come_back(store: RunStore, run_id: str, length: int, letter: str) -> None:
    text = json.dumps(letter * (length - 2), ensure_ascii=False)
    body = json.dumps({"message": letter * length}, ensure_ascii=False)
    kept = [outcome(0, output=text), outcome(1, ok=False, output=None, body=body, retries=text)]
    store.append(run_id, kept, [])
    assert store.outcomes_between(run_id, 0, 2) == kept


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(max_size=8), children, max_size=4),
    max_leaves=12,
)
any_text = st.text(st.characters(exclude_categories=()), max_size=300)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(outputs=st.lists(json_values | any_text, min_size=1, max_size=4), artifact=json_values | any_text)
def test_whatever_json_can_hold_comes_back(store: RunStore, outputs: list[Any], artifact: Any) -> None:
    def script(case: Any, ctx: Any) -> GenerationResult:
        return GenerationResult(
            candidate_id="c", final_output=outputs[int(case.case_id[1:])], artifacts={"a": artifact}
        )

    metric = ScriptedMetric(lambda value, case: Score(metric_id="lab/metric", value=0.5, details={"a": artifact}))
    metric.scores_no_answer = True
    lab = experiment(
        ScriptedGenerator(script, fingerprint=repr((outputs, artifact))),
        metrics=[metric],
        datasets=[dataset(len(outputs))],
    )
    result = lab.run(store=store)
    assert result.status == "completed"
    for case, output in zip(result.cases, outputs, strict=True):
        (candidate,) = case.generated_candidates
        assert same(candidate.final_output, output)
        assert candidate.artifacts is not None
        assert same(candidate.artifacts["a"], artifact)
        assert same(case.scores[0].details["a"], artifact)


def same(found: Any, expected: Any) -> bool:
    """Equal in value and type all the way down: `1`, `1.0` and `True` are three values."""
    return repr(found) == repr(expected)


# --- SQLite alone ----------------------------------------------------------------------------------------------------


def rows_of(path: Path, sql: str) -> list[Any]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchall()


def test_a_long_text_is_stored_once(sqlite: SqliteRunStore) -> None:
    long = "long " * 1_000
    result = experiment(
        ScriptedGenerator(lambda case, ctx: long), parser="builtin/text", datasets=[dataset(50)], metrics=[]
    ).run(store=sqlite)
    assert result.cases[49].parsed_output is not None
    assert result.cases[49].parsed_output.value == long.strip()
    texts = [data for (data,) in rows_of(sqlite.path, "SELECT data FROM blobs") if b"long long" in data]
    assert len(texts) == len(set(texts)) <= 2


def test_a_text_that_was_lost_is_an_error_and_not_an_empty_answer(sqlite: SqliteRunStore) -> None:
    result = experiment(ScriptedGenerator(lambda case, ctx: "long " * 1_000), metrics=[]).run(store=sqlite)
    with closing(sqlite3.connect(sqlite.path)) as connection:
        connection.execute("DELETE FROM blobs WHERE CAST(data AS TEXT) LIKE '%long long%'")
        connection.commit()
    with pytest.raises(StoreCorruptError, match="is missing"):
        result.cases[0]


def test_a_transaction_is_kept_whole_or_not_at_all(sqlite: SqliteRunStore) -> None:
    first, second = snapshot_of(dataset_id="first"), snapshot_of(dataset_id="second")
    with pytest.raises(KeyError), sqlite.transaction():  # noqa: PT012  # what is undone is what is tested
        sqlite.create_run(first)
        sqlite.append(first.run_id, [outcome(0)], [end(0)])
        raise KeyError
    assert sqlite.list_runs() == []
    with sqlite.transaction():
        sqlite.create_run(second)
        sqlite.append(second.run_id, [outcome(0)], [end(0)])
    assert sqlite.count_ends(second.run_id) == (1, 0)


def test_a_run_that_was_undone_is_forgotten(sqlite: SqliteRunStore) -> None:
    first, second = snapshot_of(dataset_id="first"), snapshot_of(dataset_id="second")
    with pytest.raises(KeyError), sqlite.transaction():  # noqa: PT012  # what is undone is what is tested
        sqlite.create_run(first)
        sqlite.append(first.run_id, [outcome(0)], [end(0)])
        raise KeyError
    sqlite.create_run(second)
    with pytest.raises(UnknownRunError):
        sqlite.append(first.run_id, [outcome(0)], [end(0)])
    assert sqlite.count_ends(second.run_id) == (0, 0)
    sqlite.create_run(first)
    sqlite.append(first.run_id, [outcome(1)], [end(1)])
    assert sqlite.count_ends(second.run_id) == (0, 0)
    assert sqlite.count_ends(first.run_id) == (1, 0)


def test_completion_is_synced_to_disk_before_it_is_reported(sqlite: SqliteRunStore) -> None:
    steps: list[tuple[str, tuple[object, ...]]] = []
    snapshot = snapshot_of()
    sqlite.create_run(snapshot)
    before = durable.set_observer(lambda kind, *arguments: steps.append((kind, arguments)))
    try:
        for write in (
            lambda: sqlite.append(snapshot.run_id, [outcome(0)], [end(0)]),
            lambda: sqlite.end_run(snapshot.run_id, RunStatus.COMPLETED, through=Stage.JUDGE),
        ):
            steps.clear()
            write()  # type: ignore[no-untyped-call]
            assert steps == [("commit", (sqlite.path, True))]
    finally:
        durable.set_observer(before)
    assert rows_of(sqlite.path, "PRAGMA journal_mode") == [("wal",)]
    assert sqlite._database.query("PRAGMA synchronous") == [(2,)]
    assert rows_of(sqlite.path, "SELECT status, completed_through FROM runs") == [("completed", "judge")]


def test_every_case_is_committed_before_the_run_is_called_complete(sqlite: SqliteRunStore) -> None:
    order: list[str] = []

    class Noting(SqliteRunStore):
        def append(self, *arguments: Any, **keywords: Any) -> None:
            super().append(*arguments, **keywords)
            order.append("append")

        def end_run(self, *arguments: Any, **keywords: Any) -> None:
            order.append("end")
            super().end_run(*arguments, **keywords)

    with closing(Noting(sqlite.path)) as noting:
        result = experiment(datasets=[dataset(1_200)]).run(store=noting)
    assert result.progress.completed_cases == 1_200
    assert order.count("end") == 1
    assert order[-1] == "end"
    assert order.count("append") > 1


def test_sixteen_processes_write_one_file_and_nothing_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite3"
    server = multiprocessing.get_context("forkserver")
    server.set_forkserver_preload(["tests.support.store_writer"])
    writers = [server.Process(target=store_writer.write_many, args=(path, no)) for no in range(store_writer.PROCESSES)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(120)
    assert [writer.exitcode for writer in writers] == [0] * store_writer.PROCESSES
    run_id, total = store_writer.shared_run().run_id, store_writer.CASES
    with closing(sqlite_store(path)) as store:
        assert [record.run_id for record in store.list_runs()] == [run_id]
        assert store.count_ends(run_id) == (total, 0)
        assert [found.case_no for found in store.outcomes_between(run_id, 0, total)] == list(range(total))
    assert len([data for (data,) in rows_of(path, "SELECT data FROM blobs") if b"shared shared" in data]) == 1
    assert rows_of(path, "PRAGMA integrity_check") == [("ok",)]


def test_a_newer_schema_is_refused_by_name(sqlite: SqliteRunStore) -> None:
    sqlite.close()
    with closing(sqlite3.connect(sqlite.path)) as connection:
        connection.execute("PRAGMA user_version = 1000")
    with pytest.raises(NewerSchemaError, match=rf"{sqlite.path}: written by a newer Themis \(schema 1000"):
        sqlite_store(sqlite.path)


@pytest.mark.parametrize(
    "damage", [b"this is not a database, whatever its name says " * 30, b"SQLite format 3\x00" + b"\xff" * 2_000]
)
def test_a_file_that_is_no_database_is_refused_by_name(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "s.sqlite3"
    path.write_bytes(damage)
    with pytest.raises(StoreCorruptError, match="not a readable Themis database"):
        sqlite_store(path)
    assert path.read_bytes() == damage


def test_the_database_of_another_application_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite3"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE theirs (x)")
        connection.execute("INSERT INTO theirs VALUES (1)")
        connection.commit()
    with pytest.raises(StoreCorruptError, match="made by another application"):
        sqlite_store(path)
    assert rows_of(path, "SELECT name FROM sqlite_master") == [("theirs",)]


def test_a_folder_that_cannot_be_written_is_an_error_that_says_so(tmp_path: Path) -> None:
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o500)
    if os.access(folder, os.W_OK):
        pytest.skip("permissions do not stop this user")
    with pytest.raises(StoreReadOnlyError, match="cannot be opened for writing"):
        sqlite_store(folder / "s.sqlite3")


def test_a_store_that_is_a_folder_is_an_error_that_says_so(tmp_path: Path) -> None:
    with pytest.raises(StoreReadOnlyError, match="cannot be opened for writing"):
        sqlite_store(tmp_path)


def test_many_runs_and_long_texts_stay_small_on_disk(sqlite: SqliteRunStore) -> None:
    count = 2_000
    experiment("builtin/demo_generator", parser="builtin/json_identity", datasets=[dataset(count)]).run(store=sqlite)
    sqlite.close()
    with closing(sqlite3.connect(sqlite.path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert sqlite.path.stat().st_size / count < 1_024
