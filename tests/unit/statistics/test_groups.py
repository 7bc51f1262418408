"""Means of groups."""

import math

import pytest

from themis.core.statistics.groups import Subtask, group_mean

LARGE, SMALL = Subtask("large", 0.5, 0.05, 100), Subtask("small", 0.9, 0.1, 10)


def test_subtasks_count_alike() -> None:
    found = group_mean([LARGE, SMALL])
    assert found.mean == pytest.approx(0.7)
    assert found.standard_error == pytest.approx(0.0559, abs=5e-5)


def test_or_by_their_size() -> None:
    found = group_mean([LARGE, SMALL], by_size=True)
    assert found.mean == pytest.approx(0.5364, abs=5e-5)
    assert found.standard_error == pytest.approx(((100 * 0.05) ** 2 + (10 * 0.1) ** 2) ** 0.5 / 110)


def test_a_subtask_of_one_case_has_no_error_nor_has_its_group_and_both_say_why() -> None:
    single = Subtask.of("single", [1.0])
    assert (single.mean, single.standard_error, single.cases) == (1.0, None, 1)
    assert single.why_no_error == "one case does not say how cases vary"
    for by_size in (False, True):
        found = group_mean([LARGE, single], by_size=by_size)
        assert found.standard_error is None
        assert found.why_no_error == "no standard error of single (one case does not say how cases vary)"
    assert group_mean([LARGE, single]).mean == 0.75


@pytest.mark.parametrize("error", [0.0, math.nan])
def test_an_error_that_was_computed_from_one_case_does_not_count(error: float) -> None:
    assert group_mean([LARGE, Subtask("single", 1.0, error, 1)]).standard_error is None


@pytest.mark.parametrize("error", [None, math.nan, math.inf])
def test_of_several_cases_an_error_may_be_unknown(error: float | None) -> None:
    found = group_mean([LARGE, Subtask("median", 0.4, error, 12)])
    assert found.standard_error is None
    assert found.why_no_error == "no standard error of median (its standard error is not known)"


def test_scores_give_mean_and_error_of_the_textbook() -> None:
    found = Subtask.of("five", [1.0, 2.0, 3.0, 4.0, 5.0])
    assert (found.mean, found.cases, found.why_no_error) == (3.0, 5, None)
    assert found.standard_error == pytest.approx((2.5 / 5) ** 0.5)
    assert group_mean([found]).standard_error == found.standard_error


def test_scores_that_do_not_vary_have_an_error_of_0() -> None:
    assert Subtask.of("all right", [1.0, 1.0]).standard_error == 0.0
