"""Tests of the hypothesis that two runs are equally good, from the differences of their scores of the same cases.

All are two-sided. A difference is the candidate's score of a case without the baseline's.
"""

from collections.abc import Mapping
from typing import TypeVar

from themis.core.comparison.binomial import two_sided_p_value
from themis.core.comparison.libraries import NDArray, np, student_probability
from themis.core.comparison.resampling import generator, sums_of_random_signs
from themis.core.comparison.signed_ranks import signed_rank_p_value

Name = TypeVar("Name")
Differences = NDArray[np.float64]


def mcnemar(wins: int, losses: int) -> float:
    """Return the p-value of the exact McNemar test: the binomial test of the cases in which two runs differ.

    For scores of 0 and 1 only. Without such cases it is 1.

    Source: McNemar, "Note on the sampling error of the difference between correlated proportions or percentages",
    Psychometrika 12 (1947); exact, as in Agresti, "Categorical Data Analysis" (2013), 11.1.
    """
    return two_sided_p_value(wins, losses)


def sign(differences: Differences) -> float:
    """Return the p-value of the sign test: `mcnemar` for scores of any kind; cases without a difference do not count.

    Source: Conover, "Practical Nonparametric Statistics" (1999), 3.4.
    """
    return mcnemar(int((differences > 0).sum()), int((differences < 0).sum()))


def wilcoxon(differences: Differences) -> float:
    """Return the p-value of the signed-rank test, which also weighs the size of a difference by its rank.

    Cases without a difference do not count; without any other it is 1.

    Source: Wilcoxon, "Individual comparisons by ranking methods", Biometrics Bulletin 1 (1945).
    """
    differing = differences[differences != 0]
    if not len(differing):
        return 1.0
    return signed_rank_p_value(differing)


def permutation(differences: Differences, *, resamples: int, seed: int) -> float:
    """Return the p-value of the paired permutation test of the mean: the sign of each difference is random.

    It is the share of random assignments of signs, the true one included, with a mean at least as far from 0.

    Args:
        differences: one per case.
        resamples: number of random assignments.
        seed: of these.

    Source: Fisher, "The Design of Experiments" (1935), 21; with 1 added to both counts as in Phipson and Smyth,
    "Permutation p-values should never be zero" (2010).
    """
    differing = differences[differences != 0]
    found = abs(float(differing.sum()))
    sums = np.abs(sums_of_random_signs(differing, resamples, generator(seed)))
    as_far = int((sums >= found * (1 - 1e-12)).sum())  # sums of the same numbers differ by rounding
    return (as_far + 1) / (resamples + 1)


def student(mean: float, error: float | None, freedom: int) -> float:
    """Return the p-value of Student's t test of a mean with a standard error; 1 where there is no error to go by.

    Source: Student, "The probable error of a mean", Biometrika 6 (1908).
    """
    if error is None or mean == 0.0:
        return 1.0
    return 2 * student_probability(-abs(mean) / error, freedom) if error else 0.0


def holm(p_values: Mapping[Name, float]) -> dict[Name, float]:
    """Return p-values adjusted for their number: rejecting those below a level errs at most that often in any of them.

    Source: Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6
    (1979).
    """
    adjusted: dict[Name, float] = {}
    highest = 0.0
    for rank, name in enumerate(sorted(p_values, key=lambda name: p_values[name])):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[name]))
        adjusted[name] = highest
    return {name: adjusted[name] for name in p_values}
