"""Figures over a whole run: computed when it ends, stored, and shown wherever means are."""

import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from tests.support.lab import ScriptedGenerator, ScriptedMetric, cases, experiment
from themis.cli.terminal.scores import in_full
from themis.core.config import RuntimeConfig
from themis.core.inspection import quickcheck
from themis.core.models import Dataset, Score, ScoreError
from themis.core.monitor.runs import run_now
from themis.core.reports import Reporter
from themis.core.stores import InMemoryRunStore, sqlite_store
from themis.core.stores.reading import StoreLocation


class Harmonic(ScriptedMetric):
    """The harmonic mean of the numbers in the answers."""

    def __init__(self, **facts: Any) -> None:
        super().__init__(self._scored, **{"component_id": "lab/harmonic", **facts})

    def _scored(self, value: Any, case: Any) -> Any:
        number = float(value.removeprefix("a")) + 1.0
        if number > 8:
            return ScoreError(metric_id=self.component_id, reason="too large")
        return Score(metric_id=self.component_id, value=number, details={"inverse": 1 / number})

    def aggregate(self, rows: Iterable[Score]) -> dict[str, float]:
        inverses = [float(str(row.details["inverse"])) for row in rows]
        return {"harmonic_mean": len(inverses) / sum(inverses), "rows": len(inverses)}


class Noted(Harmonic):
    def aggregate(self, rows: Iterable[Score]) -> dict[str, Any]:
        return {**super().aggregate(rows), "signature": "inverse:yes|version:1"}

    def details_of_no_answer(self, case: Any) -> dict[str, Any]:
        if case.case_id == "q2":
            raise LookupError(case.case_id)
        return {} if case.case_id == "q1" else {"inverse": 0.5}


class Broken(Harmonic):
    def aggregate(self, rows: Iterable[Score]) -> dict[str, float]:
        raise LookupError(self.component_id, "no such statistic")


def lab(metric: Any, count: int = 10, generator: Any = "builtin/demo_generator", **changes: Any) -> Any:
    datasets = [Dataset(dataset_id="lab", cases=cases(count))]
    return experiment(generator, metrics=["builtin/exact_match", metric], datasets=datasets, **changes)


EXPECTED = 8 / sum(1 / number for number in range(1, 9))


