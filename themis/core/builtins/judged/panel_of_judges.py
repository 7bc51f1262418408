"""Metric that has several judges grade an answer, and takes the mean."""

from collections.abc import Sequence
from typing import Any

from themis.core.builtins.judged.judged_metric import (
    PASS_FAIL,
    JudgedMetric,
    RubricWorkflow,
    calls_to,
    check_count,
    mean_worth,
)
from themis.core.builtins.judged.several_judges import SeveralJudges, verdicts_of
from themis.core.contexts import EvalScoreContext
from themis.core.errors import InvalidArgumentError
from themis.core.subjects import Subject
from themis.core.workflows import AggregationResult, ParsedJudgment

_MOST_JUDGES = 100


class PanelOfJudges(SeveralJudges):
    """The mean verdict of several judges by a rubric, from 0 to 1.

    An answer that one of the judges did not judge is unscored, unless `min_judges` did. The details of a score hold
    each judge's verdict, and `agreement`, the share of pairs of judges with the same verdict; over a run there are
    `raw_agreement` and `krippendorff_alpha`.
    """

    component_id = "builtin/panel_of_judges"

    def __init__(
        self,
        rubric: str | None = None,
        rubric_from: str | None = None,
        judges: list[str] | None = None,
        min_judges: int | None = None,
        scale: Any = PASS_FAIL,
        marker: Any = None,
    ) -> None:
        """Have several judges grade by a rubric.

        Args:
            rubric: see `JudgedMetric`.
            rubric_from: see `JudgedMetric`.
            judges: those of the panel, by the ids under which the experiment names them; else all.
            min_judges: how many of them must have judged; else all.
            scale: see `JudgedMetric`.
            marker: see `JudgedMetric`.

        Raises:
            InvalidArgumentError: one of them is something else.
        """
        super().__init__(judges, rubric=rubric, rubric_from=rubric_from, scale=scale, marker=marker)
        if min_judges is not None:
            check_count("min_judges", min_judges, len(self.named_judges) or _MOST_JUDGES)
        self._min_judges = min_judges
        self._given |= {"min_judges": min_judges}

    def build_workflow(self, subject: Subject, ctx: EvalScoreContext) -> RubricWorkflow:  # noqa: ARG002  # protocol
        """Return the workflow for an answer.

        Raises:
            InvalidArgumentError: there are fewer judges than `min_judges`.
            RubricError: the case has no usable rubric.
            NoJudgeError, UnknownJudgeError: there is no such judge.
        """
        judges = self.judges(ctx, self.named_judges)
        needed = len(judges) if self._min_judges is None else self._min_judges
        if needed > len(judges):
            detail = f"{needed} of {len(judges)} judges can never have judged"
            raise InvalidArgumentError(argument="min_judges", detail=detail)
        return _Panel(self, calls_to(judges), self.text_rubric(ctx), needed)


class _Panel(RubricWorkflow):
    """The same question to each judge."""

    def __init__(self, metric: JudgedMetric, calls: list[Any], rubric: str, needed: int) -> None:
        super().__init__(metric, calls, rubric)
        self.judgments_needed = needed

    def conclude(self, judgments: Sequence[ParsedJudgment]) -> AggregationResult:
        """Return the mean of the verdicts."""
        details = {**verdicts_of(judgments), "judges": len(self.calls)}
        return AggregationResult(method="mean", value=mean_worth(judgments), details=details)
