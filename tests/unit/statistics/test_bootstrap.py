"""Bootstrap intervals, and figures over a run as a store keeps them."""

import math
import random
from collections.abc import Iterable
from typing import Any

import pytest

from themis.core.statistics import bootstrap
from themis.core.statistics.aggregates import Aggregate, Aggregates, aggregated, read
from themis.core.statistics.bootstrap import FEWEST_SAMPLES, Reservoir, intervals


def mean(rows: Iterable[float]) -> dict[str, float]:
    values = list(rows)
    return {"mean": sum(values) / len(values)}


def normal(count: int, seed: int = 3) -> list[float]:
    chance = random.Random(seed)
    return [chance.gauss(10.0, 2.0) for _ in range(count)]


def width(found: Aggregates) -> float:
    figure = found.figures["mean"]
    assert figure.ci_lower is not None
    assert figure.ci_upper is not None
    assert figure.ci_lower < 10.0 < figure.ci_upper
    return figure.ci_upper - figure.ci_lower


def test_the_interval_of_a_mean_is_about_that_of_its_theory() -> None:
    assert width(aggregated(normal(400), mean, seed=1)) == pytest.approx(2 * 1.96 * 2.0 / math.sqrt(400), rel=0.15)


def test_of_many_rows_a_part_is_resampled_and_the_interval_is_that_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "MOST_ROWS", 200)
    found = aggregated(iter(normal(3_200)), mean, seed=1)
    assert found.rows == 3_200
    assert found.figures["mean"].value == mean(normal(3_200))["mean"]
    assert width(found) == pytest.approx(2 * 1.96 * 2.0 / math.sqrt(3_200), rel=0.3)


def test_a_reservoir_keeps_each_row_with_the_same_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "MOST_ROWS", 10)
    kept = [0] * 40
    for seed in range(2_000):
        drawn = Reservoir(range(40), seed)
        assert list(drawn) == list(range(40))
        assert (drawn.count, len(drawn.kept)) == (40, 10)
        for row in drawn.kept:
            kept[row] += 1
    assert all(count == pytest.approx(500, rel=0.2) for count in kept)


def test_the_same_seed_gives_the_same_interval_and_another_another() -> None:
    first, again, other = (aggregated(normal(50), mean, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_one_row_has_no_interval_and_none_has_no_figures() -> None:
    assert aggregated([3.0], mean, seed=1) == Aggregates({"mean": Aggregate(3.0)}, 1)
    assert aggregated([], mean, seed=1) == Aggregates({}, 0)


def test_a_figure_that_some_sample_lacks_has_no_interval() -> None:
    def of_ones(rows: Iterable[float]) -> dict[str, float]:
        values = list(rows)
        return {"share": 0.5} if 1.0 in values else {}

    assert intervals([0.0, 1.0], of_ones, {"share": 0.5}, total=2, seed=1) == {}


def test_an_infinite_figure_is_kept_as_none() -> None:
    found = aggregated([1.0, 2.0], lambda rows: {"all": math.inf if list(rows) else 0.0}, seed=1)
    assert read(found.text()) == Aggregates({"all": Aggregate(None)}, 2)


@pytest.mark.parametrize("wrong", [None, [1.0], {"a": "b"}, {1: 1.0}, {"a": True}, {"a": 1.0, "b": None}])
def test_what_is_no_numbers_by_name_is_refused(wrong: Any) -> None:
    with pytest.raises(ValueError, match="numbers by name"):
        aggregated([1.0], lambda rows: wrong, seed=1)


def test_few_samples_are_enough_for_many_rows() -> None:
    calls = []

    def counted(rows: Iterable[float]) -> dict[str, float]:
        calls.append(1)
        return mean(rows)

    aggregated(normal(20_000), counted, seed=1)
    assert len(calls) == FEWEST_SAMPLES + 1


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"figures": {"a": 1}, "rows": 1}', '{"figures": {}, "rows": "x"}'])
def test_what_cannot_be_read_says_so(text: str) -> None:
    assert read(text) == Aggregates({}, 0, "what is stored cannot be read")


def test_rows_without_figures_are_not_resampled() -> None:
    passes: list[int] = []

    def none(rows: Iterable[float]) -> dict[str, float]:
        passes.append(len(list(rows)))
        return {}

    assert aggregated(normal(50), none, seed=1).figures == {}
    assert passes == [50]
