"""Figures over several samples, computed when a run ends, and shown wherever its metrics are."""

import csv
import io
import json
from typing import Any

import pytest

from tests.support.lab import ScriptedGenerator, ScriptedMetric, ScriptedParser, dataset, experiment
from themis.cli.exit_status import first_failure
from themis.cli.terminal.scores import in_full
from themis.core.contexts import GenerateContext
from themis.core.errors import InvalidArgumentError, UnknownRunError
from themis.core.experiment import Experiment
from themis.core.inspection import get_sample_figures, quickcheck
from themis.core.models import Case
from themis.core.reports import Reporter
from themis.core.results import RunResult
from themis.core.stores import InMemoryRunStore, RunStore


def _answer(case: Case, ctx: GenerateContext) -> Any:
    """Two of three candidates are right, the third is wrong."""
    return "wrong" if ctx.seed == 2 else case.input


def _each(generator: Any = None, **more: Any) -> Experiment:
    given = {"samples": 3, "seeds": [0, 1, 2], "score_candidates": "each", **more}
    return experiment(generator or ScriptedGenerator(_answer), **given)


def _ran(**more: Any) -> tuple[RunStore, RunResult]:
    store = InMemoryRunStore()
    return store, _each(**more).run(store=store)


def test_a_metrics_entry_has_its_samples() -> None:
    store, result = _ran()
    samples = quickcheck(store, result.run_id)["metrics"]["builtin/exact_match"]["samples"]
    assert samples["n"] == 3
    assert samples["average"] == pytest.approx(2 / 3)
    assert samples["pass_at_k"] == pytest.approx({"1": 2 / 3, "2": 1.0, "3": 1.0})
    assert samples["pass_hat_k"] == pytest.approx({"1": 2 / 3, "2": 1 / 3, "3": 0.0})
    assert samples["majority_at_k"] == pytest.approx({"1": 2 / 3, "2": 2 / 3, "3": 1.0})
    assert samples["cases_at_k"] == {"1": 3, "2": 3, "3": 3}
    assert list(samples["intervals"]) == ["average", "pass_at_k", "pass_hat_k", "majority_at_k", "best_of_k"]
    exported = json.loads(Reporter(store).export_json(result.run_id))
    assert exported["benchmark_result"]["metrics"]["builtin/exact_match"]["samples"] == samples


def test_a_run_that_scores_no_single_candidate_has_none() -> None:
    store, result = _ran(score_candidates="reduced")
    assert "samples" not in quickcheck(store, result.run_id)["metrics"]["builtin/exact_match"]


def test_readable_reports_have_the_figures_in_a_table() -> None:
    store, result = _ran()
    reporter = Reporter(store)
    assert "| `builtin/exact_match` | pass@2 | 1.0000 |" in reporter.export_markdown_summary(result.run_id)
    assert r"builtin/exact\_match & pass\textasciicircum{}2 & 0.3333" in reporter.export_latex_summary(result.run_id)
    assert any("majority@3" in line for line in in_full(result.metrics))
    rows = list(csv.DictReader(io.StringIO(reporter.export_csv(result.run_id))))
    found = [(row["candidate_id"], row["candidate_index"]) for row in rows if row["case_id"] == "q0"]
    assert found == [("q0-0", ""), ("q0-0", "0"), ("q0-1", "1"), ("q0-2", "2")]
    assert "candidate=q0-2 error_category=None" in reporter.export_markdown(result.run_id)
    assert "candidate_index=2" in reporter.export_markdown(result.run_id)
    assert "candidate\\_index" in reporter.export_latex(result.run_id)


def test_each_view_has_its_own() -> None:
    parser = ScriptedParser(lambda output: None if output == "wrong" else output, component_id="lab/parser")
    views = {"a": {"metrics": ["builtin/exact_match"]}, "b": {"parsers": [parser], "metrics": ["builtin/exact_match"]}}
    _, result = _ran(metrics=[], views=views, generator=ScriptedGenerator(_answer))
    a, b = (result.metrics[f"{view}/exact_match"].samples for view in views)
    assert a is not None
    assert b is not None
    # With that parser a wrong answer has no vote.
    assert [found.at_k["majority_at_k"][2].value for found in (a, b)] == pytest.approx([2 / 3, 1.0])


