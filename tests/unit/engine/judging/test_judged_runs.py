"""The stage `judge`: what metrics that ask judges leave behind, and what is judged."""

import asyncio
from typing import Any

import pytest

from tests.support.judging_lab import ScriptedJudge, ScriptedJudged, judged_experiment, workflow_with
from tests.support.lab import (
    ScriptedGenerator,
    ScriptedMetric,
    ScriptedParser,
    ScriptedReducer,
    metric_means,
    score_rows,
    scores_of,
)
from themis.core.config import RuntimeConfig
from themis.core.errors import ConfigError, InvalidArgumentError
from themis.core.inspection import get_evaluation_execution, get_execution_state, quickcheck
from themis.core.models import GenerationResult, Message, ParsedOutput, ScoreError, TraceStep
from themis.core.results import RunResult
from themis.core.stores import InMemoryRunStore
from themis.core.workflows import AggregationResult, JudgeCall, JudgeResponse


def run(experiment: Any, **options: Any) -> tuple[RunResult, InMemoryRunStore]:
    store = InMemoryRunStore()
    return experiment.run(store=store, **options), store


def test_a_judged_metric_scores_each_case_by_what_its_judges_come_to() -> None:
    judge = ScriptedJudge(lambda content: "0.5" if content.startswith("q1") else "1")
    result, store = run(judged_experiment([judge]))
    assert (result.status, result.completed_through_stage) == ("completed", "judge")
    assert [scores_of(case) for case in result.cases] == [[1.0], [0.5], [1.0]]
    assert metric_means(store, result) == {"lab/judged": pytest.approx(2.5 / 3)}
    assert sorted(content for content, _ in judge.calls) == ["q0: a0", "q1: a1", "q2: a2"]
    rows = score_rows(store, result)
    assert [row["outcome"] for row in rows] == ["correct", "incorrect", "correct"]
    assert rows[0]["details"] == {"votes": 1}


def test_the_whole_execution_is_kept_and_found_again() -> None:
    result, store = run(judged_experiment([ScriptedJudge(component_id="lab/a"), ScriptedJudge(component_id="lab/b")]))
    found = get_evaluation_execution(store, result.run_id, "q1", "lab/judged")
    assert found is not None
    assert (found.execution_id, found.subject_kind, found.status) == (
        "3:lab:q1/lab/judged",
        "candidate_set",
        "completed",
    )
    assert [call.judge_model_id for call in found.judge_calls] == ["lab/a", "lab/b"]
    assert [prompt.content for prompt in found.rendered_prompts] == ["q1: a1", "q1: a1"]
    assert [response.raw_response for response in found.judge_responses] == ["1", "1"]
    assert [judgment.score for judgment in found.parsed_judgments] == [1.0, 1.0]
    assert found.aggregation_output == AggregationResult(method="mean", value=1.0, details={"votes": 2})
    assert found.trace is not None
    assert [step.metadata["response"] for step in found.trace.steps] == ["asked", "asked"]
    assert result.cases[1].evaluation_executions == [found]
    state = get_execution_state(store, result.run_id).case_states["3:lab:q1"]
    assert state.evaluation_executions == {"lab/judged": found}
    traces = store.get_projection(result.run_id, "trace_view")["evaluation_traces"]
    assert [trace["case_id"] for trace in traces] == ["q0", "q1", "q2"]
    assert traces[1]["metric_id"] == "lab/judged"
    assert traces[1]["execution"] == found.model_dump(mode="json")


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (("q9", "lab/judged"), "no case 'q9' of the run has ended"),
        (("q0", "lab/judge"), "the run has no metric 'lab/judge'; did you mean"),
        (("q0", "lab/metric"), "the metric 'lab/metric' asks no judge"),
    ],
)
def test_an_execution_that_is_not_there_is_refused_by_what_is_wrong(asked: tuple[str, str], words: str) -> None:
    result, store = run(judged_experiment(metrics=[ScriptedJudged(), ScriptedMetric()]))
    with pytest.raises(InvalidArgumentError, match=words):
        get_evaluation_execution(store, result.run_id, *asked)


