"""Win rates: strengths from preferences, and a rate without the effect of length."""

import math

import numpy as np
import pytest

from themis.core.comparison.win_rates import bradley_terry, length_controlled


def test_two_models_have_the_rates_of_their_wins() -> None:
    found = bradley_terry({("a", "b"): 299.5, ("b", "a"): 99.5})  # with half a win each: 300 to 100
    strength = found["a"] / (1 - found["a"]) / (found["b"] / (1 - found["b"]))
    assert strength == pytest.approx(3.0)


def test_strengths_are_those_that_made_the_preferences() -> None:
    true = {"a": 2.0, "b": 1.0, "c": 0.5}
    wins = {
        (one, other): 100_000 * true[one] / (true[one] + true[other]) for one in true for other in true if one != other
    }
    found = bradley_terry(wins)
    assert {name: value / (1 - value) for name, value in found.items()} == pytest.approx(true, rel=1e-3)


def test_a_model_that_wins_all_is_not_infinitely_strong() -> None:
    found = bradley_terry({("a", "b"): 10})
    assert 0.5 < found["a"] < 1
    assert found["a"] + found["b"] == pytest.approx(1)
    assert bradley_terry({}) == {}


def test_a_preference_for_longer_answers_is_taken_out() -> None:
    chance = np.random.default_rng(1)
    lengths, baseline = chance.normal(600, 100, 20_000), chance.normal(450, 100, 20_000)
    longer = np.tanh((lengths - baseline) / (lengths - baseline).std())
    preferences = chance.random(20_000) < 1 / (1 + np.exp(-(-0.4 + 2.0 * longer)))
    found = length_controlled(preferences.astype(float), lengths, baseline)
    assert found.raw > 0.6
    assert found.controlled == pytest.approx(1 / (1 + math.exp(0.4)), abs=0.015)
    assert found.length_effect == pytest.approx(2.0, abs=0.1)


def test_answers_of_one_length_leave_the_rate_as_it_is() -> None:
    found = length_controlled([1.0, 1.0, 0.0, 0.5], [10] * 4, [10] * 4)
    assert found.raw == 0.625
    assert found.controlled == pytest.approx(0.625, abs=1e-5)