def test_the_figures_are_over_all_scores_and_beside_the_means_everywhere(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite3"
    store = sqlite_store(path)
    result = lab(Harmonic()).run(store=store)
    found = result.metrics["lab/harmonic"].aggregates["harmonic_mean"]
    assert found.value == pytest.approx(EXPECTED)
    assert found.value != result.metrics["lab/harmonic"].mean
    assert found.ci_lower is not None
    assert found.ci_upper is not None
    assert found.ci_lower < EXPECTED < found.ci_upper
    assert result.metrics["lab/harmonic"].aggregates["rows"].value == 8.0
    assert result.metrics["builtin/exact_match"].aggregates == {}
    shown = f"{EXPECTED:.4f}"
    document = quickcheck(store, result.run_id)["metrics"]
    assert document["lab/harmonic"]["aggregates"]["harmonic_mean"] == found.document()
    assert "aggregates" not in document["builtin/exact_match"]
    reporter = Reporter(store)
    report = json.loads(reporter.export_json(result.run_id))["benchmark_result"]["metrics"]
    assert report["lab/harmonic"]["aggregates"]["harmonic_mean"] == found.document()
    for text in (
        reporter.export_markdown_summary(result.run_id),
        reporter.export_latex_summary(result.run_id),
        "\n".join(in_full(result.metrics)),
    ):
        assert "harmonic mean" in text
        assert shown in text
    store.close()
    run = run_now(StoreLocation("sqlite", str(path)), result.run_id)
    assert run is not None
    assert run.metrics["lab/harmonic"].aggregates == {**result.metrics["lab/harmonic"].aggregates}


def test_they_are_computed_again_when_a_run_goes_on() -> None:
    store, answers = InMemoryRunStore(), {"q0": RuntimeError("not yet")}
    generator = ScriptedGenerator(lambda case, ctx: answers.get(case.case_id, case.input))
    partial = lab(Harmonic(), generator=generator).run(store=store)
    assert partial.metrics["lab/harmonic"].aggregates["rows"].value == 7.0
    answers.clear()
    whole = lab(Harmonic(), generator=generator).run(store=store)
    assert whole.metrics["lab/harmonic"].aggregates["rows"].value == 8.0
    runtime = RuntimeConfig(existing_run_policy="rerun")
    again = lab(Harmonic(), generator=generator).run("generate", store=store, runtime=runtime)
    assert again.metrics == {}
    assert store.aggregates(again.run_id) == {}


def test_a_metric_that_fails_to_sum_up_fails_neither_run_nor_scores(caplog: pytest.LogCaptureFixture) -> None:
    store = InMemoryRunStore()
    result = lab(Broken(), count=3).run(store=store)
    found = result.metrics["lab/harmonic"]
    assert (result.status, found.scored, found.aggregates) == ("completed", 3, {})
    assert "no such statistic" in (found.aggregate_error or "")
    assert "no such statistic" in caplog.text
    assert "no such statistic" in Reporter(store).export_markdown_summary(result.run_id)
    assert "LookupError" in quickcheck(store, result.run_id)["metrics"]["lab/harmonic"]["aggregate_error"]


def test_scores_that_stand_for_no_answer_have_no_statistics_and_are_left_out() -> None:
    generator = ScriptedGenerator(lambda case, ctx: None if case.case_id == "q1" else case.input)
    result = lab(Harmonic(), count=3, generator=generator).run(store=InMemoryRunStore())
    found = result.metrics["lab/harmonic"]
    assert (found.scored, found.no_answer) == (3, 1)
    assert found.aggregates["harmonic_mean"].value == pytest.approx(2 / (1 + 1 / 3))
    assert math.isfinite(found.mean or math.nan)


def test_texts_beside_the_figures_say_how_they_were_computed_wherever_these_are(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite3"
    store = sqlite_store(path)
    result = lab(Noted()).run(store=store)
    found = result.metrics["lab/harmonic"]
    assert found.aggregate_notes == {"signature": "inverse:yes|version:1"}
    assert set(found.aggregates) == {"harmonic_mean", "rows"}
    assert found.aggregates["harmonic_mean"].ci_lower is not None
    assert quickcheck(store, result.run_id)["metrics"]["lab/harmonic"]["aggregate_notes"] == found.aggregate_notes
    reporter = Reporter(store)
    for text in (
        reporter.export_json(result.run_id),
        reporter.export_markdown_summary(result.run_id),
        reporter.export_latex_summary(result.run_id),
        "\n".join(in_full(result.metrics)),
    ):
        assert "inverse:yes|version:1" in text
    store.close()
    run = run_now(StoreLocation("sqlite", str(path)), result.run_id)
    assert run is not None
    assert run.metrics["lab/harmonic"] == found


def _with_silence(*silent: str, rule: str = "incorrect", observed: bool = False) -> Any:
    generator = ScriptedGenerator(lambda case, ctx: None if case.case_id in silent else case.input)
    made = lab(Noted(), count=4, generator=generator)
    made = made.model_copy(update={"evaluation": made.evaluation.model_copy(update={"on_no_answer": rule})})
    subscribers = [object()] if observed else []
    return made.run(store=InMemoryRunStore(), subscribers=subscribers).metrics["lab/harmonic"]


@pytest.mark.parametrize("observed", [False, True])
def test_no_answer_is_in_the_figures_of_a_metric_that_has_statistics_for_it(observed: bool) -> None:
    found = _with_silence("q0", observed=observed)
    assert (found.scored, found.no_answer) == (4, 1)
    assert found.aggregates["rows"].value == 4.0
    assert found.aggregates["harmonic_mean"].value == pytest.approx(4 / (0.5 + 1 / 2 + 1 / 3 + 1 / 4))
    assert _with_silence("q1", observed=observed).aggregates["rows"].value == 3.0


@pytest.mark.parametrize("rule", ["unscored", "random_choice"])
def test_no_answer_that_does_not_count_as_wrong_is_not(rule: str) -> None:
    assert _with_silence("q0", rule=rule).aggregates["rows"].value == 3.0


def test_a_metric_that_fails_on_no_answer_has_no_figures_and_says_why() -> None:
    found = _with_silence("q2")
    assert (found.scored, found.aggregates) == (4, {})
    assert "KeyError: 'inverse'" in (found.aggregate_error or "")
