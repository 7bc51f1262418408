"""Workflow of the shipped metrics: the parts that all of them share."""

from collections.abc import Mapping, Sequence

from themis.core.base import JSONValue
from themis.core.contexts import EvalScoreContext
from themis.core.errors import JudgmentError, NoJudgeError, UnknownJudgeError
from themis.core.judging.markers import Marker, find_verdict
from themis.core.judging.prompts import as_text, judge_prompt
from themis.core.judging.scales import Scale
from themis.core.models import Score
from themis.core.subjects import Subject
from themis.core.text.nearest import nearest_hint
from themis.core.text.reasoning import without_reasoning
from themis.core.workflows import AggregationResult, JudgeCall, JudgeResponse, ParsedJudgment, RenderedJudgePrompt

_REPAIRS = "repairs"
_SHOWN_CHARACTERS = 2_000


class JudgedWorkflow:
    """Asks judges for a verdict on a scale, and once more when a response has none.

    Attributes:
        metric_id: the metric's id.
        calls: the calls.
        scale, marker: the verdicts that there are, and how the judge marks its own.
    """

    method = "mean"

    def __init__(self, metric_id: str, calls: Sequence[JudgeCall], scale: Scale, marker: Marker) -> None:
        """Make `calls` for the metric `metric_id`."""
        self.metric_id = metric_id
        self.calls = list(calls)
        self.scale = scale
        self.marker = marker

    def judge_calls(self) -> list[JudgeCall]:
        """Return the calls."""
        return self.calls

    def question(self, call: JudgeCall, subject: Subject, ctx: EvalScoreContext) -> tuple[str, dict[str, JSONValue]]:
        """Return the task of a call and its material, by name."""
        raise NotImplementedError

    def render_prompt(self, call: JudgeCall, subject: Subject, ctx: EvalScoreContext) -> RenderedJudgePrompt:
        """Return the prompt; that of a repair also shows the earlier response, and says what was wrong with it."""
        task, material = self.question(call, subject, ctx)
        prompt = prompt_of(task, material, self.scale, self.marker, call.metadata.get(_REPAIRS))
        content = prompt.content if ctx.prompt_spec is None else ctx.prompt_spec.render_input(prompt.content)
        return prompt.model_copy(update={"prompt_id": f"{self.metric_id}/{call.call_id}", "content": content})

    def parse_judgment(
        self,
        call: JudgeCall,
        response: JudgeResponse,
        ctx: EvalScoreContext,  # noqa: ARG002  # protocol
    ) -> ParsedJudgment:
        """Return the verdict.

        Raises:
            JudgmentError: there is none, or it is not on the scale.
        """
        verdict = find_verdict(as_text(response.raw_response), self.scale, self.marker)
        return ParsedJudgment(
            label=verdict.label,
            score=verdict.worth,
            rationale=without_reasoning(as_text(response.raw_response)).strip()[-_SHOWN_CHARACTERS:],
            details={
                "judge": call.judge_model_id,
                "rating": verdict.rating,
                "order": list(call.candidate_indices),
                "dimension": call.dimension_id,
            },
        )

    def score_judgment(
        self,
        call: JudgeCall,  # noqa: ARG002  # protocol
        judgment: ParsedJudgment,
        ctx: EvalScoreContext,  # noqa: ARG002  # protocol
    ) -> Score | None:
        """Return what the verdict is worth, from 0 to 1."""
        return None if judgment.score is None else Score(metric_id=self.metric_id, value=judgment.score)

    def aggregate(
        self,
        judgments: list[ParsedJudgment],
        scores: list[Score],  # noqa: ARG002  # protocol
        ctx: EvalScoreContext,  # noqa: ARG002  # protocol
    ) -> AggregationResult:
        """Return what the judgments come to."""
        return self.conclude(judgments)

    def conclude(self, judgments: Sequence[ParsedJudgment]) -> AggregationResult:
        """Return what the judgments come to; each has as `score` what its verdict is worth."""
        raise NotImplementedError

    def repair_call(self, call: JudgeCall, response: JudgeResponse, error: Exception) -> JudgeCall | None:
        """Return a call that asks again, and says why the response could not be used; None for any other error."""
        if not isinstance(error, JudgmentError) or _REPAIRS in call.metadata:
            return None
        return call.model_copy(
            update={
                "call_id": f"{call.call_id}/repair",
                "metadata": {**call.metadata, _REPAIRS: what_was_wrong(response, error)},
            }
        )


def what_was_wrong(response: JudgeResponse, error: Exception) -> dict[str, JSONValue]:
    """Return a response that could not be used, as far as a judge needs to see it again, and why."""
    return {"response": as_text(response.raw_response)[-_SHOWN_CHARACTERS:], "error": str(error)}


def prompt_of(
    task: str, material: Mapping[str, JSONValue], scale: Scale, marker: Marker, repairs: JSONValue = None
) -> RenderedJudgePrompt:
    """Return a prompt that asks for a verdict.

    Its metadata hold as `example` a response with the best verdict, in the form that is asked for.

    Args:
        task: see `judge_prompt`.
        material: see `judge_prompt`.
        scale: the verdicts that there are.
        marker: the form in which one is asked for.
        repairs: of `what_was_wrong`, when the judge was asked before.
    """
    asked = marker.asked(scale)
    if isinstance(repairs, dict):
        material = {**material, "earlier-response": repairs["response"]}
        asked = (
            "You were asked this before, and your response, which is shown last above, could not be used: "
            f"{repairs['error']}. Judge again, and mind the form. {asked}"
        )
    return RenderedJudgePrompt(
        prompt_id="judge",
        content=judge_prompt(task, material, asked),
        metadata={"example": marker.example(scale.options[0])},
    )


def judges_for(metric_id: str, ctx: EvalScoreContext, named: Sequence[str]) -> list[str]:
    """Return the judges that a metric asks: those that it names, else all of the experiment.

    Raises:
        NoJudgeError: the experiment names none.
        UnknownJudgeError: the experiment does not name one of them.
    """
    known = [ref.component_id for ref in ctx.judge_model_refs]
    if not known:
        raise NoJudgeError(component=metric_id)
    for judge in named:
        if judge not in known:
            raise UnknownJudgeError(judge=judge, nearest=nearest_hint(judge, known))
    return list(named) or known