def test_pure_and_judged_metrics_keep_their_order() -> None:
    metrics = [
        ScriptedJudged(component_id="lab/x"),
        ScriptedMetric(lambda *_: 0.25),
        ScriptedJudged(component_id="lab/y"),
    ]
    result, store = run(judged_experiment(metrics=metrics))
    assert [score.metric_id for score in result.cases[0].scores] == ["lab/x", "lab/metric", "lab/y"]
    assert [row["metric_id"] for row in score_rows(store, result)[:3]] == ["lab/x", "lab/metric", "lab/y"]
    assert metric_means(store, result) == {"lab/x": 1.0, "lab/metric": 0.25, "lab/y": 1.0}
    entries = store.get_projection(result.run_id, "timeline_view")["entries"]
    judged = [entry["metric_id"] for entry in entries if entry["event_type"] == "evaluation_completed"]
    assert sorted(set(judged)) == ["lab/x", "lab/y"]


def test_a_run_that_stops_before_its_judges_asks_none_and_a_later_one_judges_what_is_stored() -> None:
    judge, generator, store = ScriptedJudge(), ScriptedGenerator(), InMemoryRunStore()
    experiment = judged_experiment([judge], [ScriptedMetric(), ScriptedJudged()], generator=generator)
    first = experiment.run("score", store=store)
    assert (first.status, first.completed_through_stage, judge.calls) == ("completed", "score", [])
    assert metric_means(store, first) == {"lab/metric": 1.0}
    whole = experiment.run(store=store)
    assert (whole.completed_through_stage, len(judge.calls), len(generator.calls)) == ("judge", 3, 3)
    assert experiment.run(store=store).status == "completed"
    assert len(judge.calls) == 3


# --- what is judged --------------------------------------------------------------------------------------------------


def test_the_judge_gets_the_reduced_candidate_and_the_parsed_value_beside_it() -> None:
    seen: list[Any] = []

    def build(subject: Any, ctx: Any) -> Any:
        seen.append((subject.candidates[0].final_output, ctx.parsed_output.value, ctx.judge_config, ctx.seed))
        assert ctx.eval_workflow_config == {"rubric": "be kind"}
        return workflow_with()(subject, ctx)

    experiment = judged_experiment(
        metrics=[ScriptedJudged(build)],
        parser=ScriptedParser(lambda output: output.upper(), component_id="lab/parser"),
        seeds=[7],
        judge_config={"temperature": 0},
        workflow_overrides={"rubric": "be kind"},
    )
    run(experiment)
    assert sorted(seen) == [(f"a{no}", f"A{no}", {"temperature": 0}, 7) for no in range(3)]


@pytest.mark.parametrize(("rule", "value"), [("incorrect", 0.0), ("unscored", None)])
def test_an_answer_with_nothing_to_judge_counts_as_for_every_metric_and_no_judge_is_asked(
    rule: str, value: float | None
) -> None:
    judge = ScriptedJudge()
    parser = ScriptedParser(lambda output: None if output == "a1" else output, component_id="lab/parser")
    result, store = run(judged_experiment([judge], parser=parser, on_no_answer=rule))
    row = score_rows(store, result)[1]
    assert (row["value"], row["error_category"], len(judge.calls)) == (value, "no_answer", 2)
    assert (result.status, result.metrics["lab/judged"].no_answer) == ("completed", 1)
    assert get_evaluation_execution(store, result.run_id, "q1", "lab/judged") is None


def test_a_metric_that_wants_missing_answers_has_them_judged() -> None:
    judge, metric = ScriptedJudge(), ScriptedJudged()
    metric.scores_no_answer = True
    parser = ScriptedParser(lambda _: ParsedOutput(value=None), component_id="lab/parser")
    result, _ = run(judged_experiment([judge], [metric], parser=parser))
    assert (len(judge.calls), result.metrics["lab/judged"].mean) == (3, 1.0)


