"""How answers end that do not end by themselves, and whether they are scored."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.lab import ScriptedGenerator, ScriptedMetric, ScriptedParser, ScriptedReducer, cases
from themis.core.config import EvaluationConfig, GenerationConfig, StorageConfig
from themis.core.experiment import Experiment
from themis.core.inspection import quickcheck
from themis.core.models import Case, Dataset, GenerationResult
from themis.core.outcomes.answer_ends import AnswerEnd, answer_end
from themis.core.reports import Reporter
from themis.core.results import RunResult
from themis.core.stores import RunStore, create_run_store

REASONS = {"q0": "stop", "q1": "length", "q2": "refusal", "q3": "stop"}
ANSWERS = {"q0": "a0", "q1": "a1", "q2": "I cannot", "q3": "  "}


def answer(case: Case, _: Any) -> GenerationResult:
    return GenerationResult(
        candidate_id=case.case_id,
        final_output=ANSWERS[case.case_id],
        finish_reason=REASONS[case.case_id],
        served_model="one" if case.case_id == "q0" else "other",
    )


def experiment(generator: Any, path: Path | None = None, **evaluation: Any) -> Experiment:
    storage: Any = {"store": "memory"} if path is None else {"store": "sqlite", "parameters": {"path": str(path)}}
    return Experiment(
        generation=GenerationConfig(generator=generator),
        evaluation=EvaluationConfig.model_validate({"metrics": ["builtin/exact_match"], **evaluation}),
        storage=StorageConfig.model_validate(storage),
        datasets=[Dataset(dataset_id="lab", cases=cases(4))],
    )


def categories(store: RunStore, result: RunResult) -> dict[str, tuple[str | None, float | None]]:
    rows = store.get_projection(result.run_id, "benchmark_result")["score_rows"]
    return {row["case_id"]: (row["error_category"], row["value"]) for row in rows}


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> RunStore:
    parameters = {"path": str(tmp_path / "s.sqlite3")} if request.param == "sqlite" else {}
    return create_run_store(StorageConfig(store=request.param, parameters={**parameters}))


@pytest.mark.parametrize(
    ("reason", "output", "end"),
    [
        ("stop", "text", None),
        (None, "", None),  # a generator that says nothing of the end says nothing of the answer
        ("length", "half a", AnswerEnd.TRUNCATED),
        ("length", "", AnswerEnd.TRUNCATED),
        ("refusal", "no", AnswerEnd.REFUSED),
        ("content_filter", None, AnswerEnd.REFUSED),
        ("stop", "  \n", AnswerEnd.EMPTY),
        ("stop", None, AnswerEnd.EMPTY),
        ("stop", 0, None),
        ("a word that nobody knows", "text", None),
    ],
)
def test_an_answer_is_told_by_its_finish_reason_and_its_text(
    reason: str | None, output: Any, end: AnswerEnd | None
) -> None:
    assert answer_end(GenerationResult(candidate_id="c", final_output=output, finish_reason=reason)) is end


def test_such_answers_are_scored_like_others_and_counted_apart(store: RunStore) -> None:
    result = experiment(ScriptedGenerator(answer)).run(store=store)
    assert result.status == "completed"
    metric = result.metrics["builtin/exact_match"]
    assert metric.document() | {"ci_lower": 0, "ci_upper": 0} == {
        "mean": 0.5,
        "scored": 4,
        "total": 4,
        "no_answer": 0,
        "unscored": 0,
        "low": 0.5,
        "high": 0.5,
        "ci_lower": 0,
        "ci_upper": 0,
        "answer_ends": {"empty": 1, "refused": 1, "truncated": 1},
        "mean_of_whole_answers": 1.0,
    }
    assert categories(store, result) == {
        "q0": (None, 1.0),
        "q1": ("truncated", 1.0),
        "q2": ("refused", 0.0),
        "q3": ("empty", 0.0),
    }
    assert quickcheck(store, result.run_id)["metrics"]["builtin/exact_match"]["answer_ends"]["truncated"] == 1


def test_those_that_are_left_out_end_their_case_without_a_failure_and_nobody_scores_them(store: RunStore) -> None:
    metric, parser = ScriptedMetric(), ScriptedParser(lambda output: output, component_id="lab/parser")
    rule = {"truncated": "unscored", "empty": "unscored"}
    result = experiment(ScriptedGenerator(answer), metrics=[metric], parsers=[parser], on_stop=rule).run(store=store)
    assert result.status == "completed"
    assert result.progress.failed_cases == 0
    assert metric.calls == parser.calls == ["q0", "q2"]
    found = result.metrics["lab/metric"]
    assert (found.scored, found.unscored, found.answer_ends) == (2, 2, {"empty": 1, "refused": 1, "truncated": 1})
    assert categories(store, result) == {
        "q0": (None, 1.0),
        "q1": ("truncated", None),
        "q2": ("refused", 1.0),
        "q3": ("empty", None),
    }


def test_a_case_that_is_left_out_is_not_paid_for_again(tmp_path: Path) -> None:
    generator = ScriptedGenerator(answer)
    asked = experiment(generator, tmp_path / "s.sqlite3", on_stop={"truncated": "unscored"})
    before = asked.run(until_stage="generate")
    assert asked.run().run_id == before.run_id
    asked.run()
    assert len(generator.calls) == 4


def test_an_observed_run_stores_the_same(store: RunStore) -> None:
    class Silent:
        def before_score(self, *_: Any) -> None:
            return

    rule = {"truncated": "unscored"}
    result = experiment(ScriptedGenerator(answer), on_stop=rule).run(store=store, subscribers=[Silent()])
    assert categories(store, result)["q1"] == ("truncated", None)
    assert result.metrics["builtin/exact_match"].unscored == 1


def test_a_case_is_left_out_only_if_all_its_candidates_are(store: RunStore) -> None:
    def some(case: Case, ctx: Any) -> GenerationResult:
        reason = "length" if ctx.seed == 1 or case.case_id == "q1" else "stop"
        return GenerationResult(candidate_id="c", final_output="a", finish_reason=reason)

    found = Experiment(
        generation=GenerationConfig(
            generator=ScriptedGenerator(some),
            candidate_policy={"num_samples": 2},
            reducer=ScriptedReducer(lambda found: found[0].final_output, component_id="lab/reducer"),
        ),
        evaluation=EvaluationConfig(metrics=[ScriptedMetric()], on_stop={AnswerEnd.TRUNCATED: "unscored"}),
        storage=StorageConfig(store="memory"),
        datasets=[Dataset(dataset_id="lab", cases=cases(3))],
        seeds=[1, 2],
    ).run(store=store)
    assert categories(store, found) == {"q0": ("truncated", 1.0), "q1": ("truncated", None), "q2": ("truncated", 1.0)}
    assert found.metrics["lab/metric"].answer_ends == {"truncated": 3}


def test_the_rule_is_identity_and_its_default_is_not_written() -> None:
    generator = ScriptedGenerator(answer)
    ids = [
        experiment(generator, on_stop=rule).compile().run_id
        for rule in ({}, {"truncated": "score"}, {"truncated": "unscored"}, {"refused": "unscored"})
    ]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 3


def test_the_report_shows_them_and_every_model_that_answered(store: RunStore) -> None:
    result = experiment(ScriptedGenerator(answer)).run(store=store)
    text = Reporter(store).export_markdown_summary(result.run_id)
    assert "2 different models: `other` (3 cases), `one` (1 cases)" in text
    assert "| `builtin/exact_match` | 1 | 1 | 1 | 0.5000 | 1.0000 |" in text
