"""Tests of significance: against scipy's own, textbooks and published tables."""

import sys

import numpy as np
import pytest
from scipy import stats

from themis.core.comparison import significance
from themis.core.errors import MissingExtraError


@pytest.mark.parametrize(
    ("wins", "losses", "p_value"),
    [
        (0, 0, 1.0),
        (5, 0, 0.0625),  # 2 / 2**5
        (10, 10, 1.0),
        (150, 86, 3.716e-05),  # Agresti, table 11.1: approval of the prime minister
        (2, 13, 0.0073852539),
    ],
)
def test_mcnemar_is_the_binomial_test_of_the_cases_that_differ(wins: int, losses: int, p_value: float) -> None:
    assert significance.mcnemar(wins, losses) == pytest.approx(p_value, rel=1e-3)


@pytest.mark.parametrize(
    ("wins", "losses"),
    [
        (0, 1),
        (1, 1),
        (3, 9),
        (9, 3),
        (7, 8),
        (500, 401),
        (21_123, 19_929),
        (50_000, 50_000),
        (0, 900),
        (123_456, 125_000),
    ],
)
def test_mcnemar_gives_the_number_of_scipys_binomial_test(wins: int, losses: int) -> None:
    expected = stats.binomtest(wins, wins + losses, 0.5).pvalue
    assert significance.mcnemar(wins, losses) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("freedom", [1, 2, 9, 150])
@pytest.mark.parametrize("mean", [-0.3, 0.01, 2.5])
def test_students_test_gives_the_number_of_scipys_distribution(mean: float, freedom: int) -> None:
    expected = 2 * stats.t.sf(abs(mean) / 0.2, freedom)
    assert significance.student(mean, 0.2, freedom) == pytest.approx(expected, rel=1e-12)


def test_the_sign_test_ignores_sizes_and_ties() -> None:
    assert significance.sign(np.array([0.1, 9.0, 0.0, 0.2, 0.0, 5.0, 1.0])) == 0.0625


def test_the_signed_rank_test_of_darwins_plants() -> None:
    # Zea mays, heights in eighths of an inch: Darwin (1876), as in Fisher, "The Design of Experiments".
    darwin = np.array([49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48], dtype=float)
    assert significance.wilcoxon(darwin) == pytest.approx(stats.wilcoxon(darwin, correction=True).pvalue)
    # All 32,768 assignments of signs: 5.267 % are at least as far from zero (Fisher, 21).
    found = significance.permutation(darwin, resamples=200_000, seed=1)
    assert found == pytest.approx(0.05267, abs=0.002)


@pytest.mark.few(1)
@pytest.mark.parametrize("few_values", [True, False])
@pytest.mark.not_smoke
def test_the_permutation_test_agrees_with_scipys(*, few_values: bool) -> None:
    chance = np.random.default_rng(3)
    differences = chance.normal(0.15, 1, 200)
    if few_values:
        differences = np.round(differences)
    expected = stats.permutation_test(
        (differences, np.zeros(200)),
        lambda one, two, axis: (one - two).mean(axis=axis),
        permutation_type="samples",
        n_resamples=20_000,
        vectorized=True,
        rng=np.random.default_rng(4),
    ).pvalue
    assert significance.permutation(differences, resamples=20_000, seed=5) == pytest.approx(expected, abs=0.012)


def test_runs_that_do_not_differ_at_all_have_a_p_value_of_one() -> None:
    same = np.zeros(7)
    assert significance.sign(same) == significance.wilcoxon(same) == 1.0
    assert significance.permutation(same, resamples=100, seed=0) == 1.0


def test_holm_multiplies_the_smallest_by_all_and_never_falls() -> None:
    # Holm (1979): 0.005 * 4, 0.01 * 3, then 0.03 * 2 holds for 0.04 too.
    assert significance.holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005}) == pytest.approx(
        {"a": 0.03, "b": 0.06, "c": 0.06, "d": 0.02}
    )
    assert significance.holm({"a": 0.9, "b": 0.8}) == {"a": 1.0, "b": 1.0}
    assert significance.holm({}) == {}


def test_only_clusters_need_scipy_and_say_so_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy", None)
    differences = np.array([0.5, -0.2, 0.9, 0.4])
    assert 0 < significance.wilcoxon(differences) < 1
    assert 0 < significance.mcnemar(3, 9) < 1
    with pytest.raises(MissingExtraError, match=r"themis-eval\[stats\]"):
        significance.student(0.4, 0.2, 3)
