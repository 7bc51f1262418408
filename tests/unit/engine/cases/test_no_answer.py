"""An answer in which there is nothing to score is neither a wrong answer nor a failure of the metric."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.support.lab import (
    ScriptedGenerator,
    ScriptedMetric,
    ScriptedParser,
    dataset,
    experiment,
    score_rows,
)
from tests.support.older_store import put_back
from themis.core.config import EvaluationConfig
from themis.core.engine.compiling.compiled import recompile
from themis.core.errors import ConfigError
from themis.core.experiment import Experiment
from themis.core.inspection import quickcheck
from themis.core.models import Case, Dataset, Score, ScoreError
from themis.core.outcomes import codec
from themis.core.outcomes.stages import Stage
from themis.core.reports import Reporter
from themis.core.results import RunResult, RunStatus, StageFailure
from themis.core.statistics.score_tally import MetricSummary
from themis.core.stores import InMemoryRunStore, RunStore, sqlite_store

RULES = ("incorrect", "unscored", "random_choice")


def with_rule(made: Experiment, rule: str) -> Experiment:
    return made.model_copy(update={"evaluation": EvaluationConfig(**{**dict(made.evaluation), "on_no_answer": rule})})


def mixed(metric: Any = None, *, generator: Any = None, datasets: Any = None) -> Experiment:
    """Of four cases one is right, one wrong, one without an answer, and the generator fails in one."""

    def generate(case: Case, ctx: Any) -> Any:
        return {"q0": "a0", "q1": "other", "q2": "nothing", "q3": ValueError("it could not be asked")}[case.case_id]

    parser = ScriptedParser(lambda output: None if output == "nothing" else output, component_id="lab/parser")
    return experiment(
        generator or ScriptedGenerator(generate),
        parser=parser,
        metrics=[metric or "builtin/exact_match"],
        datasets=datasets or [dataset(4)],
    )


def only(result: RunResult) -> MetricSummary:
    (found,) = result.metrics.values()
    return found


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    made: Any = InMemoryRunStore() if request.param == "memory" else sqlite_store(tmp_path / "s.sqlite3")
    with closing(made):
        yield made


def test_no_answer_counts_0_and_a_failure_is_left_out(store: RunStore) -> None:
    result = mixed().run(store=store)
    assert result.status == "partial_failure"
    assert (result.progress.completed_cases, result.progress.failed_cases) == (3, 1)
    found = only(result)
    assert (found.mean, found.scored, found.total) == (1 / 3, 3, 4)
    assert (found.no_answer, found.unscored) == (1, 1)
    assert (found.low, found.high) == (0.25, 0.5)


def test_it_is_told_apart_from_a_wrong_answer_and_from_a_failure_in_every_row(store: RunStore) -> None:
    result = mixed().run(store=store)
    rows = [(row["outcome"], row["value"], row["error_category"]) for row in score_rows(store, result)]
    assert rows == [
        ("correct", 1.0, None),
        ("incorrect", 0.0, None),
        ("incorrect", 0.0, "no_answer"),
        ("error", None, "generation_failure"),
    ]
    row = score_rows(store, result)[2]
    assert "nothing that can be scored" in row["error_message"]
    assert row["details"] == {"category": "no_answer"}
    view = store.get_projection(result.run_id, "benchmark_result")
    assert view["error_counts"] == {"no_answer": 1, "generation_failure": 1}
    assert view["outcome_counts"] == {"correct": 1, "incorrect": 2, "error": 1}
    assert view["metrics"] == {"builtin/exact_match": only(result).document()}
    assert result.cases[2].scores == [
        Score(metric_id="builtin/exact_match", value=0.0, details={"category": "no_answer"})
    ]
    assert result.cases[2].evaluation_failures == {}


def test_a_run_in_which_nobody_answers_is_completed_with_a_mean_of_0() -> None:
    parser = ScriptedParser(lambda output: None, component_id="lab/parser")
    result = experiment(parser=parser).run()
    assert (result.status, only(result).mean, only(result).no_answer) == ("completed", 0.0, 3)


def test_a_metric_is_not_asked_where_there_is_no_answer() -> None:
    metric = ScriptedMetric(lambda value, case: len(value))
    result = mixed(metric).run()
    assert metric.calls == ["q0", "q1"]
    assert only(result).no_answer == 1


def test_a_metric_that_judges_abstention_is_asked_and_its_score_is_one_as_any() -> None:
    store, metric = InMemoryRunStore(), ScriptedMetric(lambda value, case: float(value is None))
    metric.scores_no_answer = True
    result = mixed(metric).run(store=store)
    assert metric.calls == ["q0", "q1", "q2"]
    assert (only(result).mean, only(result).no_answer) == (1 / 3, 0)
    row = score_rows(store, result)[2]
    assert (row["outcome"], row["error_category"]) == ("correct", None)


def test_a_metric_that_asked_for_it_and_cannot_score_it_fails_as_before() -> None:
    store, metric = InMemoryRunStore(), ScriptedMetric(lambda value, case: ScoreError(metric_id="m", reason="no idea"))
    metric.scores_no_answer = True
    result = mixed(metric).run(store=store)
    assert score_rows(store, result)[2]["error_category"] == "parse_null"


@pytest.mark.parametrize("output", [None, "text"])
def test_without_a_parser_an_output_of_none_is_no_answer(output: Any) -> None:
    generator = ScriptedGenerator(lambda case, ctx: output)
    assert only(experiment(generator).run()).no_answer == (3 if output is None else 0)


def test_each_metric_counts_it() -> None:
    metrics = [ScriptedMetric(component_id="lab/a"), ScriptedMetric(lambda value, case: 0.5, component_id="lab/b")]
    parser = ScriptedParser(lambda output: None if output == "a1" else output, component_id="lab/parser")
    result = experiment(parser=parser, metrics=metrics).run()
    assert [(found.mean, found.no_answer) for found in result.metrics.values()] == [(2 / 3, 1), (1 / 3, 1)]


@pytest.mark.parametrize("output", ["", " \n"])
@pytest.mark.parametrize(
    ("metric", "expected"), [("math_equivalence", "4"), ("choice_accuracy", "B"), ("exact_match", "4"), ("f1", "4")]
)
def test_an_empty_text_is_a_wrong_answer_to_every_metric_and_not_left_out(
    metric: str, expected: str, output: str
) -> None:
    data = Dataset(dataset_id="d", cases=[Case(case_id="q0", input="?", expected_output=expected)])
    generator = ScriptedGenerator(lambda case, ctx: output)
    for parser in ("builtin/text", None):
        found = only(experiment(generator, parser=parser, metrics=[f"builtin/{metric}"], datasets=[data]).run())
        assert (found.mean, found.scored) == (0.0, 1)


# --- the other rules


def test_unscored_leaves_it_out_and_the_case_has_not_failed(store: RunStore) -> None:
    result = with_rule(mixed(), "unscored").run(store=store)
    found = only(result)
    assert (found.mean, found.scored, found.no_answer, found.unscored) == (0.5, 2, 1, 2)
    assert (found.low, found.high) == (0.25, 0.75)
    assert result.progress.failed_cases == 1
    row = score_rows(store, result)[2]
    assert (row["outcome"], row["value"], row["error_category"]) == ("error", None, "no_answer")
    assert (result.cases[2].scores, result.cases[2].evaluation_failures) == ([], {})
    assert Reporter(store).export_json(result.run_id)
    assert Reporter(store).export_markdown(result.run_id)


@pytest.mark.parametrize("rule", RULES)
def test_a_case_without_an_answer_has_ended_and_is_never_paid_for_again(rule: str, store: RunStore) -> None:
    broken = {"q3"}

    def generate(case: Case, ctx: Any) -> Any:
        return ValueError("not now") if case.case_id in broken else "nothing" if case.case_id == "q2" else case.input

    generator = ScriptedGenerator(generate)
    lab = with_rule(mixed(generator=generator), rule)
    assert lab.run(store=store).status == "partial_failure"
    generator.calls.clear()
    broken.clear()
    result = lab.run(store=store)
    assert [case_id for case_id, _ in generator.calls] == ["q3"]
    assert result.status == "completed"
    assert only(result).no_answer == 1


CHOICES: dict[str, tuple[dict[str, Any], float | None]] = {
    "a list in the input": ({"input": {"question": "?", "choices": ["x", "y", "z", "w"]}}, 0.25),
    "under its other name": ({"input": {"question": "?", "options": ["x", "y"]}}, 0.5),
    "a mapping by letter": ({"input": {"options": {"A": "x", "B": "y", "C": "z", "D": "w", "E": "v"}}}, 0.2),
    "how many": ({"input": {"choices": 10}}, 0.1),
    "a list in the metadata": ({"input": "?", "metadata": {"options": '["x", "y", "z", "w"]'}}, 0.25),
    "how many, in the metadata": ({"input": "?", "metadata": {"choices": "4"}}, 0.25),
    "the input before the metadata": ({"input": {"choices": [1, 2]}, "metadata": {"choices": "4"}}, 0.5),
    "none": ({"input": "?"}, None),
    "no choices in a list": ({"input": {"choices": []}}, None),
    "none at all": ({"input": {"choices": 0}}, None),
    "a truth": ({"input": {"choices": True}}, None),
    "a text that is not JSON": ({"input": "?", "metadata": {"choices": "A, B or C"}}, None),
    "a text as deep as none": ({"input": "?", "metadata": {"choices": "[" * 100_000}}, None),
}


@pytest.mark.parametrize("where", CHOICES)
def test_a_random_choice_counts_what_a_guess_is_worth_where_the_choices_are_known(where: str) -> None:
    facts, value = CHOICES[where]
    store = InMemoryRunStore()
    parser = ScriptedParser(lambda output: None, component_id="lab/parser")
    lab = experiment(parser=parser, datasets=[Dataset(dataset_id="d", cases=[Case(case_id="q0", **facts)])])
    result = with_rule(lab, "random_choice").run(store=store)
    assert (only(result).mean, only(result).no_answer, only(result).unscored) == (value, 1, int(value is None))
    (row,) = score_rows(store, result)
    assert row["error_category"] == "no_answer"
    assert row["details"].get("choices") == (None if value is None else round(1 / value))
    assert ("choices" in str(row["details"].get("reason"))) is (value is None)


def test_another_word_for_the_rule_is_refused(tmp_path: Path) -> None:
    config = tmp_path / "e.yaml"
    config.write_text(
        "generation: {generator: builtin/demo_generator}\nstorage: {store: memory}\n"
        "evaluation: {metrics: [builtin/exact_match], on_no_answer: skip}\n"
    )
    with pytest.raises(ConfigError, match=r"evaluation\.on_no_answer: .*'incorrect', 'unscored' or 'random_choice'"):
        Experiment.from_config(config)


# --- identity


def test_the_rule_decides_the_id_and_the_scores_alone_are_made_again() -> None:
    ids = {with_rule(mixed(), rule).compile().run_id for rule in RULES}
    assert len(ids) == 3
    store, generator = InMemoryRunStore(), ScriptedGenerator(lambda case, ctx: "nothing")
    means = [only(with_rule(mixed(generator=generator), rule).run(store=store)).mean for rule in RULES]
    assert means == [0.0, None, None]
    assert len(generator.calls) == 4


def test_at_its_default_the_rule_is_neither_hashed_nor_stored() -> None:
    snapshot = with_rule(mixed(), "incorrect").compile()
    assert "on_no_answer" not in snapshot.model_dump_json()
    assert type(snapshot).model_validate(snapshot.model_dump(exclude={"run_id"})).identity.on_no_answer == "incorrect"
    assert "unscored" in with_rule(mixed(), "unscored").compile().identity.model_dump_json()


PINNED = "a1d81ad1c80689e6027f194a1eef9fcf0d011a95c87a1923c6a25d94a8ffd920"
"""What this experiment's run has been called since before there was a rule."""


