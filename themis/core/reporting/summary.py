"""Summary of a run, for the reports that show one."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from themis.core.calibration import stored as calibrations
from themis.core.cost.run_cost import RunCost
from themis.core.inspection import get_run_snapshot
from themis.core.read_models import BenchmarkScoreRow
from themis.core.reporting.costs import read_cost
from themis.core.reporting.score_edits import EDITED_FIGURES, RunEdits
from themis.core.results import RunResult
from themis.core.snapshot import RunSnapshot
from themis.core.statistics.score_tally import MetricSummary, ScoreTally, figures
from themis.core.stores import RunStore, projections
from themis.core.stores.stored_cases import iter_cases

FAILURES_SHOWN = 50
"""Number of failures listed in a Markdown summary; the other reports have them all."""

FIGURES = ("mean", "95 % interval", "scored", "total", "correct", "no answer", "unscored", "low", "high")
"""Figures shown for each metric."""

CALIBRATION = "judge"
"""The column that says how far judges are known to agree with people; only of runs with judged metrics."""


@dataclass(slots=True)
class RunSummary:
    """The metrics of a run, and the counts of all its score rows, collected in one pass.

    Attributes:
        result: the run's result, complete or partial.
        snapshot: the run's snapshot.
        metrics: the summary of each metric.
        outcomes: number of rows by metric and outcome.
        errors: number of rows by category of failure; those of single candidates only where their case has a score.
        failures: the first rows without a score.
        served_models: number of cases by the model that answered, as its provider names it.
        cost: what it has cost; None when it has asked no model.
        calibrations: how far the judges of each judged metric are known to agree with people.
        edits: the edits of its scores, which are in no other attribute.
    """

    result: RunResult
    snapshot: RunSnapshot
    metrics: Mapping[str, MetricSummary]
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    failures: list[BenchmarkScoreRow] = field(default_factory=list)
    served_models: Counter[str] = field(default_factory=Counter)
    cost: RunCost | None = None
    calibrations: Mapping[str, str] = field(default_factory=dict)
    edits: RunEdits = field(default_factory=RunEdits)

    @classmethod
    def of(cls, store: RunStore, run_id: str) -> "RunSummary":
        """Return the summary of a stored run.

        Raises:
            UnknownRunError: the run is not in this store.
        """
        result = projections.run_result(store, run_id)
        snapshot = get_run_snapshot(store, run_id)
        none = ScoreTally().summary(snapshot.total_cases)
        summary = cls(
            result, snapshot, {metric_id: result.metrics.get(metric_id, none) for metric_id in snapshot.metric_ids}
        )
        summary.cost = read_cost(store, run_id)
        summary.calibrations = calibrations.notes(store, snapshot)
        summary.edits = RunEdits.read(store, snapshot)
        for case in iter_cases(store, snapshot):
            summary.served_models.update(case.served_models())
            unscored = set()
            for row in projections.rows_of(case):
                summary.add(row)
                unscored |= {row.metric_id} if row.outcome == "error" else set()
            for row in projections.sample_rows_of(case):
                if row.outcome == "error" and row.metric_id not in unscored:
                    summary.add_failure(row)
        return summary

    def add(self, row: BenchmarkScoreRow) -> None:
        """Count a score row of a case."""
        self.outcomes[row.metric_id, row.outcome] += 1
        if row.outcome == "error":
            self.add_failure(row)

    def add_failure(self, row: BenchmarkScoreRow) -> None:
        """Count a row without a score, of a case or of a single candidate."""
        self.errors[row.error_category or "unknown"] += 1
        if len(self.failures) < FAILURES_SHOWN:
            self.failures.append(row)

    def table(self) -> Iterator[tuple[str, dict[str, str]]]:
        """Yield each metric with its figures as texts by name, including the number of correct cases."""
        for name, metric in self.metrics.items():
            judged = {CALIBRATION: self.calibrations.get(name, "")} if self.calibrations else {}
            correct = {"correct": f"{self.outcomes[name, 'correct']:,}"}
            yield name, {**correct, **figures(metric), **self.edits.figures(name), **judged}

    @property
    def figures(self) -> tuple[str, ...]:
        """The names of the figures in `table`, in the order in which they are shown."""
        edited = EDITED_FIGURES if self.edits.metrics else ()
        return (*FIGURES, *edited, *((CALIBRATION,) if self.calibrations else ()))
