"""Means of groups."""

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


def test_a_subtask_of_one_case_leaves_the_group_without_an_error_and_says_why() -> None:
    found = group_mean([LARGE, Subtask("single", 1.0, None, 1)])
    assert (found.mean, found.standard_error) == (0.75, None)
    assert found.why_no_error == "no standard error of single: one case does not say how cases vary"
