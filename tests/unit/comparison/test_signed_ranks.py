"""Wilcoxon's signed-rank test, against scipy's: exact, with ties, and by the normal distribution."""

import numpy as np
import pytest
from scipy import stats

from themis.core.comparison.signed_ranks import signed_rank_p_value

COUNTS = (1, 2, 5, 8, 12, 13, 14, 30, 49, 50, 51, 52, 400, 5_000)
"""On both sides of where the distribution is no longer exact: 13 with ties, 50 without."""
TIES = {"no ties": None, "few ties": 1, "many ties": 0}
"""Decimal places to which differences are rounded."""
SCIPY_IS_SLOW = {12, 13}
"""With ties it tries all signs of so many differences."""


@pytest.mark.few(10)
@pytest.mark.parametrize(
    ("count", "places"),
    [
        pytest.param(
            count,
            places,
            id=f"{count}-{ties}",
            marks=[pytest.mark.slow] if count in SCIPY_IS_SLOW and places is not None else [],
        )
        for count in COUNTS
        for ties, places in TIES.items()
    ],
)
def test_it_gives_the_number_of_scipys_test(count: int, places: int | None) -> None:
    chance = np.random.default_rng(count)
    for mean in (-0.4, 0.0, 0.1, 0.7):
        differences = chance.normal(mean, 1, count)
        if places is not None:
            differences = np.round(differences * 3, places) / 3
            differences[differences == 0] = 1.0
        expected = stats.wilcoxon(differences, correction=True).pvalue
        assert signed_rank_p_value(differences) == pytest.approx(expected, rel=1e-12, abs=1e-300)


@pytest.mark.parametrize("count", [1, pytest.param(13, marks=pytest.mark.slow), 50, 51, 1_000])
def test_differences_that_are_all_alike_and_on_one_side_are_the_least_likely(count: int) -> None:
    found = signed_rank_p_value(np.ones(count))
    assert found == pytest.approx(stats.wilcoxon(np.ones(count), correction=True).pvalue, rel=1e-12)
    assert found == signed_rank_p_value(-np.ones(count))


def test_the_smallest_p_value_of_five_is_two_of_thirty_two() -> None:
    assert signed_rank_p_value(np.arange(1.0, 6.0)) == 0.0625


def test_ranks_that_are_balanced_have_a_p_value_of_one() -> None:
    assert signed_rank_p_value(np.array([1.0, -1.0])) == 1.0
    assert signed_rank_p_value(np.repeat([1.0, -1.0], 300)) == 1.0
