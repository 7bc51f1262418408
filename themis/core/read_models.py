"""The scores of a run as a table."""

from typing import Literal

from pydantic import Field

from themis.core.base import FrozenModel, JSONValue
from themis.core.score_tally import MetricSummary


class BenchmarkScoreRow(FrozenModel):
    """One metric on one case.

    Attributes:
        outcome: `correct` for a value of 1 or more, `incorrect` below, `error` where there is no score.
        value: the score; None where there is none.
        candidate_id: the scored candidate's id.
        error_category: why there is no score; `no_answer` also beside the score that an answer with nothing to score
            counts.
        error_message: the same in words.
        details: what the metric added.
    """

    case_id: str
    dataset_id: str
    case_key: str
    metric_id: str
    outcome: Literal["correct", "incorrect", "error"]
    value: float | None
    candidate_id: str | None
    error_category: str | None
    error_message: str | None
    details: dict[str, JSONValue] = Field(default_factory=dict)


class BenchmarkResult(FrozenModel):
    """A run's scores.

    Attributes:
        metric_means: over the cases that have a score.
        metrics: the same with what stands beside a mean: how many cases it is of, and what is not in it.
    """

    run_id: str
    dataset_ids: list[str]
    metric_ids: list[str]
    total_cases: int
    completed_cases: int
    failed_cases: int
    metric_means: dict[str, float]
    metrics: dict[str, MetricSummary] = Field(default_factory=dict)
    outcome_counts: dict[str, int]
    error_counts: dict[str, int]
    score_rows: list[BenchmarkScoreRow]
