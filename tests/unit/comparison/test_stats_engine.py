"""StatsEngine: figures of one run and of two, from their tables of scores."""

import pytest

from themis.core.comparison.stats_engine import StatsEngine
from themis.core.read_models import BenchmarkResult, BenchmarkScoreRow


def benchmark(run_id: str, *values: "float | None") -> BenchmarkResult:
    rows = [
        BenchmarkScoreRow(case_id=f"c{no}", case_key=f"4:data:c{no}", metric_id="builtin/exact_match", value=value)
        for no, value in enumerate(values)
    ]
    return BenchmarkResult(
        run_id=run_id,
        metric_ids=["builtin/exact_match"],
        total_cases=len(values),
        completed_cases=len(values) - 1,
        failed_cases=1,
        score_rows=rows,
    )


def test_aggregate_gives_mean_and_wilsons_interval_of_what_is_scored() -> None:
    found = StatsEngine().aggregate(benchmark("r", *[1.0] * 10, None))
    assert (found.run_id, found.total_cases, found.completed_cases, found.failed_cases) == ("r", 11, 10, 1)
    metric = found.metrics["builtin/exact_match"]
    assert (metric.count, metric.mean, metric.min, metric.max) == (10, 1.0, 1.0, 1.0)
    assert metric.ci_lower == pytest.approx(0.7225, abs=5e-5)
    assert metric.ci_upper == 1.0
    none_right = StatsEngine().aggregate(benchmark("r", *[0.0] * 10)).metrics["builtin/exact_match"]
    assert none_right.ci_lower == 0.0
    assert none_right.ci_upper == pytest.approx(0.2775, abs=5e-5)


def test_aggregate_of_no_scores_has_no_figures() -> None:
    metric = StatsEngine().aggregate(benchmark("r", None)).metrics["builtin/exact_match"]
    assert metric.model_dump(exclude_none=True) == {"count": 0}


def test_paired_compare_counts_and_tests_what_both_have() -> None:
    found = StatsEngine().paired_compare(
        benchmark("old", 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, None), benchmark("new", 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0)
    )
    assert (found.baseline_run_id, found.candidate_run_id) == ("old", "new")
    metric = found.metrics["builtin/exact_match"]
    assert (metric.pairs, metric.wins, metric.losses, metric.ties) == (6, 5, 0, 1)
    assert metric.mean_delta == pytest.approx(5 / 6)
    assert metric.p_value == 0.0625
    assert metric.ci_lower is not None
    assert metric.ci_upper is not None
    assert 0 < metric.ci_lower < 5 / 6 < metric.ci_upper <= 1
