"""The binomial distribution of fair coins, against exact fractions."""

import math
from fractions import Fraction
from itertools import accumulate

import pytest

from themis.core.comparison.binomial import probability, two_sided_p_value

COUNTS = (1, 2, 15, 16, 31, 32, 100, 601, 2_000)


@pytest.mark.parametrize("count", COUNTS)
def test_probabilities_are_those_of_exact_fractions(count: int) -> None:
    for heads in range(0, count + 1, max(1, count // 40)):
        exact = float(Fraction(math.comb(count, heads), 2**count))
        assert probability(heads, count - heads) == pytest.approx(exact, rel=1e-12)


@pytest.mark.parametrize("count", COUNTS)
def test_p_values_are_those_of_exact_fractions_and_the_same_from_both_sides(count: int) -> None:
    ways = list(accumulate(math.comb(count, heads) for heads in range((count + 1) // 2)))
    for fewer in range(0, len(ways), max(1, count // 40)):
        tail = Fraction(ways[fewer], 2**count)
        found = two_sided_p_value(fewer, count - fewer)
        assert found == pytest.approx(float(min(Fraction(1), 2 * tail)), rel=1e-12)
        assert found == two_sided_p_value(count - fewer, fewer)


def test_what_is_beyond_all_floats_is_0_and_what_is_even_is_1() -> None:
    assert two_sided_p_value(0, 5_000) == 0.0
    assert two_sided_p_value(0, 0) == two_sided_p_value(1_000_000, 1_000_000) == 1.0
