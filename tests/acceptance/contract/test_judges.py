"""Judges, workflows, rejudging and the bundles of judgments, as programs of an earlier release use them."""

from typing import Any

import pytest

import themis as t
from themis.core.config import EvaluationConfig, GenerationConfig, StorageConfig
from themis.core.contexts import EvalScoreContext
from themis.core.models import Case, Dataset, GenerationResult, Score
from themis.core.protocols import EvaluationWorkflow, JudgeModel, LLMMetric
from themis.core.workflows import (
    AggregationResult,
    EvaluationExecution,
    JudgeCall,
    JudgeResponse,
    ParsedJudgment,
    RenderedJudgePrompt,
)

CASES = [Case(case_id=f"q{no}", input=f"{no} + {no}", expected_output=str(2 * no)) for no in range(3)]


class Twice:
    """Answers rightly first, and then again in other words."""

    component_id, version = "lab/twice", "1"

    def fingerprint(self) -> str:
        return "1"

    async def generate(self, case: Case, ctx: Any) -> GenerationResult:
        return GenerationResult(candidate_id=f"{case.case_id}-{ctx.seed}", final_output=case.expected_output)


class Lenient:
    """A judge that says what it thinks of the last digit."""

    component_id, version = "lab/lenient", "1"

    def __init__(self) -> None:
        self.asked: list[tuple[str, int | None]] = []

    def fingerprint(self) -> str:
        return "1"

    async def judge(self, prompt: RenderedJudgePrompt, *, seed: int | None = None) -> JudgeResponse:
        self.asked.append((str(prompt.content), seed))
        return JudgeResponse(
            judge_model_id=self.component_id,
            judge_model_version="1",
            judge_model_fingerprint="1",
            raw_response="0.75",
            effective_seed=seed,
            token_usage={"prompt_tokens": 7, "completion_tokens": 1},
        )


class Workflow:
    """Two questions about an answer, and their mean."""

    def judge_calls(self) -> list[JudgeCall]:
        return [JudgeCall(call_id=f"call-{no}", judge_model_id="lab/lenient", repeat_index=no) for no in range(2)]

    def render_prompt(self, call: JudgeCall, subject: Any, ctx: EvalScoreContext) -> RenderedJudgePrompt:
        rubric = ctx.eval_workflow_config.get("rubric")
        return RenderedJudgePrompt(prompt_id=call.call_id, content=f"{rubric}: {ctx.parsed_output.value}")

    def parse_judgment(self, call: JudgeCall, response: JudgeResponse, ctx: EvalScoreContext) -> ParsedJudgment:
        return ParsedJudgment(label="good", score=float(str(response.raw_response)), rationale=None)

    def score_judgment(self, call: JudgeCall, judgment: ParsedJudgment, ctx: EvalScoreContext) -> Score:
        return Score(metric_id="lab/opinion", value=judgment.score or 0.0)

    def aggregate(
        self, judgments: list[ParsedJudgment], scores: list[Score], ctx: EvalScoreContext
    ) -> AggregationResult:
        return AggregationResult(method="mean", value=sum(score.value for score in scores) / len(scores))


class Opinion:
    """A metric that asks a judge."""

    component_id, version, metric_family = "lab/opinion", "1", "llm"

    def fingerprint(self) -> str:
        return "1"

    def build_workflow(self, subject: Any, ctx: EvalScoreContext) -> EvaluationWorkflow:
        return Workflow()


def experiment(**evaluation: Any) -> t.Experiment:
    return t.Experiment(
        generation=GenerationConfig(generator=Twice(), candidate_policy={"num_samples": 2}),
        evaluation=EvaluationConfig(**evaluation),
        storage=StorageConfig(store="memory"),
        datasets=[Dataset(dataset_id="sums", cases=CASES)],
    )


def test_the_shipped_metrics_ask_two_demo_judges() -> None:
    store = t.InMemoryRunStore()
    result = experiment(
        metrics=["builtin/llm_rubric", "builtin/pairwise_judge"],
        judge_models=["builtin/demo_judge", "builtin/demo_judge"],
        workflow_overrides={"rubric": "The sum is right."},
    ).run(store=store)
    assert result.status == t.RunStatus.COMPLETED
    assert result.completed_through_stage == "judge"
    execution = t.get_evaluation_execution(store, result.run_id, "q1", "builtin/pairwise_judge")
    assert isinstance(execution, EvaluationExecution)
    assert len(execution.judge_calls) == 2, "both orders"
    assert execution.status == "completed"
    rubric = t.get_evaluation_execution(store, result.run_id, "q1", "builtin/llm_rubric", dataset_id="sums")
    assert rubric is not None
    assert rubric.aggregation_output is not None
    assert rubric.aggregation_output.value == 1.0
    assert "The sum is right." in str(rubric.rendered_prompts[0].content)


def test_a_workflow_of_ones_own_is_carried_out_call_by_call() -> None:
    judge, metric = Lenient(), Opinion()
    assert isinstance(judge, JudgeModel)
    assert isinstance(metric, LLMMetric)
    assert isinstance(Workflow(), EvaluationWorkflow)
    store = t.InMemoryRunStore()
    subject = experiment(metrics=[metric], judge_models=[judge], workflow_overrides={"rubric": "Right?"})
    result = subject.run(store=store)
    assert result.metrics["lab/opinion"].mean == 0.75
    assert sorted(prompt for prompt, _ in judge.asked) == ["Right?: 0"] * 2 + ["Right?: 2"] * 2 + ["Right?: 4"] * 2
    assert len({seed for _, seed in judge.asked}) == 6, "each call has a seed of its own"
    execution = result.cases[0].evaluation_executions[0]
    assert [response.raw_response for response in execution.judge_responses] == ["0.75"] * 2
    assert [score.value for score in execution.scores] == [0.75] * 2
    assert execution.failures == []
    before = len(judge.asked)
    again = subject.rejudge(store=store)
    assert (again.run_id, len(judge.asked)) == (result.run_id, before + 6)
    subject.replay(stage="judge", metric_ids=["lab/opinion"], store=store)
    assert len(judge.asked) == before + 12


@pytest.mark.anyio
async def test_the_same_without_blocking() -> None:
    judge, store = Lenient(), t.InMemoryRunStore()
    subject = experiment(metrics=[Opinion()], judge_models=[judge])
    result = await subject.run_async(until_stage="score", store=store)
    assert judge.asked == []
    await subject.run_async(store=store)
    assert len(judge.asked) == 6
    assert (await subject.rejudge_async(store=store)).run_id == result.run_id
    assert (await subject.replay_async(stage="judge", store=store)).run_id == result.run_id
    assert len(judge.asked) == 18


def test_judgments_are_handed_on_as_a_bundle() -> None:
    store, elsewhere = t.InMemoryRunStore(), t.InMemoryRunStore()
    subject = experiment(metrics=[Opinion()], judge_models=[Lenient()])
    result = subject.run(store=store)
    for stage in ("generation", "evaluation"):
        bundle = getattr(t, f"export_{stage}_bundle")(store, result.run_id)
        assert (bundle.run_id, len(bundle.records)) == (result.run_id, 6 if stage == "generation" else 3)
        getattr(t, f"import_{stage}_bundle")(elsewhere, bundle)
    found = t.get_evaluation_execution(elsewhere, result.run_id, "q0", "lab/opinion")
    assert found == t.get_evaluation_execution(store, result.run_id, "q0", "lab/opinion")
