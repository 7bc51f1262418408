"""The interval of Cohen's kappa, by hand, beside the usual one, and by simulation."""

import itertools
import math
import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from themis.core.statistics.agreement import cohens_kappa
from themis.core.statistics.intervals import Z
from themis.core.statistics.kappa_interval import kappa_interval

Table = list[list[int]]

DIAGNOSES: Table = [[75, 1, 4], [5, 4, 1], [0, 0, 10]]
"""Of Fleiss, "Statistical Methods for Rates and Proportions", section 13.1: kappa 0.68, standard error 0.087."""


def raters(table: Table) -> tuple[list[int], list[int]]:
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


def large_sample_error(table: Table) -> float:
    """The usual standard error, by numerical derivatives of kappa after the share of each cell (the delta method)."""
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
    mean = math.fsum(shares[row][column] * slope for (row, column), slope in slopes.items())
    square = math.fsum(shares[row][column] * slope**2 for (row, column), slope in slopes.items())
    return math.sqrt(max(square - mean**2, 0) / items)


def test_the_interval_is_that_of_the_agreement_in_kappa_s_formula() -> None:
    """Of 50 items both agree on 35, and would on half by chance: Wilson's interval of 0.7 is 0.5625 to 0.8090."""
    interval = kappa_interval(*raters([[20, 5], [10, 15]]))
    assert interval == pytest.approx(((0.5625 - 0.5) / 0.5, (0.8090 - 0.5) / 0.5), abs=2e-4)


def test_the_interval_of_a_published_table_is_a_little_wider_than_by_its_published_error() -> None:
    assert large_sample_error(DIAGNOSES) == pytest.approx(0.0877, abs=5e-5)
    found, interval = cohens_kappa(*raters(DIAGNOSES)), kappa_interval(*raters(DIAGNOSES))
    assert found is not None
    assert found.kappa == pytest.approx(0.676, abs=5e-4)
    assert found.kappa is not None
    assert interval is not None
    assert interval[0] < found.kappa < interval[1]
    assert 1 < (interval[1] - interval[0]) / (2 * Z * 0.0877) < 1.1


def test_raters_who_agree_on_everything_may_still_differ_on_the_next_item() -> None:
    few, many = (
        kappa_interval(["yes", "no"] * 5, ["yes", "no"] * 5),
        kappa_interval(["yes", "no"] * 500, ["yes", "no"] * 500),
    )
    assert few == pytest.approx((0.4446, 1), abs=5e-4)
    assert many is not None
    assert many[0] > 0.99


def test_there_is_no_interval_without_kappa() -> None:
    assert kappa_interval([], []) is None
    assert kappa_interval(["yes"] * 5, ["yes"] * 5) is None


@given(st.lists(st.lists(st.integers(0, 40), min_size=3, max_size=3), min_size=3, max_size=3))
def test_kappa_is_in_its_interval_and_that_inside_of_what_kappa_can_be(table: Table) -> None:
    first, second = raters(table)
    found, interval = cohens_kappa(first, second), kappa_interval(first, second)
    kappa = None if found is None else found.kappa
    assert (kappa is None) == (interval is None)
    if kappa is not None and interval is not None:
        assert -1 <= interval[0] <= kappa + 1e-12
        assert kappa - 1e-12 <= interval[1] <= 1


def alike(share: float, error: float) -> Callable[[random.Random], tuple[bool, bool]]:
    """Two raters who differ from the truth equally often."""

    def draw(rng: random.Random) -> tuple[bool, bool]:
        truth = rng.random() < share
        return truth ^ (rng.random() < error), truth ^ (rng.random() < error)

    return draw


def lenient(share: float, misses: float, passes: float) -> Callable[[random.Random], tuple[bool, bool]]:
    """People who are right, and a judge who rather passes what is wrong than fails what is right."""

    def draw(rng: random.Random) -> tuple[bool, bool]:
        truth = rng.random() < share
        return truth, rng.random() >= misses if truth else rng.random() < passes

    return draw


RATERS = {
    "even": (alike(0.5, 0.15), 60, 1.0),
    "rare": (alike(0.1, 0.1), 40, 0.94),
    "lenient": (lenient(0.8, 0.05, 0.5), 40, 0.92),
    "mostly right": (lenient(0.9, 0.02, 0.6), 50, 0.88),
}
"""How they rate, how many items, and the most of the intervals by the usual error that hold the true kappa."""


@pytest.mark.parametrize("name", RATERS)
@pytest.mark.slow
def test_nineteen_of_twenty_intervals_hold_the_true_kappa_where_fewer_of_the_usual_ones_do(name: str) -> None:
    draw, items, most_usual = RATERS[name]
    rng = random.Random(11)
    truth = cohens_kappa(*zip(*(draw(rng) for _ in range(100_000)), strict=True))
    assert truth is not None
    assert truth.kappa is not None
    hits, usual_hits, trials = 0, 0, 0
    for _ in range(500):
        first, second = zip(*(draw(rng) for _ in range(items)), strict=True)
        found, interval = cohens_kappa(first, second), kappa_interval(first, second)
        if found is None or found.kappa is None or interval is None:
            continue
        trials += 1
        hits += interval[0] <= truth.kappa <= interval[1]
        cells = [[sum(pair == (a, b) for pair in zip(first, second, strict=True)) for b in (0, 1)] for a in (0, 1)]
        usual_hits += abs(found.kappa - truth.kappa) <= Z * large_sample_error(cells)
    assert trials > 480
    assert hits / trials >= 0.93
    assert usual_hits / trials <= most_usual
