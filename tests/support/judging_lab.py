"""Judges, workflows and metrics of judges that do what a test tells them to, and count what they are asked."""

import asyncio
import inspect
from collections.abc import Sequence
from typing import Any

from tests.support.lab import Answer, Scripted, ScriptedGenerator, dataset
from themis.core.config import EvaluationConfig, GenerationConfig, RuntimeConfig, StorageConfig
from themis.core.contexts import EvalScoreContext
from themis.core.dataset_config import DatasetGiven
from themis.core.experiment import Experiment
from themis.core.models import Score
from themis.core.subjects import CandidateSetSubject
from themis.core.workflows import (
    AggregationResult,
    JudgeCall,
    JudgeResponse,
    ParsedJudgment,
    RenderedJudgePrompt,
)


class ScriptedJudge(Scripted):
    """A judge; its script takes the content of the prompt, and gives a text, a whole response, or an exception.

    Attributes:
        calls: contents and seeds, in order.
        most: the most calls that were in flight at once.
    """

    def __init__(self, script: Answer = lambda content: "1", **facts: Any) -> None:
        """Says 1 unless told otherwise."""
        super().__init__(script, **{"component_id": "lab/judge", **facts})
        self.usage: dict[str, int] | None = None
        self.most = self._in_flight = 0

    async def judge(self, prompt: RenderedJudgePrompt, *, seed: int | None = None) -> Any:
        self.calls.append((prompt.content, seed))
        self._in_flight += 1
        self.most = max(self.most, self._in_flight)
        try:
            found = self.answer(prompt.content)
            if inspect.isawaitable(found):
                found = await found
            await asyncio.sleep(0)
        finally:
            self._in_flight -= 1
        if not isinstance(found, str):
            return found
        return JudgeResponse(judge_model_id=self.component_id, raw_response=found, token_usage=self.usage)


class ScriptedWorkflow:
    """Asks each of some judges about the first candidate, reads a number, and takes the mean."""

    def __init__(self, judges: Sequence[str]) -> None:
        """One call for each of `judges`."""
        self.judges = judges

    def judge_calls(self) -> list[JudgeCall]:
        return [JudgeCall(call_id=f"call-{no}", judge_model_id=judge) for no, judge in enumerate(self.judges)]

    def render_prompt(self, call: JudgeCall, subject: Any, ctx: EvalScoreContext) -> RenderedJudgePrompt:
        shown = subject.candidates[0].final_output if isinstance(subject, CandidateSetSubject) else subject.kind
        return RenderedJudgePrompt(prompt_id=call.call_id, content=f"{ctx.case.case_id}: {shown}")

    def parse_judgment(self, call: JudgeCall, response: JudgeResponse, ctx: EvalScoreContext) -> ParsedJudgment:
        return ParsedJudgment(score=float(response.raw_response))  # type: ignore[arg-type]

    def score_judgment(self, call: JudgeCall, judgment: ParsedJudgment, ctx: EvalScoreContext) -> Score | None:
        return Score(metric_id=call.call_id, value=judgment.score or 0.0)

    def aggregate(
        self, judgments: list[ParsedJudgment], scores: list[Score], ctx: EvalScoreContext
    ) -> AggregationResult:
        value = sum(score.value for score in scores) / len(scores)
        return AggregationResult(method="mean", value=value, details={"votes": len(judgments)})


class ScriptedJudged(Scripted):
    """A metric that asks a judge; its script makes the workflow of a subject and a context.

    Attributes:
        calls: the kind of each subject, and the case.
    """

    metric_family = "llm"
    scores_no_answer = False

    def __init__(self, script: Answer | None = None, **facts: Any) -> None:
        """Asks all judges unless told otherwise."""
        super().__init__(script or _ask_all, **{"component_id": "lab/judged", **facts})

    def build_workflow(self, subject: Any, ctx: EvalScoreContext) -> Any:
        self.calls.append((subject.kind, ctx.case.case_id))
        return self.answer(subject, ctx)


def _ask_all(subject: Any, ctx: EvalScoreContext) -> ScriptedWorkflow:
    return ScriptedWorkflow([ref.component_id for ref in ctx.judge_model_refs])


def workflow_with(**methods: Any) -> Answer:
    """A script of a metric whose workflow has some methods or attributes of the test's own."""

    def build(subject: Any, ctx: EvalScoreContext) -> ScriptedWorkflow:
        made = _ask_all(subject, ctx)
        for name, value in methods.items():
            setattr(made, name, value)
        return made

    return build


def judged_experiment(
    judges: Sequence[Any] = (),
    metrics: Sequence[Any] = (),
    *,
    generator: Any = None,
    samples: int = 1,
    selector: Any = None,
    parser: Any = None,
    datasets: Sequence[DatasetGiven] | None = None,
    runtime: RuntimeConfig | None = None,
    seeds: Sequence[int] = (),
    storage: StorageConfig | None = None,
    **evaluation: Any,
) -> Experiment:
    """An experiment over three cases with a metric that asks all of its judges."""
    return Experiment(
        generation=GenerationConfig(
            generator=generator or ScriptedGenerator(),
            candidate_policy={"num_samples": samples} if samples > 1 else {},
            selector=selector,
        ),
        evaluation=EvaluationConfig(
            metrics=list(metrics) or [ScriptedJudged()],
            judge_models=list(judges) or [ScriptedJudge()],
            parsers=[] if parser is None else [parser],
            **evaluation,
        ),
        storage=storage or StorageConfig(store="memory"),
        runtime=runtime or RuntimeConfig(generation_retry_delay=0.0, judge_retry_delay=0.0),
        datasets=[dataset()] if datasets is None else list(datasets),
        seeds=list(seeds),
    )
