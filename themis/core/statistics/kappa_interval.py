"""Confidence interval of Cohen's kappa at 95 %."""

from collections.abc import Hashable, Sequence

from themis.core.statistics.agreement import cohens_kappa
from themis.core.statistics.intervals import wilson


def kappa_interval(first: Sequence[Hashable], second: Sequence[Hashable]) -> tuple[float, float] | None:
    """Return the interval of Cohen's kappa of two raters' labels of the same items; None where there is no kappa.

    It is Wilson's interval of the observed agreement, put into kappa's formula in place of it, with the agreement of
    chance as it was found. So it has a width where the raters agree on everything, and it is rather too wide than too
    narrow: of some tens of items with a rare label the usual one, by the large-sample standard error, misses the true
    kappa two to four times too often. `tests/unit/statistics/test_kappa_interval.py` tries both.

    Source: Cohen, "A Coefficient of Agreement for Nominal Scales", Educational and Psychological Measurement 20 (1960),
    for a fixed agreement of chance; Fleiss, Cohen and Everitt, "Large Sample Standard Errors of Kappa and Weighted
    Kappa", Psychological Bulletin 72 (1969), who find it too wide.
    """
    found = cohens_kappa(first, second)
    if found is None or found.kappa is None:
        return None
    agreed = sum(one == other for one, other in zip(first, second, strict=True))
    low, high = ((share - found.expected) / (1 - found.expected) for share in wilson(agreed, len(first)))
    return max(low, -1.0), high
