"""Figures of a run's scores, and of two runs compared, as the models that users read."""

from importlib import import_module

from themis.core.base import FrozenModel
from themis.core.comparison.difference import PairedDifference
from themis.core.comparison.scores import RunScores
from themis.core.read_models import BenchmarkResult
from themis.core.statistics.score_tally import ScoreTally


class MetricAggregate(FrozenModel):
    """A metric over the cases of a run that have a score.

    Attributes:
        count: number of these cases.
        mean, min, max: of their scores; None without any.
        ci_lower, ci_upper: 95 % interval of the mean; None below two.
    """

    count: int
    mean: float | None = None
    min: float | None = None
    max: float | None = None
    ci_lower: float | None = None
    ci_upper: float | None = None


class RunAggregate(FrozenModel):
    """A run's counts of cases, and its metrics by id."""

    run_id: str
    total_cases: int
    completed_cases: int
    failed_cases: int
    metrics: dict[str, MetricAggregate]


class RunComparison(FrozenModel):
    """Two runs compared in the metrics that both have, by id."""

    baseline_run_id: str
    candidate_run_id: str
    metrics: dict[str, PairedDifference]


class StatsEngine:
    """Computes figures from the scores of runs."""

    def aggregate(self, benchmark: BenchmarkResult) -> RunAggregate:
        """Return the mean of each metric of a run with its interval."""
        scores = RunScores.of(benchmark)
        return RunAggregate(
            run_id=benchmark.run_id,
            total_cases=benchmark.total_cases,
            completed_cases=benchmark.completed_cases,
            failed_cases=benchmark.failed_cases,
            metrics={name: _aggregate(list(scores.scored(name).values())) for name in scores.scores},
        )

    def paired_compare(self, baseline: BenchmarkResult, candidate: BenchmarkResult) -> RunComparison:
        """Return the differences of a candidate from a baseline, over the cases that both have a score for.

        Raises:
            MissingExtraError: numpy or scipy is not installed.
        """
        comparing = import_module("themis.core.comparison.comparing")  # it imports numpy and scipy
        found = comparing.compare(RunScores.of(baseline), RunScores.of(candidate))
        return RunComparison(
            baseline_run_id=found.baseline_run_id, candidate_run_id=found.candidate_run_id, metrics=dict(found.metrics)
        )


def _aggregate(scores: list[float]) -> MetricAggregate:
    tally = ScoreTally()
    tally.add(scores)
    summary = tally.summary(len(scores))
    return MetricAggregate(
        count=summary.scored,
        mean=summary.mean,
        min=min(scores, default=None),
        max=max(scores, default=None),
        ci_lower=summary.ci_lower,
        ci_upper=summary.ci_upper,
    )
