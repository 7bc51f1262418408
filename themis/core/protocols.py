"""Protocols for extending Themis: components, subscribers and tracers.

Every component also has `component_id: str`, `version: str` and `fingerprint() -> str`; the fingerprint changes when
its behaviour does.
"""

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

from themis.core.contexts import (
    EvalScoreContext,
    GenerateContext,
    ParseContext,
    ReduceContext,
    ScoreContext,
    SelectContext,
)
from themis.core.models import Case, GenerationResult, ParsedOutput, ReducedCandidate, Score, ScoreError
from themis.core.subjects import Subject
from themis.core.workflows import (
    AggregationResult,
    EvaluationExecution,
    JudgeCall,
    JudgeResponse,
    ParsedJudgment,
    RenderedJudgePrompt,
)


@runtime_checkable
class Component(Protocol):
    """Part of a run that users can supply."""

    @property
    def component_id(self) -> str:
        """Stable name, `package/name` by convention."""

    @property
    def version(self) -> str:
        """Version of the behaviour, for people."""

    def fingerprint(self) -> str:
        """Text that changes whenever the behaviour does."""


@runtime_checkable
class Generator(Component, Protocol):
    """Makes one candidate for a case. Optional attributes: `provider_key`, `credential`, `model_id`, `endpoint`.

    Optional, too, is `most_tokens(case, ctx)`: the most tokens of input and of output that a call can use, or None
    where nothing bounds them. A run with a budget needs it.
    """

    async def generate(self, case: Case, ctx: GenerateContext) -> GenerationResult:
        """Generate one candidate for `case`."""


@runtime_checkable
class ContinuationScorer(Component, Protocol):
    """Generator that also says log-likelihoods, for runs with `generation.task: continuations`.

    Optional attributes: `continuations_per_call`, the most texts that a call can be about, and `why_no_continuations`,
    a text that says why this generator cannot be asked after all. In a run with a budget `most_tokens(case, ctx,
    choices)` is called.
    """

    async def score_continuations(self, case: Case, choices: Sequence[str], ctx: GenerateContext) -> GenerationResult:
        """Return a result whose `continuations` are the log-likelihoods of `choices` after the input of `case`."""


@runtime_checkable
class CandidateSelector(Component, Protocol):
    """Keeps some of the candidates, before reduction."""

    async def select(self, candidates: list[GenerationResult], ctx: SelectContext) -> list[GenerationResult]:
        """Return the candidates to keep, at least one."""


@runtime_checkable
class CandidateReducer(Component, Protocol):
    """Combines several candidates into one."""

    async def reduce(self, candidates: list[GenerationResult], ctx: ReduceContext) -> ReducedCandidate:
        """Return the candidate to parse."""


@runtime_checkable
class Parser(Component, Protocol):
    """Reads the answer from a candidate."""

    def parse(self, candidate: ReducedCandidate, ctx: ParseContext) -> ParsedOutput:
        """Return the answer; an exception means that the candidate cannot be parsed."""


@runtime_checkable
class PureMetric(Component, Protocol):
    """Scores a parsed answer without calling a model.

    Optional attribute: `scores_no_answer`; only when it is true is the metric also called for a value of None.

    Optional, too, is `aggregate(rows)`, for a figure over a run that is not the mean of its cases: it gets the scores,
    with the statistics that it needs among their `details`, and returns figures by name, and perhaps texts that say
    how they were computed. `rows` can be iterated over once; the method is called many times, also with the scores of a
    random sample of cases. A case without an answer, where it counts as wrong, is only among them if the metric has
    `details_of_no_answer(case)`, which returns the statistics of such a case, or nothing.
    """

    def score(self, parsed: ParsedOutput, case: Case, ctx: ScoreContext) -> Score | ScoreError:
        """Return the score, or the reason why there is none."""


@runtime_checkable
class JudgeModel(Component, Protocol):
    """Responds to the prompts of workflows. Optional attributes: those of a `Generator`."""

    async def judge(self, prompt: RenderedJudgePrompt, *, seed: int | None = None) -> JudgeResponse:
        """Respond to `prompt`."""


