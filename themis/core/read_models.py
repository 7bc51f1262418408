"""The scores of a run as a table."""

from typing import Annotated, Any, Literal

from pydantic import Field, PlainSerializer

from themis.core.base import FrozenModel, JSONValue
from themis.core.statistics.score_tally import MetricSummary


def _documents(metrics: dict[str, MetricSummary]) -> dict[str, dict[str, Any]]:
    return {metric_id: found.document() for metric_id, found in metrics.items()}


class BenchmarkScoreRow(FrozenModel):
    """One metric on one case.

    Attributes:
        dataset_id, case_key: identify the case when several datasets use its id.
        outcome: `correct` for a value of 1 or more, `incorrect` below, `error` when there is no score.
        value: the score; None when there is none.
        candidate_id: the scored candidate's id.
        error_category: why there is no score; beside a score `no_answer` when the answer has nothing to score, else
            `truncated`, `refused` or `empty` when it did not end by itself.
        error_message: the same as text.
        details: facts that the metric added.
        candidate_index: for the score of a single candidate, its index; None for the score of the reduced one.
        calibration: in reports, how far judges are known to agree with people; None for a metric that asks no judge.
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
    candidate_index: int | None = Field(default=None, exclude_if=lambda value: value is None)
    calibration: str | None = Field(default=None, exclude_if=lambda value: value is None)


class EditedScoreRow(BenchmarkScoreRow):
    """Such a row, in reports, whose score somebody has edited; the other fields are as they were measured.

    Attributes:
        edited_value: the score as it was edited; None when the case is left out.
        edited_by: the person.
        edited_why: the reason.
        edited_at: the time, ISO 8601 in UTC.
    """

    edited_value: float | None
    edited_by: str
    edited_why: str
    edited_at: str


class BenchmarkResult(FrozenModel):
    """A run's scores.

    Attributes:
        metric_means: over the cases that have a score.
        outcome_counts, error_counts: number of rows by outcome and category, without those of single candidates.
        metrics: the same with the details of a mean: its number of cases, and the cases that are not in it.
    """

    run_id: str
    dataset_ids: list[str] = Field(default_factory=list)
    metric_ids: list[str] = Field(default_factory=list)
    total_cases: int = 0
    completed_cases: int = 0
    failed_cases: int = 0
    metric_means: dict[str, float] = Field(default_factory=dict)
    metrics: Annotated[dict[str, MetricSummary], PlainSerializer(_documents)] = Field(default_factory=dict)
    outcome_counts: dict[str, int] = Field(default_factory=dict)
    error_counts: dict[str, int] = Field(default_factory=dict)
    score_rows: list[BenchmarkScoreRow] = Field(default_factory=list)
