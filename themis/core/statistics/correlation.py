"""Correlation of paired values, with its confidence interval at 95 %."""

import math
from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

from themis.core.statistics.intervals import Z

_STRAIGHT = 1 - 1e-12
_FEWEST = 4
"""Fewest pairs that have an interval: its width goes by their number less 3."""


class Correlation(NamedTuple):
    """A coefficient of correlation.

    Attributes:
        value: from -1 to 1.
        interval: its interval; None with fewer than four pairs, and for -1 and 1.
    """

    value: float
    interval: tuple[float, float] | None


def point_biserial(flags: Sequence[bool], values: Sequence[float]) -> Correlation | None:
    """Return the correlation of truth values with numbers; None when either are all the same.

    It is Pearson's, with true as 1 and false as 0. The interval is symmetric on Fisher's z, and its error is Tate's:
    (1 - 1.5 r^2 + r^2 / (4 p q)) / (n - 3), with p and q the shares of true and false. It supposes numbers that
    are about normal among the true and among the false; with a few that are far from the others it is too narrow.

    Source: Tate, "Correlation Between a Discrete and a Continuous Variable", Annals of Mathematical Statistics 25
    (1954).
    """
    found = _pearson([float(flag) for flag in flags], values)
    if found is None:
        return None
    share = sum(flags) / len(flags)
    square = found * found
    return Correlation(found, _interval(found, 1 - 1.5 * square + square / (4 * share * (1 - share)), len(flags)))


def spearman(first: Sequence[float], second: Sequence[float]) -> Correlation | None:
    """Return the rank correlation of two series; None when either are all the same. Equal values share their mean rank.

    The interval is symmetric on Fisher's z, with the error (1 + r^2 / 2) / (n - 3).

    Source: Bonett and Wright, "Sample Size Requirements for Estimating Pearson, Kendall and Spearman Correlations",
    Psychometrika 65 (2000).
    """
    found = _pearson(_ranks(first), _ranks(second))
    return None if found is None else Correlation(found, _interval(found, 1 + found * found / 2, len(first)))


def _pearson(first: Sequence[float], second: Sequence[float]) -> float | None:
    ours, theirs = _centred(first), _centred(second)
    scale = math.hypot(*ours) * math.hypot(*theirs)
    together = math.fsum(one * other for one, other in zip(ours, theirs, strict=True))
    if not scale:
        return None
    found = together / scale
    # A straight line comes to 1 but for rounding, and would get an interval next to nothing.
    return math.copysign(1.0, found) if abs(found) > _STRAIGHT else found


def _centred(values: Sequence[float]) -> list[float]:
    if len(set(values)) <= 1:
        return [0.0] * len(values)
    mean = math.fsum(values) / len(values)
    return [value - mean for value in values]


def _ranks(values: Sequence[float]) -> list[float]:
    ranks = [0.0] * len(values)
    before = 0
    for _, tied in groupby(sorted(range(len(values)), key=values.__getitem__), key=values.__getitem__):
        places = list(tied)
        for place in places:
            ranks[place] = before + (len(places) + 1) / 2
        before += len(places)
    return ranks


def _interval(value: float, variance: float, pairs: int) -> tuple[float, float] | None:
    if pairs < _FEWEST or abs(value) == 1:
        return None
    centre, half = math.atanh(value), Z * math.sqrt(variance / (pairs - 3))
    return math.tanh(centre - half), math.tanh(centre + half)
