"""Metric that takes the verdict that most votes are for."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal, get_args

from themis.core.builtins.judged.judged_metric import JudgedMetric, RubricWorkflow, calls_to, check_count
from themis.core.builtins.judged.several_judges import SeveralJudges, verdicts_of
from themis.core.contexts import EvalScoreContext
from themis.core.errors import InvalidArgumentError
from themis.core.judging.scales import Numbers
from themis.core.subjects import Subject
from themis.core.workflows import AggregationResult, JudgeCall, ParsedJudgment

OnTie = Literal["unscored", "lowest", "highest", "mean"]
"""What becomes of an answer when no verdict has the most votes."""

_MOST_REPEATS = 100


class MajorityVoteJudge(SeveralJudges):
    """The worth of the verdict that most votes are for, from 0 to 1.

    Each judge votes once, or several times with `repeats`. When two verdicts have the most votes, there is no majority:
    the answer is unscored, and the reason counts the votes, unless `on_tie` says which of them counts. The details of a
    score hold the votes and their `agreement`; over a run there are `raw_agreement` and `krippendorff_alpha`.
    """

    component_id = "builtin/majority_vote_judge"

    def __init__(
        self,
        judges: list[str] | None = None,
        repeats: int = 1,
        on_tie: OnTie = "unscored",
        **grading: Any,
    ) -> None:
        """Have judges vote on a verdict by a rubric.

        Args:
            judges: those who vote, by the ids under which the experiment names them; else all.
            repeats: votes of each, with a seed of its own for each vote.
            on_tie: `unscored`, or the `lowest`, the `highest` or the `mean` of the verdicts that are tied.
            grading: `rubric`, `rubric_from`, `scale` and `marker`, see `JudgedMetric`; numbers cannot be voted on.

        Raises:
            InvalidArgumentError: one of them is something else.
        """
        super().__init__(judges, **grading)
        if isinstance(self.scale, Numbers):
            raise InvalidArgumentError(argument="scale", detail="votes need labels; builtin/panel_of_judges averages")
        if on_tie not in get_args(OnTie):
            detail = f"must be one of {', '.join(get_args(OnTie))}, not {on_tie!r}"
            raise InvalidArgumentError(argument="on_tie", detail=detail)
        check_count("repeats", repeats, _MOST_REPEATS)
        self._repeats, self._on_tie = repeats, on_tie
        self._given |= {"repeats": repeats, "on_tie": on_tie}

    def build_workflow(self, subject: Subject, ctx: EvalScoreContext) -> RubricWorkflow:  # noqa: ARG002  # protocol
        """Return the workflow for an answer.

        Raises:
            RubricError: the case has no usable rubric.
            NoJudgeError, UnknownJudgeError: there is no such judge.
        """
        calls = calls_to(self.judges(ctx, self.named_judges), self._repeats)
        return _Vote(self, calls, self.text_rubric(ctx), self._on_tie)


class _Vote(RubricWorkflow):
    """The same question for each vote."""

    def __init__(self, metric: JudgedMetric, calls: list[JudgeCall], rubric: str, on_tie: str) -> None:
        super().__init__(metric, calls, rubric)
        self._on_tie = on_tie

    def conclude(self, judgments: Sequence[ParsedJudgment]) -> AggregationResult:
        """Return the verdict with the most votes, or what `on_tie` makes of several."""
        votes = Counter(str(judgment.label) for judgment in judgments)
        worth = {str(judgment.label): judgment.score or 0.0 for judgment in judgments}
        most = max(votes.values())
        tied = sorted((label for label in votes if votes[label] == most), key=worth.__getitem__)
        details: dict[str, Any] = {"votes": {**votes}, **verdicts_of(judgments)}
        if len(tied) == 1:
            details["verdict"] = tied[0]
            return AggregationResult(method="majority_vote", value=worth[tied[0]], details=details)
        shown = ", ".join(f"{label} {votes[label]}" for label in sorted(votes))
        details["tie"] = [*tied]
        if self._on_tie == "unscored":
            details["reason"] = f"no verdict has the most votes: {shown} (on_tie: unscored)"
            return AggregationResult(method="majority_vote", value=None, details=details)
        values = [worth[label] for label in tied]
        value = {"lowest": values[0], "highest": values[-1], "mean": sum(values) / len(values)}[self._on_tie]
        return AggregationResult(method="majority_vote", value=value, details=details)
