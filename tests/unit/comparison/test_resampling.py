"""Resamples: the means and sums are those of random samples, and the same for a seed."""

import numpy as np
import pytest

from themis.core.comparison.resampling import (
    Values,
    bootstrap_interval,
    generator,
    resampled_means,
    sums_of_random_signs,
)


@pytest.mark.parametrize("values", [np.repeat([0.0, 1.0], [70, 30]), np.linspace(0, 1, 100) ** 3])
def test_resampled_means_spread_as_the_standard_error_says(
    values: Values,
) -> None:
    means = resampled_means(values, 4_000, generator(1))
    assert len(means) == 4_000
    assert means.mean() == pytest.approx(values.mean(), abs=0.003)
    assert means.std() == pytest.approx(values.std() / 10, rel=0.05)


@pytest.mark.parametrize("values", [np.ones(50), np.arange(1.0, 101.0)])
def test_random_signs_sum_to_zero_on_average_with_the_root_of_the_squares_as_spread(
    values: Values,
) -> None:
    sums = sums_of_random_signs(values, 4_000, generator(2))
    spread = float(np.sqrt((values**2).sum()))
    assert abs(sums.mean()) < 0.06 * spread
    assert sums.std() == pytest.approx(spread, rel=0.05)


def added_one_by_one(values: Values, resamples: int, rows: int, seed: int) -> Values:
    """Sums with the signs that a seed draws, bit by bit."""
    chance, count, parts = generator(seed), len(values), []
    for first in range(0, resamples, rows):
        shape = (min(rows, resamples - first), (count + 7) // 8)
        bits = np.unpackbits(chance.integers(0, 256, size=shape, dtype=np.uint8), axis=1, count=count)
        parts.append(np.where(bits == 1, values, -values).sum(axis=1))
    return np.concatenate(parts)


@pytest.mark.parametrize("count", [65, 72, 1_000, 5_001])
@pytest.mark.parametrize("at_once", [700, 40_000, 2_000_000])
def test_the_signs_of_a_seed_are_the_bits_that_are_drawn(
    count: int, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("themis.core.comparison.resampling._AT_ONCE", at_once)
    values = np.random.default_rng(count).normal(0.1, 1, count)
    expected = added_one_by_one(values, 103, max(1, at_once // count), seed=6)
    assert sums_of_random_signs(values, 103, generator(6)) == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_more_numbers_than_fit_at_once_are_drawn_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("themis.core.comparison.resampling._AT_ONCE", 700)
    values = np.linspace(-1, 1, 300)
    assert len(resampled_means(values, 101, generator(1))) == 101
    assert len(sums_of_random_signs(values, 101, generator(1))) == 101


def test_a_seed_gives_the_same_interval_each_time() -> None:
    values = np.linspace(0, 1, 500) ** 2
    first = bootstrap_interval(values, resamples=1_000, seed=7)
    assert first == bootstrap_interval(values, resamples=1_000, seed=7)
    assert first != bootstrap_interval(values, resamples=1_000, seed=8)
    half = 1.96 * float(values.std()) / np.sqrt(500)
    assert first == pytest.approx((values.mean() - half, values.mean() + half), abs=0.003)
