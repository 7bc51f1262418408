"""Standard errors of a mean whose cases come in clusters, as several questions about one text do."""

import math

from themis.core.comparison.libraries import NDArray, np


def standard_error(values: NDArray[np.float64]) -> float | None:
    """Return the standard error of the mean of independent cases; None for fewer than two."""
    count = len(values)
    return None if count < 2 else float(values.std(ddof=1)) / math.sqrt(count)  # noqa: PLR2004  # n - 1


def clustered_standard_error(values: NDArray[np.float64], clusters: NDArray[np.intp]) -> float | None:
    """Return the standard error of the mean of cases that depend on each other within a cluster; None for one cluster.

    The residuals of a cluster are added up before they are squared. The sum over G clusters is multiplied by
    G / (G - 1), without which few clusters would seem too certain.

    Args:
        values: one per case.
        clusters: number of each case's cluster, from 0.

    Source: Miller, "Adding Error Bars to Evals" (2024), 2.2; Cameron and Miller, "A Practitioner's Guide to
    Cluster-Robust Inference" (2015), II.A, for the factor.
    """
    sums = np.bincount(clusters, weights=values - values.mean())
    number = len(np.unique(clusters))
    if number < 2:  # noqa: PLR2004  # one cluster says nothing of how clusters differ
        return None
    return math.sqrt(float(sums @ sums) * number / (number - 1)) / len(values)
