"""Confidence interval of Cohen's kappa at 95 %."""

import math
from collections import Counter
from collections.abc import Hashable, Sequence

from themis.core.statistics.intervals import Z


def kappa_interval(first: Sequence[Hashable], second: Sequence[Hashable]) -> tuple[float, float] | None:
    """Return the interval of Cohen's kappa of two raters' labels of the same items, in order, inside [-1, 1].

    It is kappa plus and minus 1.96 of its large-sample standard error. None where there is no kappa, and where the
    error comes to 0: two raters who agree on every one of a few items may still differ on the next one.

    Source: Fleiss, Cohen and Everitt, "Large Sample Standard Errors of Kappa and Weighted Kappa", Psychological
    Bulletin 72 (1969), formula 13.
    """
    items = len(first)
    table = Counter(zip(first, second, strict=True))
    ours = {label: count / items for label, count in Counter(first).items()}
    theirs = {label: count / items for label, count in Counter(second).items()}
    expected = math.fsum(share * theirs.get(label, 0.0) for label, share in ours.items())
    if not items or expected == 1:
        return None
    observed = sum(count for (one, other), count in table.items() if one == other) / items
    on_diagonal = math.fsum(
        count / items * ((1 - expected) - (ours[one] + theirs[one]) * (1 - observed)) ** 2
        for (one, other), count in table.items()
        if one == other
    )
    beside = (1 - observed) ** 2 * math.fsum(
        count / items * (theirs.get(one, 0.0) + ours.get(other, 0.0)) ** 2
        for (one, other), count in table.items()
        if one != other
    )
    variance = on_diagonal + beside - (observed * expected - 2 * expected + observed) ** 2
    if observed == 1 or variance <= 0:
        return None
    kappa = (observed - expected) / (1 - expected)
    half = Z * math.sqrt(variance / items) / (1 - expected) ** 2
    return max(kappa - half, -1.0), min(kappa + half, 1.0)
