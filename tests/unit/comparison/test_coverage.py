"""Intervals hold the true value as often as they say, and tests find a difference where there is none as rarely.

Each is tried on simulated experiments, and the share is printed beside the nominal one.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from themis.core.comparison import significance
from themis.core.comparison.clusters import clustered_standard_error
from themis.core.comparison.paired import adjusted_wald
from themis.core.comparison.resampling import Values, bootstrap_interval
from themis.core.statistics.intervals import student_quantile
from themis.core.statistics.score_tally import ScoreTally

pytestmark = pytest.mark.slow

Trial = Callable[[np.random.Generator], bool]


def tallied(values: Values) -> tuple[float, float]:
    tally = ScoreTally()
    tally.add(values.tolist())
    found = tally.summary(len(values))
    assert found.ci_lower is not None
    assert found.ci_upper is not None
    return found.ci_lower, found.ci_upper


def holds(interval: tuple[float, float], truth: float) -> bool:
    return interval[0] <= truth <= interval[1]


def of_share(chance: np.random.Generator, share: float, cases: int) -> bool:
    return holds(tallied((chance.random(cases) < share).astype(float)), share)


def of_mean(chance: np.random.Generator) -> bool:
    return holds(tallied(chance.beta(2, 3, 30)), 0.4)


def by_bootstrap(chance: np.random.Generator) -> bool:
    return holds(bootstrap_interval(chance.beta(2, 3, 200), resamples=1_000, seed=int(chance.integers(2**31))), 0.4)


def of_clusters(chance: np.random.Generator) -> bool:
    clusters = np.repeat(np.arange(40), 5)
    values = 0.5 + chance.normal(0, 0.2, 40)[clusters] + chance.normal(0, 0.2, 200)
    error = clustered_standard_error(values, clusters)
    assert error is not None
    half = student_quantile(39) * error
    return holds((values.mean() - half, values.mean() + half), 0.5)


def of_paired_shares(chance: np.random.Generator) -> bool:
    kinds = chance.multinomial(100, [0.12, 0.07, 0.81])
    return holds(adjusted_wald(int(kinds[0]), int(kinds[1]), 100), 0.05)


INTERVALS: dict[str, Trial] = {
    "Wilson, 0.5 of 20": lambda chance: of_share(chance, 0.5, 20),
    "Wilson, 0.95 of 100": lambda chance: of_share(chance, 0.95, 100),
    "Student's, 30 scores": of_mean,
    "bootstrap, 200 scores": by_bootstrap,
    "clusters, 40 of 5": of_clusters,
    "paired shares, 100": of_paired_shares,
}


def differences(chance: np.random.Generator) -> Values:
    return chance.laplace(0, 1, 60)


def of_no_difference_in_clusters(chance: np.random.Generator) -> float:
    clusters = np.repeat(np.arange(30), 4)
    values = chance.normal(0, 0.2, 30)[clusters] + chance.normal(0, 0.2, 120)
    return significance.student(float(values.mean()), clustered_standard_error(values, clusters), 29)


TESTS: dict[str, Callable[[np.random.Generator], float]] = {
    "McNemar": lambda chance: significance.mcnemar(wins := int(chance.binomial(80, 0.5)), 80 - wins),
    "sign": lambda chance: significance.sign(differences(chance)),
    "Wilcoxon": lambda chance: significance.wilcoxon(differences(chance)),
    "permutation": lambda chance: significance.permutation(
        differences(chance), resamples=999, seed=int(chance.integers(2**31))
    ),
    "clustered t": of_no_difference_in_clusters,
}


@pytest.fixture
def experiments(*, short: bool) -> int:
    return 400 if short else 2_000


@pytest.fixture
def tell(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    def said(line: str) -> None:
        with capsys.disabled():
            print(f"\n  {line}", end="")  # noqa: T201  # evidence

    return said


@pytest.mark.parametrize("name", INTERVALS)
def test_an_interval_holds_the_true_value_in_95_of_100_experiments(name: str, experiments: int, tell: Any) -> None:
    chance = np.random.default_rng(2026)
    share = sum(INTERVALS[name](chance) for _ in range(experiments)) / experiments
    tell(f"{name}: {share:.1%} of {experiments:,}; 95 % nominal")
    assert abs(share - 0.95) < 0.015 + 3 * (0.95 * 0.05 / experiments) ** 0.5


@pytest.mark.parametrize("name", TESTS)
def test_a_test_errs_in_at_most_5_of_100_experiments_without_a_difference(
    name: str, experiments: int, tell: Any
) -> None:
    chance = np.random.default_rng(2027)
    share = sum(TESTS[name](chance) < 0.05 for _ in range(experiments)) / experiments
    tell(f"{name}: {share:.1%} false positives of {experiments:,}; 5 % nominal")
    assert share < 0.05 + 3 * (0.95 * 0.05 / experiments) ** 0.5
    assert share > 0.02  # an exact test of few outcomes is careful, but not blind