def test_a_selection_metric_gets_all_candidates_and_needs_two() -> None:
    seen: list[list[str]] = []

    class Selection(ScriptedJudged):
        metric_family = "selection"

    def build(subject: Any, ctx: Any) -> Any:
        seen.append([candidate.final_output for candidate in subject.candidates])
        return workflow_with()(subject, ctx)

    generator = ScriptedGenerator(lambda case, ctx: f"{case.case_id}/{ctx.seed}")
    reducer = ScriptedReducer(lambda found: found[0].final_output, component_id="lab/reducer")
    experiment = judged_experiment(metrics=[Selection(build)], generator=generator, samples=2, seeds=[1, 2])
    update = {"generation": experiment.generation.model_copy(update={"reducer": reducer})}
    result, _ = run(experiment.model_copy(update=update))
    assert sorted(seen) == [["q0/1", "q0/2"], ["q1/1", "q1/2"], ["q2/1", "q2/2"]]
    assert result.metrics["lab/judged"].scored == 3
    with pytest.raises(ConfigError, match="'lab/judged' compares two candidates or more"):
        judged_experiment(metrics=[Selection(build)]).compile()


@pytest.mark.parametrize(
    ("facts", "kind"),
    [
        ({"trace": [TraceStep(step_name="think", step_type="llm")]}, "trace"),
        ({"conversation": [Message(role="user", content="hello")]}, "conversation"),
    ],
)
def test_a_trace_metric_gets_the_winners_trace_else_its_conversation(facts: dict[str, Any], kind: str) -> None:
    class Trace(ScriptedJudged):
        metric_family = "trace"

    def generate(case: Any, ctx: Any) -> GenerationResult:
        kept = facts if ctx.seed == 2 else {}
        return GenerationResult(candidate_id=f"{case.case_id}-{ctx.seed}", final_output=ctx.seed, **kept)

    metric = Trace()
    experiment = judged_experiment(metrics=[metric], generator=ScriptedGenerator(generate), samples=2, seeds=[1, 2])
    reducer = ScriptedReducer(lambda found: found[1].final_output, component_id="lab/reducer")
    update = {"generation": experiment.generation.model_copy(update={"reducer": reducer})}
    result, _ = run(experiment.model_copy(update=update))
    assert [found for found, _ in metric.calls] == [kind] * 3
    assert result.status == "completed"


def test_a_trace_metric_without_a_trace_leaves_its_case_unscored() -> None:
    class Trace(ScriptedJudged):
        metric_family = "trace"

    result, store = run(judged_experiment(metrics=[Trace()]))
    row = score_rows(store, result)[0]
    assert (row["value"], row["error_category"]) == (None, "evaluation_failure")
    assert "has neither a trace nor a conversation" in row["error_message"]


# --- what cannot be judged -------------------------------------------------------------------------------------------


def test_what_could_not_be_judged_is_unscored_and_never_zero() -> None:
    judge = ScriptedJudge(lambda content: ValueError("out of order") if content.startswith("q1") else "0.8")
    result, store = run(judged_experiment([judge]))
    assert (result.status, result.progress.failed_cases) == ("partial_failure", 1)
    found = result.metrics["lab/judged"]
    assert (found.mean, found.scored, found.unscored) == (0.8, 2, 1)
    row = score_rows(store, result)[1]
    assert (row["outcome"], row["value"], row["error_category"]) == ("error", None, "evaluation_failure")
    assert row["error_message"] == "out of order"
    failure = result.cases[1].evaluation_failures["lab/judged"]
    assert (failure.stage, failure.error_type) == ("judge", "ValueError")
    execution = get_evaluation_execution(store, result.run_id, "q1", "lab/judged")
    assert execution is not None
    assert (execution.status, [failed.step_id for failed in execution.failures]) == ("failed", ["call-0/judge"])
    assert quickcheck(store, result.run_id)["score_rows"][1]["error_category"] == "evaluation_failure"


