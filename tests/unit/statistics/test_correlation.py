"""Correlations and their intervals, by published values, by another library and by simulation."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from themis.core.statistics.correlation import point_biserial, spearman

IQ = [106, 100, 86, 101, 99, 103, 97, 113, 112, 110]
HOURS = [7, 27, 2, 50, 28, 29, 20, 12, 6, 17]
"""The example of many textbooks: a rank correlation of -29 / 165."""

PAIRS = st.lists(st.tuples(st.booleans(), st.integers(0, 30)), min_size=4, max_size=40).filter(
    lambda pairs: len({one for one, _ in pairs}) > 1 and len({other for _, other in pairs}) > 1
)


def test_the_rank_correlation_of_a_published_example() -> None:
    found = spearman(IQ, HOURS)
    assert found is not None
    assert found.value == pytest.approx(-29 / 165)
    assert found.interval is not None
    half = 1.959964 * math.sqrt((1 + (29 / 165) ** 2 / 2) / 7)
    assert found.interval == pytest.approx(
        (math.tanh(math.atanh(-29 / 165) - half), math.tanh(math.atanh(-29 / 165) + half))
    )


def test_the_correlation_of_truth_values_by_hand() -> None:
    """True for 1 and 3, false for 5 and 7: means 2 and 6, deviation sqrt(5), so that r = -4 / sqrt(5) * 0.5."""
    found = point_biserial([True, True, False, False], [1, 3, 5, 7])
    assert found is not None
    assert found.value == pytest.approx(-2 / math.sqrt(5))


@given(PAIRS)
@pytest.mark.not_smoke
def test_both_are_those_of_scipy_with_ties_too(pairs: list[tuple[bool, int]]) -> None:
    flags, values = [one for one, _ in pairs], [float(other) for _, other in pairs]
    linear, ranked = point_biserial(flags, values), spearman([float(flag) for flag in flags], values)
    assert linear is not None
    assert ranked is not None
    assert linear.value == pytest.approx(stats.pointbiserialr(flags, values).statistic, abs=1e-12)
    assert ranked.value == pytest.approx(stats.spearmanr(flags, values).statistic, abs=1e-12)
    for found in (linear, ranked):
        if found.interval is not None:
            assert -1 <= found.interval[0] <= found.value <= found.interval[1] <= 1


def test_there_is_none_where_nothing_differs_and_no_interval_of_few_pairs_or_of_a_straight_line() -> None:
    assert point_biserial([], []) is None
    assert point_biserial([True, True], [1, 2]) is None
    assert spearman([1, 2, 3], [0.1, 0.1, 0.1]) is None
    few, straight = spearman([1, 2, 3], [1, 3, 2]), spearman([1, 2, 3, 4], [2, 3, 4, 5])
    assert few is not None
    assert straight is not None
    assert (few.interval, straight.value, straight.interval) == (None, 1, None)


@pytest.mark.parametrize("effect", [0.0, 0.8])
def test_nineteen_of_twenty_intervals_hold_the_true_correlation(effect: float) -> None:
    """Lengths of verdicts with equal shares, whose means differ by `effect` deviations: r = d / sqrt(d^2 + 4)."""
    rng, trials, truth = random.Random(3), 600, effect / math.sqrt(effect**2 + 4)
    hits = 0
    for _ in range(trials):
        flags = [rng.random() < 0.5 for _ in range(60)]
        found = point_biserial(flags, [rng.gauss(effect * flag, 1) for flag in flags])
        assert found is not None
        assert found.interval is not None
        hits += found.interval[0] <= truth <= found.interval[1]
    assert 0.92 <= hits / trials <= 0.98


def test_nineteen_of_twenty_intervals_of_ranks_hold_zero_where_lengths_say_nothing() -> None:
    rng, trials, hits = random.Random(5), 600, 0
    for _ in range(trials):
        verdicts = [float(rng.randrange(3)) for _ in range(50)]
        found = spearman(verdicts, [rng.lognormvariate(5, 1) for _ in verdicts])
        assert found is not None
        assert found.interval is not None
        hits += found.interval[0] <= 0 <= found.interval[1]
    assert 0.92 <= hits / trials <= 0.98
