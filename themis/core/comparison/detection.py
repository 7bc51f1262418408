"""Size of an experiment before it is run: whether its cases show a difference of some size between two runs."""

import math
from typing import NamedTuple

from themis.core.base import FrozenModel
from themis.core.comparison.power import INDEPENDENT, LEVEL, POWER, cases_needed, detectable_difference
from themis.core.comparison.scores import RunScores


class Spread(NamedTuple):
    """Variance of the differences of pairs of scores.

    Attributes:
        variance: of the difference of a pair; None where shares do not fit the scores.
        basis: where it comes from, in words.
    """

    variance: float | None
    basis: str


ASSUMED = "assumed: scores between 0 and 1, in which one run says nothing of the other"


class Detection(FrozenModel):
    """Differences that a number of cases shows in one metric, when two runs of them are compared pair by pair.

    Attributes:
        difference: the true difference of the means that is to be found.
        cases: number of pairs.
        variance: of the difference of a pair; None where shares do not fit the scores.
        basis: where `variance` comes from.
        cases_needed: pairs in which `difference` is found with a probability of 80 %.
        is_enough: whether there are so many.
        detectable_difference: the smallest one that `cases` pairs show with a probability of 80 %; None where that is
            none that scores between 0 and 1 can have.
    """

    difference: float
    cases: int
    variance: float | None
    basis: str
    cases_needed: int | None = None
    is_enough: bool | None = None
    detectable_difference: float | None = None


def detection(difference: float, cases: int, spread: Spread) -> Detection:
    """Return what so many cases show.

    Args:
        difference: more than 0, at most 1.
        cases: number of pairs.
        spread: of the differences of pairs.
    """
    if spread.variance is None:
        return Detection(difference=difference, cases=cases, variance=None, basis=spread.basis)
    needed, least = cases_needed(difference, spread.variance), detectable_difference(cases, spread.variance)
    return Detection(
        difference=difference,
        cases=cases,
        variance=spread.variance,
        basis=spread.basis,
        cases_needed=needed,
        is_enough=cases >= needed,
        detectable_difference=None if least is None or least > 1 else least,
    )


def assumed_spread(reason: str = "") -> Spread:
    """Return the spread where none was measured; `reason` says why not."""
    return Spread(INDEPENDENT, f"{reason}; {ASSUMED}" if reason else ASSUMED)


def measured_spread(baseline: RunScores, candidate: RunScores, metric_id: str) -> Spread:
    """Return how much the scores of the same cases differ between two earlier runs; assumed where they do not say."""
    before, after = baseline.scored(metric_id), candidate.scored(metric_id)
    pairs = [(score, after[key]) for key, score in before.items() if key in after]
    if len(pairs) < 2:  # noqa: PLR2004  # one pair says nothing of how pairs vary
        return assumed_spread(f"the earlier runs have {'one pair' if pairs else 'no pairs'} of scores in it")
    if not all(0 <= score <= 1 for pair in pairs for score in pair):
        return Spread(None, "scores of the earlier runs are not between 0 and 1, so a share of them means nothing")
    differences = [second - first for first, second in pairs]
    mean = math.fsum(differences) / len(pairs)
    variance = math.fsum((difference - mean) ** 2 for difference in differences) / (len(pairs) - 1)
    if not variance:
        return assumed_spread(f"the {len(pairs):,} pairs of the earlier runs do not say how pairs vary")
    differing = sum(difference != 0 for difference in differences) / len(pairs)
    return Spread(variance, f"measured: {differing * 100:.1f} % of {len(pairs):,} pairs of the earlier runs differ")


def sized(names: str, found: Detection) -> str:
    """Return what was found for metrics, which have these names, in words."""
    if found.cases_needed is None:
        return f"{names}: nothing follows: {found.basis}."
    noun = "case" if found.cases_needed == 1 else "cases"
    least = "none, however large"
    if found.detectable_difference is not None:
        least = f"one of {found.detectable_difference:.2%} or more".replace("%", " %")
    sought = f"a difference of {found.difference * 100:.6g} % between two runs"
    return (
        f"{names}: {sought} takes {found.cases_needed:,} {noun}, "
        f"at {LEVEL * 100:g} % significance and {POWER * 100:g} % power. "
        f"The data has {found.cases:,}, {'enough' if found.is_enough else 'too few'}: they show {least}. "
        f"{found.basis[0].upper()}{found.basis[1:]}."
    )
