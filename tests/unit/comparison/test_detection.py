"""How many cases an experiment needs, and what those that it has show."""

import pytest

from themis.core.comparison.detection import ASSUMED, Spread, assumed_spread, detection, measured_spread, sized
from themis.core.comparison.paired import paired_difference
from themis.core.comparison.scores import RunScores


def run(**scores: float | None) -> RunScores:
    return RunScores("run", {"m": scores})


def numbered(values: list[float]) -> RunScores:
    return run(**{f"c{number}": value for number, value in enumerate(values)})


def test_without_an_earlier_run_scores_are_assumed_to_be_independent() -> None:
    found = detection(0.02, 1_319, assumed_spread())
    assert (found.cases_needed, found.is_enough, found.basis) == (9_812, False, ASSUMED)
    # The quantiles are 1.959964 and 0.841621: 2.801585 * sqrt(0.5 / 1319).
    assert found.detectable_difference == pytest.approx(0.0545463, abs=1e-6)


def test_so_many_cases_as_are_needed_are_enough_and_one_less_is_not() -> None:
    assert detection(0.02, 9_812, assumed_spread()).is_enough
    assert not detection(0.02, 9_811, assumed_spread()).is_enough


@pytest.mark.parametrize("cases", [0, 1, 3])
def test_a_difference_that_scores_cannot_have_is_none_that_is_shown(cases: int) -> None:
    found = detection(0.5, cases, assumed_spread())
    assert found.detectable_difference is None
    assert "too few: they show none, however large." in sized("m", found)


def test_earlier_runs_say_how_pairs_vary_as_their_comparison_does() -> None:
    before, after = numbered([0.0, 1.0, 1.0, 0.0] * 25), numbered([0.0, 1.0, 0.0, 0.0] * 20 + [1.0] * 20)
    spread, compared = measured_spread(before, after, "m"), paired_difference(before, after, "m")
    assert compared.standard_error is not None
    assert spread.variance == pytest.approx(compared.standard_error**2 * 100)
    assert spread.basis == "measured: 30.0 % of 100 pairs of the earlier runs differ"
    assert detection(0.1, 100, spread).detectable_difference == pytest.approx(compared.detectable_difference)


def test_only_cases_that_both_earlier_runs_scored_count() -> None:
    before, after = run(a=0.0, b=1.0, c=None, d=1.0), run(a=1.0, b=1.0, c=1.0, e=0.0)
    spread = measured_spread(before, after, "m")
    assert spread == Spread(0.5, "measured: 50.0 % of 2 pairs of the earlier runs differ")


@pytest.mark.parametrize(
    ("after", "why"),
    [
        (run(z=1.0), "the earlier runs have no pairs of scores in it"),
        (run(a=0.0), "the earlier runs have one pair of scores in it"),
        (run(a=1.0, b=1.0), "the 2 pairs of the earlier runs do not say how pairs vary"),
    ],
)
def test_earlier_runs_that_say_nothing_leave_the_assumption(after: RunScores, why: str) -> None:
    spread = measured_spread(run(a=1.0, b=1.0), after, "m")
    assert spread == Spread(0.5, f"{why}; {ASSUMED}")


def test_of_scores_that_are_no_shares_nothing_follows() -> None:
    found = detection(0.02, 100, measured_spread(run(a=12.0, b=40.0), run(a=30.0, b=41.0), "m"))
    assert (found.variance, found.cases_needed, found.is_enough, found.detectable_difference) == (None,) * 4
    assert sized("m", found).startswith("m: nothing follows: scores of the earlier runs are not between 0 and 1")


def test_the_sentence_says_what_it_takes_what_there_is_and_why() -> None:
    assert sized("m", detection(0.02, 1_319, assumed_spread())) == (
        "m: a difference of 2 % between two runs takes 9,812 cases, at 5 % significance and 80 % power. "
        "The data has 1,319, too few: they show one of 5.45 % or more. "
        "Assumed: scores between 0 and 1, in which one run says nothing of the other."
    )
    assert "The data has 10,000, enough: they show one of 1.98 % or more." in sized(
        "m", detection(0.02, 10_000, assumed_spread())
    )
