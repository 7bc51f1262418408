"""Metrics that are 1 or 0: the same text, a part of it, a number near the expected one."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from themis.core.builtins import patterns
from themis.core.builtins.answers.decimals import decimal_of
from themis.core.builtins.answers.text_normalization import SQUAD
from themis.core.builtins.metrics.contains import Contains
from themis.core.builtins.metrics.exact_match import ExactMatch
from themis.core.builtins.metrics.f1 import F1
from themis.core.builtins.metrics.numeric_tolerance import NumericTolerance
from themis.core.builtins.metrics.regex_match import RegexMatch
from themis.core.errors import InvalidArgumentError
from themis.core.models import Score

ScoreIt = Callable[[Any, Any, Any], float | str]


@pytest.mark.parametrize(
    ("arguments", "answer", "expected", "value"),
    [
        ({}, "Paris", ["London", "Paris"], 1.0),
        ({}, "paris", ["London", "Paris"], 0.0),
        ({}, "Paris", {"answer": "Paris"}, 1.0),
        ({}, "Paris", {"answers": ["London", "Paris"]}, 1.0),
        ({}, "2", [2], 0.0),
        ({}, "2", [], 0.0),
        ({}, ["a", "b"], ["a", "b"], 1.0),
        ({}, ["a"], ["a", "b"], 0.0),
        ({}, {"answer": "a"}, {"answer": "a"}, 1.0),
        ({"ignore_case": True}, "PARIS", "Paris", 1.0),
        ({"ignore_case": True}, "PARIS.", "Paris", 0.0),
        ({"ignore_punctuation": True}, "Paris.", "Paris", 1.0),
        ({"ignore_whitespace": True}, " New \n York ", "New York", 1.0),
        ({"ignore_whitespace": True}, "NewYork", "New York", 0.0),
        ({"ignore_articles": True, "ignore_whitespace": True}, "the answer", "answer", 1.0),
        ({"normalization": "squad"}, "The  Denver-Broncos!", "denverbroncos", 1.0),
        ({"normalization": "squad"}, "theatre", "atre", 0.0),
        ({"normalization": "squad"}, "a", "", 1.0),
        ({"normalization": "squad"}, 3, 3.0, 1.0),
    ],
)
def test_exact_match_compares_texts_as_it_is_told(
    score: ScoreIt, arguments: dict[str, Any], answer: Any, expected: Any, value: float
) -> None:
    assert score(ExactMatch(**arguments), answer, expected) == value


def test_what_is_ignored_is_part_of_what_the_metric_is() -> None:
    assert ExactMatch(normalization="squad").fingerprint() != ExactMatch().fingerprint()
    every: dict[str, Any] = dict.fromkeys(
        ("ignore_case", "ignore_punctuation", "ignore_whitespace", "ignore_articles"), True
    )
    assert ExactMatch(**every).fingerprint() == ExactMatch(normalization="squad").fingerprint()
    assert ExactMatch().arguments == {}


@settings(max_examples=40, deadline=None)
@given(st.text(), st.text())
def test_squads_exact_match_implies_its_f1(one: str, other: str) -> None:
    if SQUAD(one) == SQUAD(other):
        assert F1().compared(one, other).value == 1.0


@pytest.mark.parametrize(
    ("arguments", "answer", "expected", "value"),
    [
        ({}, "It is Paris, of course.", "Paris", 1.0),
        ({}, "It is paris.", "Paris", 0.0),
        ({"ignore_case": True}, "It is paris.", "Paris", 1.0),
        ({}, "Rome", ["Paris", "Rome"], 1.0),
        ({"every": True}, "Rome", ["Paris", "Rome"], 0.0),
        ({"every": True}, "Rome and Paris", {"answers": ["Paris", "Rome"]}, 1.0),
        ({}, "category", "cat", 1.0),
        ({"whole_words": True}, "category", "cat", 0.0),
        ({"whole_words": True}, "category cat", "cat", 1.0),
        ({"whole_words": True}, "(cat)", "cat", 1.0),
        ({"whole_words": True}, "C++", "C++", 1.0),
        ({"whole_words": True}, "concat", "cat", 0.0),
        ({"whole_words": True}, "cat", "cat", 1.0),
        ({"normalization": "squad"}, "It's the U.S.A.", "USA", 1.0),
        ({}, ["a cat", "a dog"], "cat", 0.0),
        ({}, "", "cat", 0.0),
        ({}, "x", "", "expected_output must not be empty: every answer contains it"),
        ({"normalization": "squad"}, "x", ["x", "the"], "expected_output must not be empty: every answer contains it"),
        ({}, 3, "3", "the parsed value must be a text, not a number"),
        ({}, "3", 3, "expected_output must be a text, not a number"),
    ],
)
def test_contains(score: ScoreIt, arguments: dict[str, Any], answer: Any, expected: Any, value: float | str) -> None:
    assert score(Contains(**arguments), answer, expected) == value


@pytest.mark.parametrize(
    ("arguments", "answer", "expected", "value"),
    [
        ({"pattern": r"\d+"}, "about 5", None, 1.0),
        ({"pattern": r"\d+", "match": "full"}, "about 5", None, 0.0),
        ({"pattern": r"\d+", "match": "full"}, " 5\n", None, 1.0),
        ({"pattern": "a|ab", "match": "full"}, "ab", None, 1.0),
        ({"pattern": "(?i)yes", "match": "full"}, "YES", None, 1.0),
        ({"pattern": "yes", "flags": "i"}, "YES", None, 1.0),
        ({"pattern": "y", "match": "full"}, ["y", "n"], None, 0.0),
        ({}, "it is 5 m", r"\b5\b", 1.0),
        ({}, "it is 5 m", ["six", "5"], 1.0),
        ({}, "it is 5 m", {"answers": ["six", "seven"]}, 0.0),
        ({}, "", "x?", 1.0),
        ({}, "x", "(", "expected_output: '(' cannot be read: missing ) at position 1"),
        ({}, "x", None, "expected_output must be a text, not null"),
        ({}, "x", "x" * 1_001, "expected_output must be a regular expression of at most 1,000 characters"),
        ({}, 5, "5", "the parsed value must be a text, not a number"),
    ],
)
def test_regex_match(
    score: ScoreIt,
    arguments: dict[str, Any],
    answer: Any,
    expected: Any,
    value: float | str,
) -> None:
    assert score(RegexMatch(**arguments), answer, expected) == value


def test_an_expression_that_needs_too_long_has_no_score(score: ScoreIt, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patterns, "TIME_LIMIT_S", 0.05)
    said = str(score(RegexMatch(), "a" * 60 + "!", "(a|a)*$"))
    assert said.startswith("the regular expression '(a|a)*$' needs more than 0.05 s for this answer")


@pytest.mark.parametrize(
    ("arguments", "answer", "expected", "value"),
    [
        ({}, "3", 3, 1.0),
        ({}, 3.0, "3", 1.0),
        ({}, "3.0000000000000000001", 3, 0.0),
        ({"absolute": 0.1}, 0.3, 0.4, 1.0),
        ({"absolute": "0.1"}, "0.29", 0.4, 0.0),
        ({"relative": 0.01}, 101, 100, 1.0),
        ({"relative": 0.01}, 101.01, 100, 0.0),
        ({"relative": 0.01}, -99, -100, 1.0),
        ({"relative": 0.5}, 0.1, 0, 0.0),
        ({"absolute": 1, "relative": 0.5}, 0.1, 0, 1.0),
        ({}, "1,234.5", 1234.5, 1.0),
        ({}, "1,23", 123, 0.0),
        ({}, "\N{MINUS SIGN}5e3", -5000, 1.0),
        ({}, " .5 ", 0.5, 1.0),
        ({}, "5.", 5, 1.0),
        ({}, 7, [5, 7], 1.0),
        ({}, 7, {"answers": ["5", 7]}, 1.0),
        ({}, 7, {"answer": 7}, 1.0),
        ({}, 10**300, float(10**300), 1.0),
        ({}, "5 m", 5, 0.0),
        ({}, "about 5", 5, 0.0),
        ({}, "", 5, 0.0),
        ({}, "nan", 5, 0.0),
        ({}, "inf", 5, 0.0),
        ({}, "1e99999", 5, 0.0),
        ({}, "1e9999999999", 5, 0.0),
        ({}, "9" * 1_000_000, 5, 0.0),
        ({}, "\N{ARABIC-INDIC DIGIT FIVE}", 5, 0.0),
        ({}, True, 1, "the parsed value must be a number or a text, not true or false"),
        ({}, [1], 1, "the parsed value must be a number or a text, not a list"),
        ({}, None, 1, "the parsed value must be a number or a text, not null"),
    ],
)
def test_numeric_tolerance(
    score: ScoreIt, arguments: dict[str, Any], answer: Any, expected: Any, value: float | str
) -> None:
    assert score(NumericTolerance(**arguments), answer, expected) == value


@pytest.mark.parametrize("expected", [None, "five", [], [5, "x"], {"number": 5}, {"answer": None}, True, [True]])
def test_numeric_tolerance_needs_an_expected_number(score: ScoreIt, expected: Any) -> None:
    assert str(score(NumericTolerance(), 5, expected)).startswith("expected_output must be a number, a list of numbers")


@settings(max_examples=60, deadline=None)
@given(st.floats(allow_nan=False, allow_infinity=False), st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_are_read_exactly_and_being_near_is_symmetric(one: float, other: float) -> None:
    found = decimal_of(one)
    assert found is not None
    assert float(found) == one
    assert decimal_of(repr(one)) == found
    difference = abs(found - (decimal_of(other) or 0))
    metric = NumericTolerance(absolute=1)
    for answer, expected in ((one, other), (other, one), (one, one)):
        row = metric.score_of(answer, expected)
        assert isinstance(row, Score)
        assert row.value == (1.0 if answer == expected or difference <= 1 else 0.0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: NumericTolerance(absolute=-1), "absolute: must be a number from 0, not -1"),
        (lambda: NumericTolerance(relative="1 %"), "relative: must be a number from 0, not '1 %'"),
        (lambda: NumericTolerance(absolute=True), "absolute: must be a number from 0, not True"),
        (lambda: RegexMatch(pattern="("), r"pattern: '\(' cannot be read"),
        (lambda: RegexMatch(match="fully"), "match: must be search or full"),  # type: ignore[arg-type]
        (lambda: RegexMatch(flags="q"), "flags: must be a text of the letters"),
        (lambda: Contains(every="no"), "every: must be true or false, not 'no'"),  # type: ignore[arg-type]
        (lambda: ExactMatch(ignore_case="no"), "ignore_case: must be true or false, not 'no'"),  # type: ignore[arg-type]
        (lambda: ExactMatch(normalization="SQuAD"), "normalization: must be squad or nothing"),  # type: ignore[arg-type]
    ],
)
def test_other_arguments_are_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        make()