def test_a_run_that_was_stored_before_there_was_a_rule_keeps_its_id() -> None:
    assert experiment(ScriptedGenerator(), metrics=[ScriptedMetric()], seeds=[7]).compile().run_id == PINNED


def test_a_worker_counts_it_as_the_experiment_says() -> None:
    parser = "builtin/math_answer"
    for rule in RULES:
        snapshot = with_rule(experiment(parser=parser, metrics=["builtin/math_equivalence"]), rule).compile()
        assert recompile(snapshot).parts().on_no_answer == rule


def test_a_store_from_before_there_was_a_rule_is_read_as_it_is_and_counted_by_it_when_run_again(tmp_path: Path) -> None:
    lab = mixed(generator=ScriptedGenerator(lambda case, ctx: "nothing" if case.case_id == "q2" else case.input))
    path = tmp_path / "old.sqlite3"
    with closing(sqlite_store(path)) as store:
        snapshot = lab.compile()
        store.create_run(snapshot)
        lab.run("parse", store=store)
        failure = StageFailure(stage="score", category="parse_null", message="nothing", error_type="ScoreError")
        work = store.ends_between(snapshot.run_id, 0, 4)
        scores = [codec.scored(no, 0, Score(metric_id="m", value=1.0), None) for no in (0, 1, 3)]
        ends = [end._replace(through=Stage.SCORE, failed=end.case_no == 2) for end in work]
        store.append(snapshot.run_id, [*scores, codec.failed(2, Stage.SCORE, 0, failure)], ends)
        store.end_run(snapshot.run_id, RunStatus.PARTIAL_FAILURE, through=Stage.JUDGE)
    put_back(path, 2)
    with closing(sqlite_store(path)) as store:
        before = quickcheck(store, snapshot.run_id)
        assert before["score_rows"][2]["error_category"] == "parse_null"
        assert before["metrics"]["builtin/exact_match"]["unscored"] == 1
        result = lab.run(store=store)
        assert (result.status, only(result).no_answer, only(result).mean) == ("completed", 1, 0.75)


