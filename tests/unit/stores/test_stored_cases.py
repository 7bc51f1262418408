"""A stored run's cases and its timeline, as they are read: by the page, and with the times that were stored."""

from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest

from tests.support.lab import ScriptedGenerator, dataset, experiment
from themis.core.outcomes.outcome import CaseEnd
from themis.core.stores import InMemoryRunStore, RunStore, sqlite_store, stored_cases


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RunStore]:
    made: RunStore = InMemoryRunStore() if request.param == "memory" else sqlite_store(tmp_path / "s.sqlite3")
    with closing(made):
        yield made


def test_stretches_of_cases_are_read_by_the_page_and_in_order(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored_cases, "PAGE", 3)
    result = experiment(ScriptedGenerator(), datasets=[dataset(10)]).run(store=store)
    ids = [f"q{no}" for no in range(10)]
    assert [case.case_id for case in result.cases] == ids
    for part in (slice(0, 10), slice(1, 9), slice(4, 5), slice(2, 2), slice(7, 99), slice(0, 10, 3), slice(-4, None)):
        assert [case.case_id for case in result.cases[part]] == ids[part]
    assert result.cases[-1].case_id == "q9"
    with pytest.raises(IndexError, match="case 10 of 10"):
        result.cases[10]


def test_each_entry_of_the_timeline_has_the_time_that_was_stored(store: RunStore) -> None:
    result = experiment(ScriptedGenerator()).run(store=store)
    record = store.load_run(result.run_id)
    assert record is not None
    entries = store.get_projection(result.run_id, "timeline_view")["entries"]
    outcomes = [(o.finished_ms, f"q{o.case_no}") for o in store.outcomes_between(result.run_id, 0, 99)]
    told = [
        (round(datetime.fromisoformat(entry["occurred_at"]).timestamp() * 1_000), entry["case_id"])
        for entry in entries
        if entry["case_id"]
    ]
    assert sorted(told) == sorted(outcomes)
    times = {entry["occurred_at"] for entry in entries}
    assert all(time.endswith("+00:00") for time in times)


def test_an_entry_of_the_timeline_names_a_candidate_or_a_metric_where_there_is_one(store: RunStore) -> None:
    result = experiment(ScriptedGenerator(), parser="builtin/text").run(store=store)
    entries = store.get_projection(result.run_id, "timeline_view")["entries"]
    told = {entry["event_type"]: (entry["candidate_id"], entry["metric_id"]) for entry in entries}
    assert told == {
        "run_started": (None, None),
        "generation_completed": (f"q2-{result.cases[2].generated_candidates[0].candidate_id[3:]}", None),
        "parse_completed": (None, None),
        "score_completed": (None, "builtin/exact_match"),
        "run_completed": (None, None),
    }


class Shrinking(InMemoryRunStore):
    """A store whose cases are taken away while they are read."""

    def ends_from(self, run_id: str, first: int, limit: int) -> list[CaseEnd]:
        return [] if first else super().ends_from(run_id, first, limit)


def test_cases_that_are_gone_while_they_are_read_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored_cases, "PAGE", 2)
    result = experiment(ScriptedGenerator()).run(store=Shrinking())
    assert [case.case_id for case in result.cases[0:3]] == ["q0", "q1"]


def test_cases_are_equal_to_equal_cases_and_to_nothing_else(store: RunStore) -> None:
    result = experiment(ScriptedGenerator()).run(store=store)
    assert result.cases == list(result.cases)
    assert result.cases != list(result.cases)[:2]
    anything: object = 5
    assert result.cases != anything


def test_a_case_that_was_not_taken_so_far_has_nothing_parsed(store: RunStore) -> None:
    lab = experiment(ScriptedGenerator())
    stopped = lab.run(until_stage="generate", store=store)
    assert [(case.reduced_candidate, case.parsed_output) for case in stopped.cases] == [(None, None)] * 3
    stopped = lab.run(until_stage="reduce", store=store)
    assert [case.parsed_output for case in stopped.cases] == [None] * 3
    assert all(case.reduced_candidate is not None for case in stopped.cases)
    whole = lab.run(until_stage="parse", store=store)
    assert [case.parsed_output and case.parsed_output.value for case in whole.cases] == ["a0", "a1", "a2"]
