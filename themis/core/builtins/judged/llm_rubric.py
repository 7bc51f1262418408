"""Metric that has a judge grade an answer by a rubric."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

from themis.core.base import JSONValue
from themis.core.builtins.judged.judged_metric import (
    PASS_FAIL,
    JudgedMetric,
    RubricWorkflow,
    by_judge,
    check_text,
    material_of,
)
from themis.core.contexts import EvalScoreContext
from themis.core.errors import InvalidArgumentError
from themis.core.judging.markers import Field
from themis.core.judging.rubrics import Point, most_points, rubric_of, share_of_points
from themis.core.judging.scales import Flags
from themis.core.judging.workflow import JudgedWorkflow
from themis.core.models import Score
from themis.core.subjects import Subject
from themis.core.workflows import AggregationResult, JudgeCall, ParsedJudgment

_BY_CRITERION = (
    "You check whether the answer to a question meets one criterion, and nothing else. A criterion may name something "
    "bad: say whether the answer does it, not whether that is good.\n\nThe criterion: {criterion}"
)


class LLMRubric(JudgedMetric):
    """The verdict of one judge by a rubric, from 0 to 1.

    With a rubric that is a text the judge is asked once, and the score is what its verdict is worth on the scale: PASS
    1 and FAIL 0 unless told otherwise, a number by its place between the lowest and the highest.

    With a rubric of criteria with points the judge is asked about each, and the score is points met / positive points,
    clipped to [0, 1]; points may be negative. Over a run the `unclipped_mean` is given beside it: the mean of the
    shares as they are, clipped once. Source: Arora et al., "HealthBench" (2025).
    """

    component_id = "builtin/llm_rubric"

    def __init__(
        self,
        rubric: str | None = None,
        rubric_from: str | None = None,
        judge: str | None = None,
        scale: Any = PASS_FAIL,
        marker: Any = None,
        *,
        normalized: bool = True,
    ) -> None:
        """Have one judge grade by a rubric.

        Args:
            rubric: see `JudgedMetric`.
            rubric_from: see `JudgedMetric`.
            judge: the judge among several, by the id under which the experiment names it; else the first.
            scale: see `JudgedMetric`; for a rubric that is a text.
            marker: see `JudgedMetric`; for a rubric that is a text.
            normalized: whether a number is given by its place on the scale, from 0 to 1, or as it is.

        Raises:
            InvalidArgumentError: one of them is something else.
        """
        super().__init__(rubric, rubric_from, scale, marker)
        check_text("judge", judge)
        if not isinstance(normalized, bool):
            raise InvalidArgumentError(argument="normalized", detail=f"must be true or false, not {normalized!r}")
        self._judge = [] if judge is None else [judge]
        self._normalized = normalized
        self._given |= {"judge": judge, "normalized": normalized}

    def build_workflow(self, subject: Subject, ctx: EvalScoreContext) -> JudgedWorkflow:  # noqa: ARG002  # protocol
        """Return the workflow for an answer.

        Raises:
            RubricError: the case has no usable rubric.
            NoJudgeError, UnknownJudgeError: there is no such judge.
        """
        judge = self.judges(ctx, self._judge)[0]
        rubric = rubric_of(ctx, self.rubric, self.rubric_from)
        if isinstance(rubric, str):
            calls = [JudgeCall(call_id="verdict", judge_model_id=judge)]
            return _OneVerdict(self, calls, rubric, normalized=self._normalized)
        calls = [
            JudgeCall(call_id=f"criterion-{number}", judge_model_id=judge, dimension_id=str(number))
            for number in range(len(rubric))
        ]
        return _Points(self, calls, rubric)

    def aggregate(self, rows: Iterable[Score]) -> dict[str, float]:
        """Return the mean of the shares of points before they were clipped, clipped; nothing without points."""
        details: Iterable[dict[str, Any]] = (row.details for row in rows)
        shares = [one["unclipped"] for one in details if "unclipped" in one]
        return {"unclipped_mean": min(max(math.fsum(shares) / len(shares), 0.0), 1.0)} if shares else {}


class _OneVerdict(RubricWorkflow):
    """One verdict, which is the score."""

    def __init__(self, metric: JudgedMetric, calls: list[JudgeCall], rubric: str, *, normalized: bool) -> None:
        super().__init__(metric, calls, rubric)
        self._normalized = normalized

    def conclude(self, judgments: Sequence[ParsedJudgment]) -> AggregationResult:
        """Return what the verdict is worth, or the number that it is."""
        (judgment,) = judgments
        value = judgment.score if self._normalized else judgment.details["rating"]
        return AggregationResult(method="verdict", value=value, details={"verdicts": by_judge(judgments)})


class _Points(JudgedWorkflow):
    """A question about each criterion."""

    def __init__(self, metric: JudgedMetric, calls: list[JudgeCall], points: tuple[Point, ...]) -> None:
        super().__init__(metric.component_id, calls, Flags(), Field("criteria_met"))
        self._points = points
        self._rubric_from = metric.rubric_from

    def question(self, call: JudgeCall, subject: Subject, ctx: EvalScoreContext) -> tuple[str, dict[str, JSONValue]]:
        """Return one criterion, with question, reference and answer."""
        criterion = self._points[int(call.dimension_id or 0)].criterion
        return _BY_CRITERION.format(criterion=criterion), material_of(subject, ctx, self._rubric_from)

    def conclude(self, judgments: Sequence[ParsedJudgment]) -> AggregationResult:
        """Return points met / positive points, clipped to [0, 1]."""
        met = {int(str(judgment.details["dimension"])): judgment.label == "true" for judgment in judgments}
        share = share_of_points(self._points, met)
        details: dict[str, JSONValue] = {
            "met": [number for number in sorted(met) if met[number]],
            "criteria": len(self._points),
            "positive_points": most_points(self._points),
            "unclipped": share,
        }
        return AggregationResult(method="points", value=min(max(share, 0.0), 1.0), details=details)
