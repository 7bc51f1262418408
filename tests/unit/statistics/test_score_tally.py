"""What a metric comes to: exact, whatever the scores are."""

import json
import math
import random
import statistics
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from themis.core.statistics.score_tally import MetricSummary, ScoreTally, figures, means_of, summaries

HUGE = math.exp(709)
LARGEST = 1.7976931348623157e308


def summary_of(*values: float, total: int | None = None) -> MetricSummary:
    tally = ScoreTally()
    tally.add(values)
    return tally.summary(len(values) if total is None else total)


def test_the_mean_of_three_tenths_is_a_tenth() -> None:
    assert summary_of(0.1, 0.1, 0.1).mean == 0.1
    assert sum([0.1] * 3) / 3 != 0.1, "which adding one by one does not give"


def test_asking_for_a_mean_that_is_not_there_names_those_that_are() -> None:
    means = means_of({"builtin/exact_match": summary_of(1.0, 0.0), "mine/unscored": summary_of(total=2)})
    assert means == {"builtin/exact_match": 0.5}
    with pytest.raises(KeyError, match='no mean of exact_match; did you mean "builtin/exact_match"'):
        means["exact_match"]
    with pytest.raises(KeyError, match="no mean of mine/unscored; known are builtin/exact_match"):
        means["mine/unscored"]
    with pytest.raises(KeyError, match="no metric has a score"):
        means_of({})["exact_match"]


def test_scores_whose_sum_is_not_finite_have_a_mean() -> None:
    found = summary_of(HUGE, HUGE, HUGE)
    assert (found.mean, found.low, found.high) == (HUGE, HUGE, HUGE)
    assert (found.ci_lower, found.ci_upper) == (HUGE, HUGE)
    assert json.dumps(found.document(), allow_nan=False)


@pytest.mark.parametrize("values", [(LARGEST, -LARGEST), (LARGEST, 0.0), (HUGE, -HUGE, 1.0)])
def test_a_bound_that_no_float_can_hold_is_none(values: tuple[float, ...]) -> None:
    found = summary_of(*values)
    assert found.mean is not None
    assert None in {found.ci_lower, found.ci_upper}
    assert json.dumps(found.document(), allow_nan=False)
    assert figures(found)


def test_scores_as_small_as_floats_go_have_an_interval() -> None:
    found = summary_of(5e-324, 1.5e-323)
    assert found.mean == 1e-323
    assert found.ci_lower is not None
    assert found.ci_lower < 0


@given(st.lists(st.floats(-1e9, 1e9), min_size=2, max_size=30))
@pytest.mark.not_smoke
def test_mean_and_interval_are_those_of_the_exact_numbers(values: list[float]) -> None:
    found, turned = summary_of(*values, 0.5), summary_of(0.5, *reversed(values))
    assert found == turned
    assert found.mean == statistics.mean([*values, 0.5])
    assert found.ci_lower is not None
    assert found.ci_upper is not None
    assert found.ci_lower <= found.mean <= found.ci_upper


def test_students_interval_is_the_one_of_the_textbook() -> None:
    # Five measurements with mean 3 and standard deviation 1.5811; t at 4 degrees of freedom is 2.7764.
    found = summary_of(1.0, 2.0, 3.0, 4.0, 5.0)
    half = 2.776445 * math.sqrt(2.5) / math.sqrt(5)
    assert (found.ci_lower, found.ci_upper) == pytest.approx((3 - half, 3 + half), abs=1e-5)


def test_scores_of_0_and_1_have_wilsons_interval() -> None:
    tally = ScoreTally()
    tally.add_counted(Counter({1.0: 81, 0.0: 263 - 81}))
    found = tally.summary(263)
    assert (found.ci_lower, found.ci_upper) == pytest.approx((0.2553, 0.3662), abs=5e-5)


@pytest.mark.parametrize("values", [(), (1.0,), (0.5,)])
def test_fewer_than_two_scores_have_no_interval(values: tuple[float, ...]) -> None:
    found = summary_of(*values, total=4)
    assert (found.ci_lower, found.ci_upper) == (None, None)
    assert found.mean == (values[0] if values else None)


def test_low_and_high_are_the_mean_if_all_unscored_were_0_and_1() -> None:
    found = summary_of(1.0, 1.0, 0.0, 0.5, total=10)
    assert (found.scored, found.unscored, found.total) == (4, 6, 10)
    assert (found.mean, found.low, found.high) == (0.625, 0.25, 0.85)
    nothing = summary_of(total=3)
    assert (nothing.mean, nothing.low, nothing.high, nothing.unscored) == (None, 0.0, 1.0, 3)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_finite_number_is_no_score(value: float) -> None:
    found = summary_of(1.0, value, 0.0, total=3)
    assert (found.mean, found.scored, found.unscored) == (0.5, 2, 1)


def test_order_and_portions_do_not_matter() -> None:
    values = [random.Random(number).gauss(0, 10.0 ** (number % 9)) for number in range(500)]
    whole, parts = ScoreTally(), ScoreTally()
    whole.add(values)
    for start in range(490, -1, -10):
        parts.add(values[start : start + 10])
    assert whole.summary(500) == parts.summary(500)


def test_every_metric_of_a_run_is_there_once_anything_was_scored_or_failed() -> None:
    tally = ScoreTally()
    tally.add([1.0])
    assert summaries({0: "a", 1: "b"}, {}, {}, total=2, failed=0) == {}
    assert [found.scored for found in summaries({0: "a", 1: "b"}, {}, {}, total=2, failed=1).values()] == [0, 0]
    assert [found.scored for found in summaries({0: "a", 1: "b"}, {1: tally}, {}, total=2, failed=0).values()] == [0, 1]


def test_figures_are_short_texts() -> None:
    assert figures(summary_of(HUGE, HUGE)) == {
        "mean": "8.21841e+307",
        "95 % interval": "8.21841e+307 to 8.21841e+307",
        "scored": "2",
        "total": "2",
        "no answer": "0",
        "unscored": "0",
        "low": "8.21841e+307",
        "high": "8.21841e+307",
    }
    assert figures(summary_of(total=1_500))["95 % interval"] == "-"
    assert figures(summary_of(total=1_500))["unscored"] == "1,500"
