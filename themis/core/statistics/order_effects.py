"""Effects of order in pairwise judgments: each pair is judged in both orders, and the verdicts are compared."""

from collections.abc import Iterable
from typing import NamedTuple

from themis.core.statistics.agreement import cohens_kappa

Winner = int | None
"""The position of the better candidate in its pair, 0 or 1, whichever was shown first; None for a tie."""


class OrderEffects(NamedTuple):
    """Effects of order over pairs that were judged in both orders.

    Attributes:
        pairs: their number.
        agreement: share of pairs with the same winner in both orders.
        kappa: Cohen's kappa between the winners in one order and in the other; None when all are the same.
        first_shown_share: share of the verdicts without ties that are for the candidate shown first: 0.5 without bias,
            1 for a judge that always takes the first; None when all are ties.
        tie_share: share of verdicts that are ties.
    """

    pairs: int
    agreement: float
    kappa: float | None
    first_shown_share: float | None
    tie_share: float


def order_effects(winners: Iterable[tuple[Winner, Winner]]) -> OrderEffects | None:
    """Return the effects of order; None without pairs.

    Args:
        winners: for each pair the winner with candidate 0 shown first, and with candidate 1 shown first.
    """
    both = list(winners)
    if not both:
        return None
    given, swapped = [pair[0] for pair in both], [pair[1] for pair in both]
    found = cohens_kappa(given, swapped)
    assert found is not None, "there are pairs"  # noqa: S101
    decided = len(both) * 2 - given.count(None) - swapped.count(None)
    for_first = given.count(0) + swapped.count(1)
    return OrderEffects(
        pairs=len(both),
        agreement=found.observed,
        kappa=found.kappa,
        first_shown_share=for_first / decided if decided else None,
        tie_share=1 - decided / (len(both) * 2),
    )
