"""Wilcoxon's signed-rank test: exact for few differences, by the normal distribution for many.

scipy.stats has the same test; importing that takes about as long as comparing two runs of 100,000 cases.
"""

import math

from themis.core.comparison.libraries import NDArray, np

_EXACT_UP_TO = 50
_EXACT_WITH_TIES_UP_TO = 13
"""Up to so many differences the distribution is exact; in between, tied ones go by the normal one, as in scipy."""


def signed_rank_p_value(differences: NDArray[np.float64]) -> float:
    """Return the two-sided p-value of the sum of the ranks of the differences that are positive.

    The ranks are those of the sizes, tied ones sharing their mean. The normal distribution has a correction for ties,
    and one of 1/2 for continuity.

    Args:
        differences: one per case, at least one, none of them 0.

    Source: Wilcoxon, "Individual comparisons by ranking methods", Biometrics Bulletin 1 (1945); Conover, "Practical
    Nonparametric Statistics" (1999), 5.7, for ties.
    """
    _, places, ties = np.unique(np.abs(differences), return_inverse=True, return_counts=True)
    doubled = (2 * np.cumsum(ties) - ties + 1)[places]  # twice each rank is a whole number, also where it is a mean
    positive = int(doubled[differences > 0].sum())
    count = len(differences)
    if count <= (_EXACT_UP_TO if len(ties) == count else _EXACT_WITH_TIES_UP_TO):
        return _exact(doubled, positive)
    tied = float((ties.astype(np.float64) ** 3 - ties).sum())
    error = math.sqrt((count * (count + 1.0) * (2.0 * count + 1.0) - tied / 2) / 24)
    away = abs(positive / 2 - count * (count + 1.0) / 4)
    return math.erfc(abs(away - (0.5 if away else 0.0)) / error / math.sqrt(2))


def _exact(doubled: NDArray[np.int64], positive: int) -> float:
    """Return the share of all assignments of signs whose sum is as far out on its side, twice."""
    ways = np.zeros(int(doubled.sum()) + 1, dtype=np.int64)  # by the sum of the ranks that are positive
    ways[0] = 1
    for rank in doubled:
        ways[rank:] += ways[:-rank].copy()
    fewer = min(int(ways[: positive + 1].sum()), int(ways[positive:].sum()))
    return min(1.0, math.ldexp(2 * fewer, -len(doubled)))
