"""A score of a case, as those see it who watch the run."""

from dataclasses import dataclass
from typing import Any

from themis.core.models import Score
from themis.core.observations.cases import ObservedCase


@dataclass(slots=True, kw_only=True, eq=False)
class CaseScore:
    """The result of a metric for an answer of a case: its score, or why there is none.

    Attributes:
        of: the case.
        metric_id: the metric, as the experiment names it.
        candidate_index: the candidate that was scored; None for the reduced one.
        score: None for an answer that is unscored.
        category: why there is no score, such as `score_failure`, or that the score is one of no answer.
        reason: the same in words; None with a score.
        execution: the workflow of a metric that asks judges, an `EvaluationExecution`; None without one.
    """

    of: ObservedCase
    metric_id: str
    candidate_index: int | None
    score: Score | None = None
    category: str | None = None
    reason: str | None = None
    execution: Any = None
