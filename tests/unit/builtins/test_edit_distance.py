"""Levenshtein's distance, raw and normalized, and error rates over a run."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from themis.core.builtins.metrics import edit_distance
from themis.core.builtins.metrics.edit_distance import EditDistance
from themis.core.errors import InvalidArgumentError
from themis.core.models import Case, Score

ScoreIt = Callable[[Any, Any, Any], float | str]
Rows = Callable[[Any, Any], list[Score]]


def test_it_is_1_minus_the_normalized_distance_and_stores_both(rows: Rows) -> None:
    row = rows(EditDistance(), [("kitten", "sitting")])[0]
    assert row.value == pytest.approx(4 / 7)
    assert row.details == {"distance": 3, "normalized_distance": 3 / 7, "expected_length": 7}
    words = rows(EditDistance(unit="word"), [("the cat sat", "the cat sat down")])[0]
    assert words.details == {"distance": 1, "normalized_distance": 0.25, "expected_length": 4}


@pytest.mark.parametrize(
    ("arguments", "answer", "expected", "value"),
    [
        ({}, "", "", 1.0),
        ({}, "", "abc", 0.0),
        ({}, "abc", "", 0.0),
        ({}, "ABC", "abc", 0.0),
        ({"ignore_case": True}, "ABC", "abc", 1.0),
        ({"normalization": "squad"}, "The cat!", "cat", 1.0),
        ({}, "kitten", ["dog", "kitten"], 1.0),
        ({}, ["kitten", "dog"], "kitten", 0.0),
        ({}, "\ud800", "\ud800x", 0.5),
        ({"unit": "word"}, "a  b\n", "a b", 1.0),
    ],
)
def test_values(score: ScoreIt, arguments: dict[str, Any], answer: Any, expected: Any, value: float) -> None:
    assert score(EditDistance(**arguments), answer, expected) == value


@settings(max_examples=50, deadline=None)
@given(st.text(), st.text(), st.sampled_from(["character", "word"]))
def test_it_is_symmetric_from_0_to_1_and_1_for_the_same_text(one: str, other: str, unit: Any) -> None:
    metric = EditDistance(unit=unit)
    value = metric.compared(one, other).value
    assert value == metric.compared(other, one).value
    assert 0 <= value <= 1
    assert metric.compared(one, one).value == 1


def test_the_error_rate_of_a_run_is_no_mean(rows: Rows) -> None:
    metric = EditDistance(unit="word")
    found = metric.aggregate(rows(metric, [("a b", "a b"), ("x y z", "q"), ("", "one two three")]))
    assert found == {
        "mean_distance": (0 + 3 + 3) / 3,
        "mean_normalized_distance": pytest.approx((0 + 1 + 1) / 3),
        "error_rate": 6 / 6,
    }
    assert "error_rate" not in metric.aggregate(rows(metric, [("", "")]))
    silent = metric.details_of_no_answer(Case(case_id="a", input="q", expected_output=["one two", "one"]))
    assert silent == {"distance": 2, "normalized_distance": 1.0, "expected_length": 2}


def test_lengths_beyond_the_bound_have_no_score(score: ScoreIt, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edit_distance, "MOST_CELLS", 5)
    assert score(EditDistance(), "abc", "xy!") == "3 and 3 characters are too many to be compared"
    assert score(EditDistance(), "x" * 1_000_000, "x" * 1_000_000) == 1.0


def test_other_arguments_are_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="unit: must be character or word, not 'line'"):
        EditDistance(unit="line")  # type: ignore[arg-type]
    with pytest.raises(InvalidArgumentError, match="normalization: must be squad or nothing, not 'lower'"):
        EditDistance(normalization="lower")  # type: ignore[arg-type]
    with pytest.raises(InvalidArgumentError, match="ignore_case: must be true or false, not 1"):
        EditDistance(ignore_case=1)  # type: ignore[arg-type]
