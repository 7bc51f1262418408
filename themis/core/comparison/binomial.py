"""Tails of the binomial distribution with a probability of 1/2, to twelve digits, without the import of scipy."""

import math

_SMALL = 15
_NEGLIGIBLE = 1e-17
_STIRLING = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680)


def two_sided_p_value(first: int, second: int) -> float:
    """Return the probability that `first + second` fair coins fall at least as unevenly; 1 without any."""
    fewer, more = sorted((first, second))
    if fewer == more:
        return 1.0
    # Each summand of the tail is the one above it times a ratio that falls from below 1 on.
    summand = tail = 1.0
    for left in range(fewer, 0, -1):
        summand *= left / (fewer + more + 1 - left)
        tail += summand
        if summand < _NEGLIGIBLE * tail:
            break
    return min(1.0, 2 * probability(fewer, more) * tail)


def probability(heads: int, tails: int) -> float:
    """Return the probability of so many heads and tails.

    The factorials are so large that their logarithms leave few digits of the difference; what stands here is only what
    is left of it.

    Source: Loader, "Fast and Accurate Computation of Binomial Probabilities" (2000).
    """
    count = heads + tails
    if min(heads, tails) == 0:
        return math.ldexp(1.0, -count)
    errors = _stirling_error(count) - _stirling_error(heads) - _stirling_error(tails)
    uneven = _deviance(heads, count / 2) + _deviance(tails, count / 2)
    return math.exp(errors - uneven) * math.sqrt(count / (2 * math.pi * heads * tails))


def _stirling_error(number: int) -> float:
    """Return the logarithm of a factorial without that of Stirling's formula."""
    if number <= _SMALL:
        formula = (number + 0.5) * math.log(number) - number + 0.5 * math.log(2 * math.pi)
        return math.log(math.factorial(number)) - formula
    return math.fsum(factor / number ** (2 * place + 1) for place, factor in enumerate(_STIRLING))


def _deviance(found: int, expected: float) -> float:
    """Return `found * log(found / expected) + expected - found`, exact also where both are nearly equal."""
    away = (found - expected) / expected
    return expected * ((1 + away) * math.log1p(away) - away)
