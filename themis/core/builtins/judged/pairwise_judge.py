"""Metric that has a judge compare candidates two by two, in both orders."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

from themis.core.base import JSONValue
from themis.core.builtins.judged.judged_metric import JudgedMetric, check_text, question_of
from themis.core.contexts import EvalScoreContext
from themis.core.errors import InvalidArgumentError
from themis.core.judging.workflow import JudgedWorkflow
from themis.core.models import Score
from themis.core.statistics.order_effects import Winner, order_effects
from themis.core.subjects import CandidateSetSubject, Subject
from themis.core.workflows import AggregationResult, JudgeCall, ParsedJudgment

FIRST, SECOND, TIE = "A", "B", "tie"
_PAIR = 2

_COMPARE = (
    "You compare two answers to the same question, A and B, and say which is better by this rubric, and by nothing "
    "else:\n\n{rubric}\n\nThe order in which they are shown, their length and their style mean nothing unless the "
    "rubric says so."
)
_TIES = " If neither is better, say so: tie."


class PairwiseJudge(JudgedMetric):
    """Win rate of the first candidate against the others, by one judge: a win is 1, a tie 0.5, a loss 0.

    The judge sees each pair twice, once in each order. When its winner is another one in the other order, the pair is a
    tie. It needs two candidates or more; the first is compared with each of the others.

    Over a run there are `first_shown_share` (0.5 is no position bias), `order_agreement` (the share of pairs with the
    same winner in both orders), `order_kappa` (Cohen's kappa between the orders) and `tie_share`.
    """

    component_id = "builtin/pairwise_judge"
    metric_family = "selection"

    def __init__(
        self,
        rubric: str | None = None,
        rubric_from: str | None = None,
        judge: str | None = None,
        marker: Any = None,
        *,
        ties: bool = True,
    ) -> None:
        """Have one judge compare by a rubric.

        Args:
            rubric: see `JudgedMetric`.
            rubric_from: see `JudgedMetric`.
            judge: the judge among several, by the id under which the experiment names it; else the first.
            marker: see `JudgedMetric`.
            ties: whether the judge may call a pair a tie.

        Raises:
            InvalidArgumentError: one of them is something else.
        """
        super().__init__(rubric, rubric_from, {FIRST: 1, TIE: 0.5, SECOND: 0} if ties else [FIRST, SECOND], marker)
        check_text("judge", judge)
        if not isinstance(ties, bool):
            raise InvalidArgumentError(argument="ties", detail=f"must be true or false, not {ties!r}")
        self._judge = [] if judge is None else [judge]
        del self._given["scale"]
        self._given |= {"judge": judge, "ties": ties}
        self.ties = ties

    def build_workflow(self, subject: Subject, ctx: EvalScoreContext) -> JudgedWorkflow:
        """Return the workflow for the candidates of a case.

        Raises:
            InvalidArgumentError: there are fewer than two candidates.
            RubricError: the case has no usable rubric.
            NoJudgeError, UnknownJudgeError: there is no such judge.
        """
        candidates = subject.candidates if isinstance(subject, CandidateSetSubject) else []
        if len(candidates) < _PAIR:
            detail = "a comparison needs two or more: set generation.candidate_policy.num_samples"
            raise InvalidArgumentError(argument="candidates", detail=detail)
        judge = self.judges(ctx, self._judge)[0]
        calls = [
            JudgeCall(call_id=f"{one}-{other}", judge_model_id=judge, candidate_indices=[one, other])
            for number in range(1, len(candidates))
            for one, other in ((0, number), (number, 0))
        ]
        return _Comparison(self, calls, self.text_rubric(ctx))

    def aggregate(self, rows: Iterable[Score]) -> dict[str, float]:
        """Return the effects of order over all pairs of a run."""
        details: Iterable[dict[str, Any]] = (row.details for row in rows)
        found = order_effects((pair["winners"][0], pair["winners"][1]) for one in details for pair in one["pairs"])
        if found is None:
            return {}
        figures = {
            "first_shown_share": found.first_shown_share,
            "order_agreement": found.agreement,
            "order_kappa": found.kappa,
            "tie_share": found.tie_share,
        }
        return {name: value for name, value in figures.items() if value is not None}


class _Comparison(JudgedWorkflow):
    """Two questions about each pair."""

    def __init__(self, metric: PairwiseJudge, calls: Sequence[JudgeCall], rubric: str) -> None:
        super().__init__(metric.component_id, calls, metric.scale, metric.marker)
        self._rubric_from = metric.rubric_from
        self._task = _COMPARE.format(rubric=rubric) + (_TIES if metric.ties else "")

    def question(self, call: JudgeCall, subject: Subject, ctx: EvalScoreContext) -> tuple[str, dict[str, JSONValue]]:
        """Return the question, with the reference if there is one, and both answers in the order of the call."""
        assert isinstance(subject, CandidateSetSubject), "the family of the metric says so"  # noqa: S101
        material = question_of(ctx, self._rubric_from)
        for label, index in zip((FIRST, SECOND), call.candidate_indices, strict=True):
            material[f"answer-{label}"] = subject.candidates[index].final_output
        return self._task, material

    def conclude(self, judgments: Sequence[ParsedJudgment]) -> AggregationResult:
        """Return the mean over pairs of 1, 0.5 or 0 for the first candidate."""
        label_by_order = {tuple(_order(judgment)): judgment.label for judgment in judgments}
        pairs: list[JSONValue] = []
        values = []
        for (one, other), label in label_by_order.items():
            if one != 0:
                continue
            winners = [_winner(label, 0), _winner(label_by_order[other, 0], 1)]
            winner = winners[0] if winners[0] == winners[1] else None
            values.append(0.5 if winner is None else float(winner == 0))
            pairs.append({"candidates": [one, other], "winners": [*winners], "winner": winner})
        details: dict[str, JSONValue] = {"pairs": pairs}
        return AggregationResult(method="win_rate", value=math.fsum(values) / len(values), details=details)


def _order(judgment: ParsedJudgment) -> list[int]:
    order = judgment.details["order"]
    return [int(str(index)) for index in order] if isinstance(order, list) else []


def _winner(label: str | None, shown_first: int) -> Winner:
    """Return the position of the winner in its pair, when that at `shown_first` was shown as A; None for a tie."""
    return None if label == TIE else shown_first if label == FIRST else 1 - shown_first
