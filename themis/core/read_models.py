"""The scores of a run as a table."""

from typing import Literal

from pydantic import Field

from themis.core.base import FrozenModel, JSONValue
from themis.core.statistics.score_tally import MetricSummary


class BenchmarkScoreRow(FrozenModel):
    """One metric on one case.

    Attributes:
        dataset_id, case_key: which case it is, where several datasets may have one of that id.
        outcome: `correct` for a value of 1 or more, `incorrect` below, `error` where there is no score.
        value: the score; None where there is none.
        candidate_id: the scored candidate's id.
        error_category: why there is no score; `no_answer` also beside the score that an answer with nothing to score
            counts.
        error_message: the same in words.
        details: what the metric added.
    """

    case_id: str
    dataset_id: str | None = None
    case_key: str | None = None
    metric_id: str
    outcome: Literal["correct", "incorrect", "error"] = "incorrect"
    value: float | None = None
    candidate_id: str | None = None
    error_category: str | None = None
    error_message: str | None = None
    details: dict[str, JSONValue] = Field(default_factory=dict)


class BenchmarkResult(FrozenModel):
    """A run's scores.

    Attributes:
        metric_means: over the cases that have a score.
        metrics: the same with what stands beside a mean: how many cases it is of, and what is not in it.
    """

    run_id: str
    dataset_ids: list[str] = Field(default_factory=list)
    metric_ids: list[str] = Field(default_factory=list)
    total_cases: int = 0
    completed_cases: int = 0
    failed_cases: int = 0
    metric_means: dict[str, float] = Field(default_factory=dict)
    metrics: dict[str, MetricSummary] = Field(default_factory=dict)
    outcome_counts: dict[str, int] = Field(default_factory=dict)
    error_counts: dict[str, int] = Field(default_factory=dict)
    score_rows: list[BenchmarkScoreRow] = Field(default_factory=list)
