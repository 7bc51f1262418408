"""Confidence intervals, against values that were published."""

import pytest
from scipy.stats import binomtest

from themis.core.statistics.intervals import student_quantile, wilson

# Percentage points of t as tables print them: two-sided 5 %.
STUDENT = {
    1: 12.7062,
    2: 4.30265,
    3: 3.18245,
    4: 2.77645,
    5: 2.57058,
    7: 2.36462,
    10: 2.22814,
    15: 2.13145,
    24: 2.06390,
    30: 2.04227,
    40: 2.02108,
    60: 2.00030,
    120: 1.97993,
    1_000_000: 1.95997,
}


@pytest.mark.parametrize("freedom", STUDENT)
def test_students_quantile_is_the_one_in_the_tables(freedom: int) -> None:
    assert student_quantile(freedom) == pytest.approx(STUDENT[freedom], abs=6e-5 if freedom == 1 else 6e-6)


def test_the_two_ways_to_students_quantile_meet() -> None:
    steps = [student_quantile(freedom) - student_quantile(freedom + 1) for freedom in range(36, 46)]
    assert steps == sorted(steps, reverse=True)
    assert min(steps) > 0


# Newcombe, "Two-sided confidence intervals for the single proportion", Statistics in Medicine 17 (1998), table I.
WILSON = {(81, 263): (0.2553, 0.3662), (15, 148): (0.0624, 0.1605), (0, 20): (0.0, 0.1611), (1, 29): (0.0061, 0.1718)}


@pytest.mark.parametrize("observed", WILSON)
def test_wilsons_interval_is_the_published_one(observed: tuple[int, int]) -> None:
    assert wilson(*observed) == pytest.approx(WILSON[observed], abs=5e-5)


@pytest.mark.parametrize(("observed", "interval"), [((10, 10), (0.7225, 1.0)), ((0, 10), (0.0, 0.2775))])
def test_all_or_none_of_ten_leave_room_on_one_side_only(
    observed: tuple[int, int], interval: tuple[float, float]
) -> None:
    low, high = wilson(*observed)
    assert (low, high) == pytest.approx(interval, abs=5e-5)
    assert {low, high} & {0.0, 1.0} == {interval[0], interval[1]} & {0.0, 1.0}, "0 and 1 are exact"


@pytest.mark.parametrize("observed", [(10, 10), (0, 10), (1, 1), (0, 1), (3, 10), (81, 263), (999_999, 1_000_000)])
def test_wilsons_interval_is_that_of_scipy(observed: tuple[int, int]) -> None:
    theirs = binomtest(*observed).proportion_ci(method="wilson")
    assert wilson(*observed) == pytest.approx((theirs.low, theirs.high), rel=1e-12, abs=1e-15)


def test_wilsons_interval_is_the_same_from_both_sides_and_never_leaves_0_to_1() -> None:
    for trials in (2, 7, 1_000_000):
        for successes in (0, 1, trials // 2, trials):
            low, high = wilson(successes, trials)
            other_low, other_high = wilson(trials - successes, trials)
            assert 0 <= low <= successes / trials <= high <= 1
            assert (low, high) == pytest.approx((1 - other_high, 1 - other_low))
