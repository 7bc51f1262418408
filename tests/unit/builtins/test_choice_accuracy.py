"""Choices as letters, beyond J too, and as the whole text of an option."""

from typing import Any

import pytest

from themis.core.builtins.metrics.choice_accuracy import ChoiceAccuracy
from themis.core.contexts import ScoreContext
from themis.core.models import Case, ParsedOutput, Score

CITIES = {"question": "capital of France?", "choices": ["Lyon", "Paris ", "New  York", "Paris"]}
BY_LETTER = {"question": "?", "options": {"b": "two", "a": "one"}}


def _scored(value: Any, expected: Any, given: Any = CITIES, metadata: dict[str, str] | None = None) -> Any:
    case = Case(case_id="a", input=given, expected_output=expected, metadata=metadata or {})
    parsed = ParsedOutput(value=value)
    found = ChoiceAccuracy().score(parsed, case, ScoreContext(run_id="r", case=case, parsed_output=parsed))
    return found.value if isinstance(found, Score) else found.reason


@pytest.mark.parametrize(
    ("value", "expected", "given", "is_right"),
    [
        ("B", "B", CITIES, True),
        ("paris", "B", CITIES, True),
        ("paris", "D", CITIES, True),
        ("Lyon", "B", CITIES, False),
        ("new york", {"choice": "C"}, CITIES, True),
        ("C) New York", "C", CITIES, True),
        ("A) New York", "C", CITIES, False),
        ("B", "Paris", CITIES, True),
        ("A", {"choice": "Lyon"}, CITIES, True),
        ("Rome", "B", CITIES, False),
        ("none of them, as the question is about France", "B", CITIES, False),
        ("E", "B", CITIES, False),
        ("  ", "B", CITIES, False),
        ("two", "B", BY_LETTER, True),
        ("one", "A", BY_LETTER, True),
        ("P", "p", "no list", True),
        ("z.", "Z", "no list", True),
        ("K", "J", "no list", False),
        (2, "B", {"choices": [1, 2]}, True),
        ("2", "2", {"choices": [1, 2]}, True),
        ("C", "C", {"choices": 5}, True),
    ],
)
def test_a_choice_is_a_letter_or_the_whole_text_of_an_option(
    value: Any, expected: Any, given: Any, is_right: bool
) -> None:
    assert _scored(value, expected, given) == float(is_right)


def test_the_options_may_be_json_in_the_metadata() -> None:
    assert _scored("two", "B", "q", {"choices": '["one", "two"]'}) == 1.0


@pytest.mark.parametrize(
    ("value", "expected", "given", "words"),
    [
        ("B", "Rome", CITIES, "expected_output must be a letter, the text of a choice or {choice: <letter>}"),
        ("B", "F", CITIES, "expected_output is F, and the case has 4 choices"),
        ("B", "Rome", "q", "expected_output must be a letter or {choice: <letter>}"),
        ("Rome", "B", "q", "the parsed value must be a letter, not a longer text; builtin/choice_letter finds it"),
        (["B"], "B", CITIES, "the parsed value must be a letter, not a list; builtin/choice_letter finds it"),
    ],
)
def test_without_a_choice_on_both_sides_there_is_no_score(value: Any, expected: Any, given: Any, words: str) -> None:
    assert _scored(value, expected, given) == words
