"""Paired comparison of two runs in one metric: what their scores of the same cases differ by."""

import math
from collections.abc import Mapping, Sequence

from themis.core.comparison import significance
from themis.core.comparison.clusters import clustered_standard_error, standard_error
from themis.core.comparison.difference import PairedDifference
from themis.core.comparison.libraries import NDArray, np
from themis.core.comparison.power import detectable_difference
from themis.core.comparison.scores import RunScores
from themis.core.statistics.intervals import Z, student_quantile

RESAMPLES = 10_000
"""Random assignments of signs in the permutation test."""

SEED = 20_260_101
"""Seed of resamples, so that a comparison gives the same figures each time."""


def paired_difference(
    baseline: RunScores, candidate: RunScores, metric_id: str, clusters: Mapping[str, str] | None = None
) -> PairedDifference:
    """Return the comparison of two runs in a metric; cases with a score in only one of them are left out.

    Args:
        baseline: the run to compare with.
        candidate: the run to judge.
        metric_id: a metric of both.
        clusters: name of each case's cluster by its key, for cases that are not independent.
    """
    keys, before, after = _in_pairs(baseline.scored(metric_id), candidate.scored(metric_id))
    if not keys:
        return PairedDifference(pairs=0, wins=0, losses=0, ties=0)
    differences = after - before
    wins, losses = int((differences > 0).sum()), int((differences < 0).sum())
    numbers = None if clusters is None else _cluster_numbers(keys, clusters)
    is_binary = bool(np.isin(before, (0.0, 1.0)).all() and np.isin(after, (0.0, 1.0)).all())
    error = standard_error(differences) if numbers is None else clustered_standard_error(differences, numbers)
    p_values = {
        "sign": significance.sign(differences),
        "wilcoxon": significance.wilcoxon(differences),
        "permutation": significance.permutation(differences, resamples=RESAMPLES, seed=SEED),
    }
    if is_binary:
        p_values["mcnemar"] = significance.mcnemar(wins, losses)
    test = "mcnemar" if is_binary else "permutation"
    if numbers is not None:
        test = "clustered t"
        p_values[test] = significance.student(float(differences.mean()), error, len(np.unique(numbers)) - 1)
    lower, upper = _interval(differences, error, wins, losses, numbers, is_binary=is_binary)
    return PairedDifference(
        pairs=len(keys),
        wins=wins,
        losses=losses,
        ties=len(keys) - wins - losses,
        baseline_mean=float(before.mean()),
        candidate_mean=float(after.mean()),
        mean_delta=float(differences.mean()),
        standard_error=error,
        ci_lower=lower,
        ci_upper=upper,
        clusters=None if numbers is None else len(np.unique(numbers)),
        test=test,
        p_value=p_values[test],
        p_values=p_values,
        detectable_difference=None if error is None else detectable_difference(1, error * error),
    )


def _in_pairs(
    baseline: Mapping[str, float], candidate: Mapping[str, float]
) -> tuple[Sequence[str], NDArray[np.float64], NDArray[np.float64]]:
    is_complete = baseline.keys() <= candidate.keys()
    keys = list(baseline) if is_complete else [key for key in baseline if key in candidate]
    before = np.fromiter(map(baseline.__getitem__, keys), dtype=np.float64, count=len(keys))
    after = np.fromiter(map(candidate.__getitem__, keys), dtype=np.float64, count=len(keys))
    return keys, before, after


def _cluster_numbers(keys: Sequence[str], clusters: Mapping[str, str]) -> NDArray[np.intp]:
    """The number of each case's cluster; a case without a cluster is one of its own."""
    numbers: dict[object, int] = {}
    names = (clusters.get(key, (key,)) for key in keys)
    return np.fromiter((numbers.setdefault(name, len(numbers)) for name in names), dtype=np.intp, count=len(keys))


def _interval(
    differences: NDArray[np.float64],
    error: float | None,
    wins: int,
    losses: int,
    clusters: NDArray[np.intp] | None,
    *,
    is_binary: bool,
) -> tuple[float | None, float | None]:
    if error is None:
        return None, None
    if is_binary and clusters is None:
        return adjusted_wald(wins, losses, len(differences))
    mean, freedom = float(differences.mean()), len(differences) if clusters is None else len(np.unique(clusters))
    half = student_quantile(freedom - 1) * error
    return mean - half, mean + half


def adjusted_wald(wins: int, losses: int, pairs: int) -> tuple[float, float]:
    """Return the 95 % interval of the difference of two shares of the same cases.

    Source: Bonett and Price, "Adjusted Wald confidence interval for a difference of binomial proportions based on
    paired data", Journal of Educational and Behavioral Statistics 37 (2012).
    """
    won, lost = (wins + 1) / (pairs + 2), (losses + 1) / (pairs + 2)
    half = Z * math.sqrt((won + lost - (won - lost) ** 2) / (pairs + 2))
    return max(won - lost - half, -1.0), min(won - lost + half, 1.0)