def test_a_panel_that_lacks_a_judge_is_unscored_unless_the_others_are_enough() -> None:
    judges = [ScriptedJudge(component_id="lab/a"), ScriptedJudge(lambda _: ValueError("away"), component_id="lab/b")]
    result, store = run(judged_experiment(judges))
    rows = score_rows(store, result)
    assert {row["error_category"] for row in rows} == {"evaluation_partial_failure"}
    assert rows[0]["error_message"] == "1 of 2 judge calls failed: away"
    execution = get_evaluation_execution(store, result.run_id, "q0", "lab/judged")
    assert execution is not None
    assert (execution.status, execution.aggregation_output) == ("partial_failure", None)
    assert len(execution.judge_responses) == 1

    enough = [ScriptedJudged(workflow_with(judgments_needed=1), fingerprint="enough")]
    result, store = run(judged_experiment(judges, enough))
    row = score_rows(store, result)[0]
    assert (result.status, row["value"], row["outcome"]) == ("completed", 1.0, "correct")
    assert row["error_category"] == "evaluation_partial_failure"
    assert result.metrics["lab/judged"].scored == 3


def _broken(*_: Any) -> Any:
    msg = "choices"
    raise KeyError(msg)


@pytest.mark.parametrize(
    ("methods", "step"),
    [
        ({"judge_calls": _broken}, "build_workflow"),
        ({"judge_calls": list}, "build_workflow"),
        ({"judge_calls": lambda: [JudgeCall(call_id="a", judge_model_id="lab/judge")] * 2}, "build_workflow"),
        ({"judge_calls": lambda: [JudgeCall(call_id="a", judge_model_id="lab/jugde")]}, "judge"),
        ({"render_prompt": _broken}, "render_prompt"),
        ({"render_prompt": lambda *_: "text"}, "render_prompt"),
        ({"parse_judgment": _broken}, "parse_judgment"),
        ({"parse_judgment": lambda *_: None}, "parse_judgment"),
        ({"score_judgment": _broken}, "score_judgment"),
        ({"score_judgment": lambda *_: ScoreError(metric_id="x", reason="no")}, "score_judgment"),
        ({"aggregate": _broken}, "aggregate"),
        ({"aggregate": lambda *_: 1.0}, "aggregate"),
    ],
    ids=range(12),
)
def test_a_workflow_that_fails_leaves_its_metric_unscored_and_says_where(methods: dict[str, Any], step: str) -> None:
    result, store = run(judged_experiment(metrics=[ScriptedJudged(workflow_with(**methods))]))
    assert result.metrics["lab/judged"].unscored == 3
    execution = get_evaluation_execution(store, result.run_id, "q0", "lab/judged")
    assert execution is not None
    assert [failure.step_type for failure in execution.failures] == [step]
    assert execution.status == "failed"
    assert score_rows(store, result)[0]["error_category"] == "evaluation_failure"


@pytest.mark.parametrize("value", [None, "B", float("nan"), [1]], ids=str)
def test_judgments_that_come_to_no_number_leave_the_metric_unscored_for_the_reason_that_is_given(value: Any) -> None:
    def aggregate(*_: Any) -> AggregationResult:
        return AggregationResult.model_construct(method="odd", value=value, details={"reason": "a tie"})

    result, store = run(judged_experiment(metrics=[ScriptedJudged(workflow_with(aggregate=aggregate))]))
    row = score_rows(store, result)[0]
    assert (row["value"], row["error_category"], row["error_message"]) == (None, "evaluation_failure", "a tie")
    assert result.status == "partial_failure"


def test_true_is_one() -> None:
    aggregate = workflow_with(aggregate=lambda *_: AggregationResult(method="all", value=True))
    result, _ = run(judged_experiment(metrics=[ScriptedJudged(aggregate)]))
    assert result.metrics["lab/judged"].mean == 1.0


