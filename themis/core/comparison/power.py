"""Power of a comparison: the smallest difference that so many cases show, and the cases that a difference needs.

Source: Miller, "Adding Error Bars to Evals" (2024), 5; Cohen, "Statistical Power Analysis" (1988).
"""

import math
from statistics import NormalDist

LEVEL = 0.05
"""Share of equal runs between which a difference would be found."""

POWER = 0.8
"""Share of runs that differ in which the difference is found."""

INDEPENDENT = 0.5
"""Variance of the difference of two scores of 0 or 1 that do not depend on each other, at most: each has 1/4."""


def detectable_difference(cases: int, variance: float, *, level: float = LEVEL, power: float = POWER) -> float | None:
    """Return the smallest true difference of means that a test finds with probability `power`; None without cases.

    Args:
        cases: number of pairs.
        variance: of the difference of a pair.
        level: probability of finding a difference where there is none.
        power: probability of finding the difference.
    """
    return None if cases < 1 else _quantiles(level, power) * math.sqrt(variance / cases)


def cases_needed(difference: float, variance: float, *, level: float = LEVEL, power: float = POWER) -> int:
    """Return the number of pairs in which a true `difference` of means is found with probability `power`.

    Args:
        difference: more than 0, in the unit of the scores.
        variance: of the difference of a pair; see `INDEPENDENT`.
        level: probability of finding a difference where there is none.
        power: probability of finding the difference.
    """
    return math.ceil(variance * (_quantiles(level, power) / difference) ** 2)


def _quantiles(level: float, power: float) -> float:
    normal = NormalDist()
    return normal.inv_cdf(1 - level / 2) + normal.inv_cdf(power)
