"""Figures over several samples of each case, against sums over all subsets."""

import json
import math
from collections.abc import Sequence
from itertools import combinations
from statistics import fmean

import pytest

from themis.core.statistics.sample_estimators import (
    Sample,
    best_of_k,
    grouped_figures,
    majority_at_k,
    pass_at_k,
    pass_hat_k,
    sample_figures,
)
from themis.core.statistics.sample_figures import AT_K, read_sample_figures


def _case(*values: float, ballots: str = "") -> list[Sample]:
    """Samples with these scores; a letter of `ballots` for the answer of each, a point for none."""
    letters = ballots or "".join("r" if value >= 1 else "w" for value in values)
    return [Sample(value, None if letter == "." else letter) for value, letter in zip(values, letters, strict=True)]


@pytest.mark.parametrize("passed", range(7))
def test_chances_are_those_of_all_subsets(passed: int) -> None:
    values = [1.0] * passed + [0.0] * (6 - passed)
    for k in range(1, 7):
        drawn = list(combinations(values, k))
        assert pass_at_k(6, passed)[k - 1] == pytest.approx(fmean(max(of) for of in drawn), abs=1e-15)
        assert pass_hat_k(6, passed)[k - 1] == pytest.approx(fmean(min(of) for of in drawn), abs=1e-15)


def test_the_best_of_k_is_the_mean_of_the_best_of_all_subsets() -> None:
    values = (0.9, 0.75, 0.5, 0.5, 0.25, 0.0)
    for k in range(1, 7):
        assert best_of_k(values)[k - 1] == pytest.approx(fmean(max(of) for of in combinations(values, k)), abs=1e-15)
    assert best_of_k((0.1, 0.1, 0.1)) == (0.1, 0.1, 0.1)
    assert best_of_k((1.0, 1.0, 0.0, 0.0)) == pytest.approx(pass_at_k(4, 2), abs=1e-15)


def test_chances_of_very_many_samples_are_finite_and_right() -> None:
    found = pass_at_k(100_000, 1, 1_000)
    assert found[999] == pytest.approx(1_000 / 100_000, rel=1e-9)
    assert all(math.isfinite(value) for value in pass_hat_k(100_000, 99_999, 1_000))
    assert pass_hat_k(100_000, 99_999, 1_000)[999] == pytest.approx(0.99, rel=1e-9)


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        (_case(1, 1, 0), (2 / 3, 2 / 3, 1.0)),
        (_case(1, 0, 0, ballots="rab"), (1 / 3, 1 / 3, 1 / 3)),  # three answers with a vote each win equally often
        (_case(1, 0, 0, ballots="raa"), (1 / 3, 1 / 3, 0.0)),
        (_case(1, 1, 0, 0, ballots="rrab"), (1 / 2, 1 / 2, 2 / 3, 1.0)),
        (_case(0, 1, 0, ballots=".r."), (1 / 3, 2 / 3, 1.0)),  # what nothing was found in has no vote
        (_case(0.5, 0.5, ballots=".."), (0.5, 0.5)),
        (_case(0, 0.5, ballots=".."), (0.25, 0.25)),
    ],
)
def test_the_majority_of_k_samples_is_scored(samples: Sequence[Sample], expected: tuple[float, ...]) -> None:
    assert majority_at_k(samples) == pytest.approx(expected, abs=1e-15)


def test_the_majority_is_that_of_all_subsets_where_stretches_are_all() -> None:
    samples = _case(1, 1, 0, 0, ballots="rraa")
    threes = [1.0 if sum(sample.value for sample in of) > 1 else 0.0 for of in combinations(samples, 3)]
    assert majority_at_k(samples)[2] == fmean(threes)


def test_figures_are_means_over_cases() -> None:
    found = sample_figures([_case(1, 1, 0), _case(0, 0, 0), _case(1, 1, 1)], 3)
    assert (found.n, found.scored, found.cases_at_k) == (3, 9, {1: 3, 2: 3, 3: 3})
    assert found.average is not None
    assert found.average.value == pytest.approx(5 / 9)
    assert {k: figure.value for k, figure in found.at_k["pass_at_k"].items()} == pytest.approx(
        {1: 5 / 9, 2: 2 / 3, 3: 2 / 3}
    )
    assert {k: figure.value for k, figure in found.at_k["pass_hat_k"].items()} == pytest.approx(
        {1: 5 / 9, 2: 4 / 9, 3: 1 / 3}
    )
    assert found.at_k["majority_at_k"][3].value == pytest.approx(2 / 3)