def test_a_case_that_could_not_be_parsed_is_not_judged() -> None:
    judge = ScriptedJudge()
    parser = ScriptedParser(lambda _: ValueError("no"), component_id="lab/parser")
    result, store = run(judged_experiment([judge], parser=parser))
    assert judge.calls == []
    assert score_rows(store, result)[0]["error_category"] == "parse_failure"


# --- repairs ---------------------------------------------------------------------------------------------------------


def test_a_response_that_cannot_be_read_is_repaired_once() -> None:
    judge = ScriptedJudge(lambda content: "0.75" if content == "again" else "I cannot say")
    asked: list[str] = []

    def repair(call: JudgeCall, response: JudgeResponse, error: Exception) -> JudgeCall:
        asked.append(f"{response.raw_response}: {error}")
        return call.model_copy(update={"call_id": f"{call.call_id}/repair", "metadata": {"again": True}})

    def build(subject: Any, ctx: Any) -> Any:
        made = workflow_with(repair_call=repair)(subject, ctx)
        first = made.render_prompt

        def render(call: JudgeCall, *more: Any) -> Any:
            found = first(call, *more)
            return found.model_copy(update={"content": "again"}) if call.metadata else found

        made.render_prompt = render
        return made

    result, store = run(judged_experiment([judge], [ScriptedJudged(build)]))
    assert result.metrics["lab/judged"].mean == 0.75
    assert len(judge.calls) == 6
    assert "I cannot say: could not convert string to float" in asked[0]
    execution = get_evaluation_execution(store, result.run_id, "q0", "lab/judged")
    assert execution is not None
    assert (execution.status, execution.failures) == ("completed", [])
    assert [call.call_id for call in execution.judge_calls] == ["call-0", "call-0/repair"]
    assert [response.raw_response for response in execution.judge_responses] == ["I cannot say", "0.75"]


@pytest.mark.parametrize(
    ("answer", "calls", "step"),
    [
        (lambda call, *_: call.model_copy(update={"call_id": "other"}), 2, "parse_judgment"),
        (lambda *_: None, 1, "parse_judgment"),
        (lambda call, *_: call, 1, "repair_call"),
        (_broken, 1, "repair_call"),
        (lambda *_: "again", 1, "repair_call"),
    ],
    ids=["in vain", "none", "its own id", "an error", "no call"],
)
def test_a_repair_that_does_not_help_leaves_the_metric_unscored(answer: Any, calls: int, step: str) -> None:
    judge = ScriptedJudge(lambda _: "I cannot say")
    result, store = run(judged_experiment([judge], [ScriptedJudged(workflow_with(repair_call=answer))]))
    assert len(judge.calls) == 3 * calls
    execution = get_evaluation_execution(store, result.run_id, "q0", "lab/judged")
    assert execution is not None
    assert [failure.step_type for failure in execution.failures] == [step]


# --- several calls at once -------------------------------------------------------------------------------------------


def test_a_workflow_of_many_calls_needs_no_place_beside_them() -> None:
    judge = ScriptedJudge(lambda _: _slowly("1"))
    many = workflow_with(judges=["lab/judge"] * 5)
    for most in (1, 2):
        judge.most = 0
        runtime = RuntimeConfig(max_concurrent_tasks=most, generation_retry_delay=0.0)
        metrics = [ScriptedJudged(many), ScriptedJudged(many, component_id="lab/second")]
        result, _ = run(judged_experiment([judge], metrics, runtime=runtime))
        assert (result.status, judge.most) == ("completed", most)
    runtime = RuntimeConfig(stage_concurrency={"evaluation": 3}, generation_retry_delay=0.0)
    judge.most = 0
    run(judged_experiment([judge], [ScriptedJudged(many)], runtime=runtime))
    assert judge.most == 3


async def _slowly(text: str) -> str:
    await asyncio.sleep(0.001)
    return text