@runtime_checkable
class EvaluationWorkflow(Protocol):
    """The questions about one subject, and what the answers come to. It calls no judge itself: Themis does.

    Each call is rendered, judged, parsed and scored by itself, several at a time, and after a resume only those that
    are missing. An exception of one of the steps fails that call.

    Optional attribute: `judgments_needed`, how many calls must give a judgment, at least 1; without it all must. With
    fewer the metric is unscored for the case and `aggregate` is not called.

    Optional, too, is `repair_call(call, response, error)`: when `parse_judgment` has raised `error`, it returns one
    more call, with an id of its own, whose judgment takes the place of the one that could not be read; or None. A call
    that came from it is not repaired again.
    """

    def judge_calls(self) -> list[JudgeCall]:
        """Return the calls, the same whenever it is called."""

    def render_prompt(self, call: JudgeCall, subject: Subject, ctx: EvalScoreContext) -> RenderedJudgePrompt:
        """Return the prompt of a call."""

    def parse_judgment(self, call: JudgeCall, response: JudgeResponse, ctx: EvalScoreContext) -> ParsedJudgment:
        """Return the verdict of a response; an exception means that it gives none."""

    def score_judgment(self, call: JudgeCall, judgment: ParsedJudgment, ctx: EvalScoreContext) -> Score | None:
        """Return the score of one judgment, which is kept with it; None where a single one has no score."""

    def aggregate(
        self, judgments: list[ParsedJudgment], scores: list[Score], ctx: EvalScoreContext
    ) -> AggregationResult:
        """Return what the judgments of the calls come to, in the order of the calls."""


class _JudgedMetric(Component, Protocol):
    """A metric that asks a judge. It may have `aggregate(rows)` and `scores_no_answer`, as a `PureMetric` may."""

    def build_workflow(self, subject: Any, ctx: EvalScoreContext) -> EvaluationWorkflow:
        """Return the workflow for one subject, the same for the same subject.

        An exception leaves the metric unscored for the case.
        """


@runtime_checkable
class LLMMetric(_JudgedMetric, Protocol):
    """Asks a judge about the reduced candidate, a `CandidateSetSubject` of one."""


@runtime_checkable
class SelectionMetric(_JudgedMetric, Protocol):
    """Asks a judge about all generated candidates, a `CandidateSetSubject` of two or more.

    Its `metric_family` is `selection`.
    """


@runtime_checkable
class TraceMetric(_JudgedMetric, Protocol):
    """Asks a judge about the winner's trace, a `TraceSubject`, or its conversation, a `ConversationSubject`.

    Its `metric_family` is `trace`.
    """


@runtime_checkable
class WorkflowRunner(Protocol):
    """Carries out a workflow."""

    async def run(self, workflow: EvaluationWorkflow, subject: Subject, ctx: EvalScoreContext) -> EvaluationExecution:
        """Make the calls of `workflow`, and return what was asked, answered and concluded."""


class LifecycleSubscriber(Protocol):
    """Receives the events of a run; every method is optional.

    There are `before_generate(case, ctx)`, `after_generate(result, ctx)`, `before_reduce(candidates, ctx)`,
    `after_reduce(reduced, ctx)`, `before_parse(candidate, ctx)`, `after_parse(parsed, ctx)`,
    `before_score(parsed, ctx)`, `after_score(score, ctx)`, `before_judge(subject, ctx)`, `after_judge(execution, ctx)`
    and `on_event(event)`. An exception that a subscriber raises is logged and never affects the run.

    Four more are called at once, and must not be asynchronous: `on_case_started(case)`, `on_case_ended(case, failed)`,
    `on_call(call)` when a generator's or judge's call has ended, with all of its tries, and `on_score(told)` for what a
    metric gave for an answer, also why there is no score. `themis.core.observations` has what they get.
    """


class TracingProvider(Protocol):
    """Receives a span for the run and for each stage of each case."""

    def start_span(self, name: str, attributes: dict[str, Any]) -> Any:
        """Start a span; the returned value is passed to `end_span`."""

    def end_span(self, span: Any, status: str) -> None:
        """End `span` with status `ok` or `error`."""
