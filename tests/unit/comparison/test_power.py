"""Power: how many cases show a difference, and the smallest difference that so many show."""

import pytest

from themis.core.comparison.power import INDEPENDENT, cases_needed, detectable_difference


def test_cases_for_a_difference_are_those_of_the_textbook() -> None:
    # The quantiles are 1.959964 and 0.841621.
    assert cases_needed(0.02, INDEPENDENT) == 9_812
    assert cases_needed(0.5, 1.0) == 32  # Cohen: d = 0.5, 80 %


@pytest.mark.parametrize("cases", [10, 1_000, 100_000])
def test_the_two_are_each_others_inverse(cases: int) -> None:
    difference = detectable_difference(cases, 0.3)
    assert difference is not None
    assert cases_needed(difference * (1 + 1e-12), 0.3) == cases


def test_no_cases_show_nothing() -> None:
    assert detectable_difference(0, 0.3) is None
