"""Base of the shipped metrics that ask judges: their arguments, and what a judge is shown of a case."""

import math
from collections.abc import Sequence
from typing import Any

from themis.core.base import JSONValue
from themis.core.builtins.component import BuiltinComponent
from themis.core.contexts import EvalScoreContext
from themis.core.errors import InvalidArgumentError
from themis.core.judging.markers import marker_from
from themis.core.judging.rubrics import reference_of, rubric_of
from themis.core.judging.scales import scale_from
from themis.core.judging.workflow import JudgedWorkflow, judges_for
from themis.core.subjects import CandidateSetSubject, Subject
from themis.core.workflows import JudgeCall, ParsedJudgment

PASS_FAIL = ("PASS", "FAIL")

_BY_RUBRIC = "You grade the answer to a question. Grade it by this rubric, and by nothing else:\n\n{rubric}"


class JudgedMetric(BuiltinComponent):
    """A metric that asks judges, with its rubric and the scale of its verdicts."""

    metric_family = "llm"

    def __init__(
        self,
        rubric: str | None = None,
        rubric_from: str | None = None,
        scale: Any = PASS_FAIL,
        marker: Any = None,
    ) -> None:
        """Judge by a rubric.

        Args:
            rubric: what is judged; None for that of the case or of `evaluation.workflow_overrides`, see `rubric_of`.
            rubric_from: dotted path of each case's own rubric, such as `expected_output.rubrics`.
            scale: the verdicts, see `scale_from`.
            marker: how a judge marks its verdict, see `marker_from`.

        Raises:
            InvalidArgumentError: one of them is something else.
        """
        check_text("rubric", rubric)
        check_text("rubric_from", rubric_from)
        self.rubric, self.rubric_from = rubric, rubric_from
        self._given: dict[str, JSONValue] = {
            "rubric": rubric,
            "rubric_from": rubric_from,
            "scale": list(scale) if isinstance(scale, tuple) else scale,
            "marker": marker,
        }
        self.scale, self.marker = scale_from(self._given["scale"]), marker_from(marker)

    @property
    def arguments(self) -> dict[str, JSONValue]:
        """The constructor's arguments."""
        return self._given

    def judges(self, ctx: EvalScoreContext, named: Sequence[str] = ()) -> list[str]:
        """Return the ids of the judges that are asked: those that are named, else all."""
        return judges_for(self.component_id, ctx, named)

    def text_rubric(self, ctx: EvalScoreContext) -> str:
        """Return the rubric of a case as one text; criteria with points as a list."""
        found = rubric_of(ctx, self.rubric, self.rubric_from)
        if isinstance(found, str):
            return found
        return "\n".join(f"- ({point.points:+g}) {point.criterion}" for point in found)


class RubricWorkflow(JudgedWorkflow):
    """Asks for a verdict on one answer, by a rubric that is a text."""

    def __init__(self, metric: JudgedMetric, calls: Sequence[JudgeCall], rubric: str) -> None:
        """Ask by `rubric`, on the scale of `metric`."""
        super().__init__(metric.component_id, calls, metric.scale, metric.marker)
        self._rubric = rubric
        self._rubric_from = metric.rubric_from

    def question(
        self,
        call: JudgeCall,  # noqa: ARG002  # protocol
        subject: Subject,
        ctx: EvalScoreContext,
    ) -> tuple[str, dict[str, JSONValue]]:
        """Return the rubric, with question, reference and answer."""
        return _BY_RUBRIC.format(rubric=self._rubric), material_of(subject, ctx, self._rubric_from)


def material_of(subject: Subject, ctx: EvalScoreContext, rubric_from: str | None) -> dict[str, JSONValue]:
    """Return what a judge is shown: the question, the reference if there is one, and the answer.

    The answer is what the parser found, where it found something.
    """
    material = question_of(ctx, rubric_from)
    answer = ctx.parsed_output.value
    if answer is None and isinstance(subject, CandidateSetSubject):
        answer = subject.candidates[0].final_output
    return {**material, "answer": answer}


def question_of(ctx: EvalScoreContext, rubric_from: str | None) -> dict[str, JSONValue]:
    """Return the question of a case, and the reference if there is one, without the rubric at `rubric_from`."""
    reference = reference_of(ctx.case.expected_output, rubric_from)
    material: dict[str, JSONValue] = {"question": ctx.case.input}
    return material if reference is None else {**material, "reference": reference}


def calls_to(judges: Sequence[str], repeats: int = 1) -> list[JudgeCall]:
    """Return the calls that ask each judge the same question `repeats` times."""
    return [
        JudgeCall(call_id=f"{judge}/{repeat}", judge_model_id=judge, repeat_index=repeat)
        for judge in judges
        for repeat in range(repeats)
    ]


def by_judge(judgments: Sequence[ParsedJudgment]) -> list[JSONValue]:
    """Return the verdicts for the details of a score: the judge of each, its label and its worth."""
    return [
        {"judge": judgment.details["judge"], "verdict": judgment.label, "worth": judgment.score}
        for judgment in judgments
    ]


def mean_worth(judgments: Sequence[ParsedJudgment]) -> float:
    """Return the mean of what some verdicts are worth."""
    return math.fsum(judgment.score or 0.0 for judgment in judgments) / len(judgments)


def check_text(argument: str, value: Any) -> None:
    """Refuse an argument that is neither None nor a text that says something.

    Raises:
        InvalidArgumentError: it is neither.
    """
    if value is not None and (not isinstance(value, str) or not value.strip()):
        raise InvalidArgumentError(argument=argument, detail=f"must be a text, not {value!r}")


def check_judges(judges: Any) -> list[str]:
    """Return the ids of judges that an argument names.

    Raises:
        InvalidArgumentError: they are not a list of different ids.
    """
    named = [] if judges is None else judges
    if not isinstance(named, list) or not all(isinstance(judge, str) and judge for judge in named):
        raise InvalidArgumentError(argument="judges", detail=f"must be a list of ids of judges, not {judges!r}")
    if len(set(named)) < len(named):
        raise InvalidArgumentError(argument="judges", detail="names a judge twice")
    return named


def check_count(argument: str, value: Any, most: int) -> None:
    """Refuse an argument that is not a whole number from 1.

    Raises:
        InvalidArgumentError: it is none, or above `most`.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
        raise InvalidArgumentError(argument=argument, detail=f"must be a whole number from 1 to {most}, not {value!r}")
