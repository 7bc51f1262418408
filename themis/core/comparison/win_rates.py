"""Win rates from preferences: Bradley-Terry strengths of several models, and a rate without the effect of length."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from themis.core.comparison.libraries import NDArray, np
from themis.core.comparison.resampling import Values

_MOST_STEPS = 10_000
_CLOSE_ENOUGH = 1e-10
_RIDGE = 1e-6
"""Weight against infinite coefficients, where the outcome follows from the lengths alone."""


def bradley_terry(wins: Mapping[tuple[str, str], float]) -> dict[str, float]:
    """Return the probability of each model to win against an average one.

    In the model of Bradley and Terry i wins against j with probability s_i / (s_i + s_j). The strengths s are those of
    the greatest likelihood, with a geometric mean of 1; a model's probability is s / (s + 1). Half a win each way is
    added to every pair that met, so that one that won everything is not infinitely strong.

    Args:
        wins: number of wins of the first over the second of each pair; a tie is half a win of both.

    Source: Bradley and Terry, Biometrika 39 (1952); Hunter, "MM algorithms for generalized Bradley-Terry models",
    Annals of Statistics 32 (2004), for the iteration.
    """
    names = sorted({name for pair in wins for name in pair})
    if not names:
        return {}
    place = {name: number for number, name in enumerate(names)}
    won = np.zeros((len(names), len(names)))
    for (winner, loser), times in wins.items():
        won[place[winner], place[loser]] += times
    met = won + won.T
    won = won + (met > 0) * 0.5
    met = won + won.T
    strengths = np.ones(len(names))
    for _ in range(_MOST_STEPS):
        shared = met / (strengths[:, None] + strengths[None, :])
        new = won.sum(axis=1) / np.maximum(shared.sum(axis=1), np.finfo(float).tiny)
        new /= math.exp(float(np.log(new).mean()))
        moved, strengths = float(np.abs(np.log(new / strengths)).max()), new
        if moved < _CLOSE_ENOUGH:
            break
    return {name: float(strengths[number] / (strengths[number] + 1)) for name, number in place.items()}


@dataclass(frozen=True, slots=True)
class LengthControlled:
    """A win rate against a baseline.

    Attributes:
        raw: the share of wins, a tie counting half.
        controlled: what it would be if all answers were as long as the baseline's.
        length_effect: coefficient of the standardised difference of lengths; above 0 the longer answer is preferred.
    """

    raw: float
    controlled: float
    length_effect: float


def length_controlled(
    preferences: Sequence[float] | Values, lengths: Sequence[float] | Values, baseline: Sequence[float] | Values
) -> LengthControlled:
    """Return the win rate of a model against a baseline, with the effect of its answers' length taken out.

    A logistic regression explains each preference by a constant and by tanh of the difference of lengths, divided by
    its standard deviation; the controlled rate is that of the constant alone. The difficulty of each question, a third
    term of the source, needs the preferences of many models and is left out.

    Args:
        preferences: per case, 1 for the model's answer, 0 for the baseline's, between them for less certain ones.
        lengths: of the model's answers.
        baseline: lengths of the baseline's answers.

    Source: Dubois, Galambosi, Liang and Hashimoto, "Length-Controlled AlpacaEval" (2024), 3.
    """
    wanted = np.asarray(preferences, dtype=np.float64)
    longer = np.asarray(lengths, dtype=np.float64) - np.asarray(baseline, dtype=np.float64)
    spread = float(longer.std())
    terms = np.column_stack([np.ones(len(wanted)), np.tanh(longer / spread) if spread else np.zeros(len(wanted))])
    constant, effect = _logistic(terms, wanted)
    return LengthControlled(float(wanted.mean()), 1 / (1 + math.exp(-constant)), effect)


def _logistic(terms: Values, wanted: Values) -> tuple[float, float]:
    """Coefficients of a logistic regression, by Newton's method."""
    weights: NDArray[np.float64] = np.zeros(terms.shape[1])
    for _ in range(100):
        chance = 1 / (1 + np.exp(-terms @ weights))
        slope = terms.T @ (wanted - chance) - _RIDGE * weights
        curvature = (terms * (chance * (1 - chance))[:, None]).T @ terms + _RIDGE * np.eye(len(weights))
        step = np.linalg.solve(curvature, slope)
        weights = weights + step
        if float(np.abs(step).max()) < _CLOSE_ENOUGH:
            break
    return float(weights[0]), float(weights[1])
