"""The interval of Cohen's kappa, by a published table, by the delta method and by simulation."""

import itertools
import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from themis.core.statistics.agreement import cohens_kappa
from themis.core.statistics.intervals import Z
from themis.core.statistics.kappa_interval import kappa_interval


def raters(table: list[list[int]]) -> tuple[list[int], list[int]]:
    """The labels of two raters of whom a table counts how often the first says the row and the second the column."""
    cells = [
        (row, column) for row, counts in enumerate(table) for column, count in enumerate(counts) for _ in range(count)
    ]
    return [row for row, _ in cells], [column for _, column in cells]


def kappa_of(shares: list[list[float]]) -> float:
    rows, columns = map(sum, shares), map(sum, zip(*shares, strict=True))
    expected = math.fsum(row * column for row, column in zip(rows, columns, strict=True))
    observed = math.fsum(row[at] for at, row in enumerate(shares))
    return (observed - expected) / (1 - expected)


def error_by_the_delta_method(table: list[list[int]]) -> float:
    """The standard error by numerical derivatives of kappa after each cell's share."""
    items = sum(map(sum, table))
    shares = [[count / items for count in row] for row in table]
    step = 1e-6
    slopes = {}
    for row, column in itertools.product(range(len(table)), repeat=2):
        ends = []
        for change in (step, -step):
            moved = [list(line) for line in shares]
            moved[row][column] += change
            ends.append(kappa_of(moved))
        slopes[row, column] = (ends[0] - ends[1]) / (2 * step)
    mean = sum(shares[row][column] * slope for (row, column), slope in slopes.items())
    square = sum(shares[row][column] * slope**2 for (row, column), slope in slopes.items())
    return math.sqrt((square - mean**2) / items)


def test_the_interval_of_a_published_table_of_two_diagnoses() -> None:
    """Of Fleiss, "Statistical Methods for Rates and Proportions", section 13.1: kappa 0.68, standard error 0.087."""
    first, second = raters([[75, 1, 4], [5, 4, 1], [0, 0, 10]])
    found, interval = cohens_kappa(first, second), kappa_interval(first, second)
    assert found is not None
    assert found.kappa == pytest.approx(0.676, abs=5e-4)
    assert interval is not None
    assert (interval[1] - interval[0]) / (2 * Z) == pytest.approx(0.0877, abs=5e-5)
    assert sum(interval) / 2 == pytest.approx(found.kappa)


@given(st.lists(st.lists(st.integers(1, 40), min_size=3, max_size=3), min_size=3, max_size=3))
def test_the_error_is_that_of_the_delta_method(table: list[list[int]]) -> None:
    interval = kappa_interval(*raters(table))
    assert interval is not None
    half = Z * error_by_the_delta_method(table)
    centre = kappa_of([[count / sum(map(sum, table)) for count in row] for row in table])
    assert interval[0] == pytest.approx(max(centre - half, -1), abs=1e-5)
    assert interval[1] == pytest.approx(min(centre + half, 1), abs=1e-5)


def test_there_is_no_interval_without_kappa_and_none_without_a_width() -> None:
    assert kappa_interval([], []) is None
    assert kappa_interval(["yes"] * 5, ["yes"] * 5) is None
    assert kappa_interval(["yes", "no"] * 5, ["yes", "no"] * 5) is None


def test_nineteen_of_twenty_intervals_hold_the_true_kappa() -> None:
    """Two raters who differ from the truth in 15 % of cases each: kappa is 1 - 4 * 0.15 * 0.85 = 0.49."""
    rng, hits, trials = random.Random(11), 0, 600
    for _ in range(trials):
        truth = [rng.random() < 0.5 for _ in range(80)]
        one, other = ([flag ^ (rng.random() < 0.15) for flag in truth] for _ in range(2))
        interval = kappa_interval(one, other)
        assert interval is not None
        hits += interval[0] <= 0.49 <= interval[1]
    assert 0.92 <= hits / trials <= 0.98
