"""Confidence intervals of a mean at 95 %, from counts and moments alone, without a statistics library."""

import math
from functools import lru_cache

Z = 1.959963984540054
"""The quantile of the normal distribution at 0.975."""

_INSIDE = 0.95
_EXACT_UP_TO = 40
_HALVINGS = 60


def wilson(successes: float, trials: int) -> tuple[float, float]:
    """Return the Wilson score interval of a share, for values that are 0 or 1.

    Of values between these, with `successes` as their sum, it is too wide: none vary as much as 0 and 1 do.

    Source: Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", JASA 22 (1927).
    """
    share, z2 = successes / trials, Z * Z
    centre = share + z2 / (2 * trials)
    half = Z * math.sqrt(share * (1 - share) / trials + z2 / (4 * trials * trials))
    scale = 1 + z2 / trials
    low = 0.0 if successes == 0 else (centre - half) / scale
    high = 1.0 if successes == trials else (centre + half) / scale
    return low, high


@lru_cache(maxsize=256)
def student_quantile(freedom: int) -> float:
    """Return the quantile of Student's t at 0.975, for a whole number of degrees of freedom from 1.

    Up to 40 it is solved from the distribution's closed form, a sum with as many terms; beyond, it is the normal
    quantile with four corrections, whose error is below 1e-7 there.

    Source: Abramowitz and Stegun, "Handbook of Mathematical Functions" (1964), 26.7.3, 26.7.4 and 26.7.5.
    """
    if freedom > _EXACT_UP_TO:
        return _expanded(freedom)
    low, high = 0.0, math.pi / 2
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if _inside(middle, freedom) < _INSIDE:
            low = middle
        else:
            high = middle
    return math.sqrt(freedom) * math.tan((low + high) / 2)


def _inside(angle: float, freedom: int) -> float:
    """Return the probability of |t| <= sqrt(freedom) * tan(angle)."""
    sine, cosine = math.sin(angle), math.cos(angle)
    odd = freedom % 2
    term, total = (cosine if odd else 1.0), 0.0
    for number in range(freedom // 2):
        total += term
        step = 2 * number + 1 + odd
        term *= step / (step + 1) * cosine * cosine
    return 2 / math.pi * (angle + sine * total) if odd else sine * total


def _expanded(freedom: int) -> float:
    x = Z
    corrections = (
        (x**3 + x) / 4,
        (5 * x**5 + 16 * x**3 + 3 * x) / 96,
        (3 * x**7 + 19 * x**5 + 17 * x**3 - 15 * x) / 384,
        (79 * x**9 + 776 * x**7 + 1482 * x**5 - 1920 * x**3 - 945 * x) / 92160,
    )
    return x + math.fsum(value / freedom**power for power, value in enumerate(corrections, 1))