def test_a_candidate_that_failed_is_in_no_figure() -> None:
    def answer(case: Case, ctx: GenerateContext) -> Any:
        return ValueError("no") if (case.case_id, ctx.seed) == ("q0", 2) else case.input

    _, result = _ran(generator=ScriptedGenerator(answer))
    found = result.metrics["builtin/exact_match"].samples
    assert found is not None
    assert (found.scored, found.cases_at_k) == (8, {1: 3, 2: 3, 3: 2})
    assert found.at_k["pass_at_k"][3].value == 1.0


def test_answers_are_compared_as_their_parser_says() -> None:
    class Parser(ScriptedParser):
        def ballot(self, value: str) -> str:
            if value == "broken":
                raise ValueError
            return value.lower()

    answers = [["A", "a", "b"], ["broken", "broken", "b"]]
    generator = ScriptedGenerator(lambda case, ctx: answers[int(case.case_id[1:])][ctx.seed])
    metric = ScriptedMetric(lambda value, case: float(value in {"A", "a", "broken"}))
    parser = Parser(lambda output: output, component_id="lab/parser")
    _, result = _ran(generator=generator, parser=parser, metrics=[metric], datasets=[dataset(2)])
    found = result.metrics["lab/metric"].samples
    assert found is not None
    assert found.at_k["majority_at_k"][3].value == 1.0


def test_a_metric_with_figures_of_its_own_has_both() -> None:
    class Counting(ScriptedMetric):
        def aggregate(self, rows: Any) -> dict[str, float]:
            return {"rows": float(len(list(rows)))}

    _, result = _ran(metrics=[Counting()])
    found = result.metrics["lab/metric"]
    assert found.aggregates["rows"].value == 3.0
    assert found.samples is not None


def test_figures_of_groups_are_pooled_or_averaged() -> None:
    def answer(case: Case, ctx: GenerateContext) -> Any:
        return case.input if case.case_id == "q0" else "wrong"

    store, result = _ran(generator=ScriptedGenerator(answer), datasets=[dataset(1, "one"), dataset(3, "three")])

    def average(**more: Any) -> float:
        whole, _ = get_sample_figures(store, result.run_id, "builtin/exact_match", **more)
        assert whole.average is not None
        return whole.average.value

    assert average() == 0.5
    assert average(together="averaged") == pytest.approx((1 + 1 / 3) / 2)
    assert average(together="averaged", by=lambda dataset_id, case_id: case_id) == pytest.approx(1 / 3)
    _, groups = get_sample_figures(store, result.run_id, "builtin/exact_match")
    assert {name: found.cases_at_k[1] for name, found in groups.items()} == {"one": 1, "three": 3}


def test_figures_of_groups_need_a_run_with_that_metric_and_its_candidates_scored() -> None:
    store, result = _ran()
    with pytest.raises(InvalidArgumentError, match="no metric 'builtin/exact_mach'; did you mean"):
        get_sample_figures(store, result.run_id, "builtin/exact_mach")
    with pytest.raises(UnknownRunError):
        get_sample_figures(store, "nothing", "builtin/exact_match")
    store, result = _ran(score_candidates="reduced")
    with pytest.raises(InvalidArgumentError, match="score_candidates: each"):
        get_sample_figures(store, result.run_id, "builtin/exact_match")


def test_a_failure_of_a_single_candidate_is_shown() -> None:
    parser = ScriptedParser(
        lambda output: ValueError("unreadable") if output == "wrong" else output, component_id="lab/parser"
    )
    store, result = _ran(generator=ScriptedGenerator(_answer), parser=parser, datasets=[dataset(1)])
    summary = Reporter(store).export_markdown_summary(result.run_id)
    assert "| `lab` | `q0` | `builtin/exact_match` | parse_failure | candidate 2: `unreadable` |" in summary
    assert "1 parse_failure." in summary
    found = first_failure(result.cases)
    assert found is not None
    assert (found[0].case_id, found[1].message) == ("q0", "unreadable")