def test_a_case_counts_for_those_k_of_which_it_has_scored_samples() -> None:
    found = sample_figures([_case(1, 1, 0, 0), _case(1), []], 4)
    assert found.cases_at_k == {1: 2, 2: 1, 3: 1, 4: 1}
    assert found.at_k["pass_at_k"][1].value == fmean([0.5, 1.0])
    assert found.at_k["pass_at_k"][2].value == pytest.approx(5 / 6)
    assert found.average is not None
    assert found.average.value == 0.75


def test_the_interval_takes_cases_as_clusters() -> None:
    # Ten samples of a case that are all the same tell no more than one of them.
    alike = sample_figures([_case(*[float(no % 2)] * 10) for no in range(20)], 10)
    once = sample_figures([_case(float(no % 2)) for no in range(20)], 1)
    assert alike.average == once.average
    assert alike.at_k["pass_at_k"][1] == once.at_k["pass_at_k"][1]


def test_the_interval_of_a_chance_stays_within_its_bounds() -> None:
    figure = sample_figures([_case(1, 0), _case(1, 1), _case(1, 1)], 2).at_k["pass_hat_k"][1]
    assert figure.ci_upper == 1.0


@pytest.mark.parametrize("cases", [[], [_case(1, 0, 0.5, ballots="abc"), _case(0.25)]])
def test_figures_are_read_back_as_they_were_written(cases: list[list[Sample]]) -> None:
    found = sample_figures(cases, 3)
    document = json.loads(json.dumps(found.document(), allow_nan=False))
    assert set(document) == {"n", "scored", "average", *AT_K, "cases_at_k", "intervals"}
    assert read_sample_figures(document) == found


def test_groups_are_pooled_or_averaged() -> None:
    cases = [("a", _case(1, 1)), ("a", _case(1, 0)), ("a", _case(0, 0)), ("b", _case(1, 1))]
    pooled, by_group = grouped_figures(cases, 2)
    averaged, _ = grouped_figures(cases, 2, together="averaged")
    assert pooled == sample_figures([of_case for _, of_case in cases], 2)
    assert pooled.average is not None
    assert averaged.average is not None
    assert (pooled.average.value, averaged.average.value) == (fmean([1, 0.5, 0, 1]), fmean([0.5, 1]))
    assert averaged.average.ci_lower is None  # a single case says nothing of how cases differ
    assert averaged.at_k["pass_at_k"][2].value == pytest.approx(fmean([2 / 3, 1]))
    assert list(by_group) == ["a", "b"]


def test_the_interval_of_averaged_groups_is_narrower_than_each_of_theirs() -> None:
    cases = [(group, _case(float(no % 2), float(no % 3 == 0))) for group in "abcd" for no in range(30)]
    averaged, by_group = grouped_figures(cases, 2, together="averaged")
    one, whole = by_group["a"].average, averaged.average
    assert one is not None
    assert whole is not None
    assert (whole.ci_upper or 0) - (whole.ci_lower or 0) == pytest.approx(
        ((one.ci_upper or 0) - (one.ci_lower or 0)) / 2
    )


def test_people_see_few_of_many_k() -> None:
    found = sample_figures([_case(*[1.0] * 15, *[0.0] * 15)] * 2, 30).rows()
    assert [name for name, _ in found] == [
        "average of 30",
        *(f"pass@{k}" for k in (1, 2, 5, 10, 20, 30)),
        *(f"pass^{k}" for k in (2, 5, 10, 20, 30)),
        *(f"majority@{k}" for k in (2, 5, 10, 20, 30)),
    ]
    graded = sample_figures([_case(0.5, 0.25)] * 2, 2).rows()
    assert graded[-1][0] == "best of 2"