# --- who looks on


def test_observers_see_the_score_that_it_counts() -> None:
    class Listener:
        def __init__(self) -> None:
            self.seen: list[Any] = []

        def before_score(self, parsed: Any, ctx: Any) -> None:
            self.seen.append(("before", ctx.case.case_id))

        def after_score(self, score: Any, ctx: Any) -> None:
            self.seen.append((score.value, ctx.case.case_id))

    counted, left_out = Listener(), Listener()
    mixed().run(subscribers=[counted])
    with_rule(mixed(), "unscored").run(subscribers=[left_out])
    assert [seen for seen in counted.seen if seen[1] == "q2"] == [("before", "q2"), (0.0, "q2")]
    assert [seen for seen in left_out.seen if seen[1] == "q2"] == []


def test_quickcheck_and_the_database_count_it(tmp_path: Path) -> None:
    with closing(sqlite_store(tmp_path / "s.sqlite3")) as store:
        result = mixed().run(store=store)
        assert quickcheck(store, result.run_id)["metrics"] == {"builtin/exact_match": only(result).document()}
    with closing(sqlite3.connect(tmp_path / "s.sqlite3")) as database:
        counts = database.execute(
            "SELECT category, count(*) FROM outcomes WHERE stage = 5 GROUP BY category"
        ).fetchall()
    assert counts == [(None, 2), ("no_answer", 1)]
