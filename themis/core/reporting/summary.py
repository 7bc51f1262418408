"""What a run comes to, for the reports that sum it up."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from themis.core.inspection import get_run_snapshot
from themis.core.read_models import BenchmarkScoreRow
from themis.core.results import RunResult
from themis.core.snapshot import RunSnapshot
from themis.core.statistics.score_tally import MetricSummary, ScoreTally, figures
from themis.core.stores import RunStore, projections

FAILURES_SHOWN = 50
"""A summary in Markdown lists so many failures; the other reports have them all."""

FIGURES = ("mean", "95 % interval", "scored", "total", "correct", "no answer", "unscored", "low", "high")
"""What is said of each metric."""


@dataclass(slots=True)
class RunSummary:
    """The metrics of a run, and of all its score rows, in one pass, what they came to.

    Attributes:
        result: how the run ended, or how far it is.
        snapshot: what it is.
        metrics: what each comes to.
        outcomes: how many rows of a metric have an outcome.
        errors: how many rows have a category of failure.
        failures: the first rows without a score.
    """

    result: RunResult
    snapshot: RunSnapshot
    metrics: Mapping[str, MetricSummary]
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    failures: list[BenchmarkScoreRow] = field(default_factory=list)

    @classmethod
    def of(cls, store: RunStore, run_id: str) -> "RunSummary":
        """The summary of a stored run.

        Raises:
            UnknownRunError: the run is not in this store.
        """
        result = projections.run_result(store, run_id)
        snapshot = get_run_snapshot(store, run_id)
        none = ScoreTally().summary(snapshot.total_cases)
        summary = cls(
            result, snapshot, {metric_id: result.metrics.get(metric_id, none) for metric_id in snapshot.metric_ids}
        )
        for row in projections.score_rows(store, snapshot):
            summary.add(row)
        return summary

    def add(self, row: BenchmarkScoreRow) -> None:
        """Count a score row."""
        self.outcomes[row.metric_id, row.outcome] += 1
        if row.outcome == "error":
            self.errors[row.error_category or "unknown"] += 1
            if len(self.failures) < FAILURES_SHOWN:
                self.failures.append(row)

    def table(self) -> Iterator[tuple[str, dict[str, str]]]:
        """For each metric its figures as texts, by what they are called, with how many cases were correct."""
        for name, metric in self.metrics.items():
            yield name, {"correct": f"{self.outcomes[name, 'correct']:,}", **figures(metric)}
