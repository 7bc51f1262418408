"""Scores, and the reasons for having none."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from themis.core.builtins.metrics.choice_accuracy import ChoiceAccuracy
from themis.core.builtins.metrics.exact_match import ExactMatch, same_json
from themis.core.builtins.metrics.f1 import F1, squad_words, token_f1
from themis.core.builtins.metrics.translation import Bleu
from themis.core.contexts import ScoreContext
from themis.core.models import Case, ParsedOutput, Score

ScoreIt = Callable[[Any, Any, Any], float | str]


@pytest.mark.parametrize(
    ("value", "expected", "result"),
    [
        ("Paris", "Paris", 1.0),
        ("Paris", "paris", 0.0),
        ("Paris ", "Paris", 0.0),
        (1, 1.0, 1.0),
        (1, "1", 0.0),
        (1, True, 0.0),
        (False, 0, 0.0),
        (True, True, 1.0),
        ([True], [1], 0.0),
        ({"a": 1, "b": [1, {"c": None}]}, {"b": [1.0, {"c": None}], "a": 1}, 1.0),
        ({"a": 1}, {"a": 1, "b": 2}, 0.0),
        ({"a": None}, {"b": None}, 0.0),
        ([1, 2], [2, 1], 0.0),
        ([1], [1, 2], 0.0),
        ([], {}, 0.0),
        ("", "", 1.0),
        (2**53 + 1, float(2**53), 0.0),
    ],
)
def test_exact_match_compares_as_json(score: ScoreIt, value: Any, expected: Any, result: float) -> None:
    assert score(ExactMatch(), value, expected) == result


def test_exact_match_does_not_score_what_is_not_there(score: ScoreIt) -> None:
    assert score(ExactMatch(), "x", None) == "the case has no expected_output"
    assert score(ExactMatch(), None, "x") == "nothing was parsed from the output"


@pytest.mark.not_smoke
def test_a_deep_value_is_compared_without_recursion() -> None:
    one: Any = 1
    other: Any = 1
    for _ in range(100_000):
        one, other = [one], [other]
    assert same_json(one, other)


# The examples of the SQuAD paper and of its evaluation script's rules, worked by hand.
@pytest.mark.parametrize(
    ("answer", "expected", "result"),
    [
        ("Denver Broncos", "Denver Broncos", 1.0),
        ("The Denver Broncos!", "denver broncos", 1.0),
        ("Broncos", "Denver Broncos", 2 / 3),
        ("the Denver Broncos won", "Denver Broncos", 0.8),
        ("Santa Clara, California", "Levi's Stadium in Santa Clara, California", 2 * 1 * 0.5 / 1.5),
        ("gold gold", "gold", 2 * 0.5 * 1 / 1.5),
        ("gold gold silver", "gold gold", 0.8),
        ("Carolina Panthers", "Denver Broncos", 0.0),
        ("it's", "its", 1.0),
        ("", "x", 0.0),
        ("x", "", 0.0),
        ("", "", 1.0),
        ("the", "an", 1.0),
        ("the", "x", 0.0),
    ],
)
def test_f1_is_squads(score: ScoreIt, answer: str, expected: str, result: float) -> None:
    assert score(F1(), answer, expected) == pytest.approx(result)


def test_squads_words_have_no_case_no_punctuation_and_no_articles() -> None:
    assert squad_words("The  quick-brown fox, a 'dog' AND an owl; theatre") == [
        "quickbrown", "fox", "dog", "and", "owl", "theatre",
    ]  # fmt: skip


@given(st.text(), st.text())
def test_f1_is_symmetric_and_between_0_and_1(one: str, other: str) -> None:
    assert token_f1(one, other) == pytest.approx(token_f1(other, one))
    assert 0 <= token_f1(one, other) <= 1
    assert token_f1(one, one) == 1


TEXT_METRICS = pytest.mark.parametrize("metric", [F1(), Bleu()], ids=["f1", "bleu"])


@TEXT_METRICS
def test_of_several_expected_texts_the_best_counts(score: ScoreIt, metric: Any) -> None:
    worse, best = score(metric, "the red cat sat", "a dog"), score(metric, "the red cat sat", "the red cat sat down")
    assert isinstance(worse, float)
    assert isinstance(best, float)
    assert worse < best
    texts = ["a dog", "the red cat sat down"]
    for expected in (texts, texts[::-1], {"answers": texts}, {"answer": texts[1]}, {"answer": texts, "id": 3}):
        assert score(metric, "the red cat sat", expected) == best


@TEXT_METRICS
def test_an_answer_may_be_given_as_the_expected_text_may(score: ScoreIt, metric: Any) -> None:
    said, like = "the red cat sat", score(metric, "the red cat sat", "the red cat sat down")
    for answer in ([said], {"answer": said}, {"answers": [said]}, {"answer": [said], "why": 3}):
        assert score(metric, answer, "the red cat sat down") == like
    expected = {"answers": ["the red cat sat", "a dog"]}
    assert score(metric, expected, expected) == 1.0


@TEXT_METRICS
def test_of_several_answers_the_worst_counts_so_that_guessing_gains_nothing(score: ScoreIt, metric: Any) -> None:
    expected = "the red cat sat"
    assert score(metric, [expected, "a dog"], expected) == score(metric, "a dog", expected)


@TEXT_METRICS
@pytest.mark.parametrize(
    ("expected", "reason"),
    [
        ([], "expected_output must be a text, not an empty list"),
        (["a", 3], "expected_output must be a list of texts, but holds a number"),
        ({"answers": []}, "expected_output must be a text, not an empty list"),
        ({"answer": 3}, "expected_output must be a text, not a number"),
        ({"answer": None}, "expected_output must be a text, not an object"),
        (2, "expected_output must be a text, not a number"),
    ],
)
def test_metrics_of_texts_say_what_they_cannot_compare_with(
    score: ScoreIt, metric: Any, expected: Any, reason: str
) -> None:
    assert score(metric, "a", expected) == reason


def _said(caplog: pytest.LogCaptureFixture, pairs: list[tuple[Any, Any]], run_ids: str = "r") -> list[str]:
    metric = ExactMatch()
    for run_id in run_ids:
        for number, (value, expected) in enumerate(pairs):
            case = Case(case_id=f"c{number}", input="q", expected_output=expected)
            parsed = ParsedOutput(value=value)
            found = metric.score(parsed, case, ScoreContext(run_id=run_id, case=case, parsed_output=parsed))
            assert isinstance(found, Score)
            assert found.value == 0.0
    return [record.getMessage() for record in caplog.records]


def test_a_text_that_reads_like_the_expected_number_is_wrong_and_said_once_a_run(
    caplog: pytest.LogCaptureFixture,
) -> None:
    said = _said(caplog, [("x", "y"), ("2", 2), ("3", 3)], run_ids="rrs")
    assert len(said) == 2
    assert said[0].startswith(
        'builtin/exact_match: case "c1": the answer "2" (a text) is not the expected 2 (a number), so it scores 0; '
        "put a text in quotes in a file of cases"
    )


@pytest.mark.parametrize(("value", "expected"), [(2, "2"), ("2.0", 2), (" 2 ", 2.0), ("True", True), (1.5, "1.5")])
def test_what_reads_the_same_is_said(caplog: pytest.LogCaptureFixture, value: Any, expected: Any) -> None:
    assert len(_said(caplog, [(value, expected)])) == 1


@pytest.mark.parametrize(("value", "expected"), [("2", 3), ("4", "5"), (6, 7), ("two", 2), ("1", True), ("[1]", [1])])
def test_what_is_just_wrong_is_not(caplog: pytest.LogCaptureFixture, value: Any, expected: Any) -> None:
    assert _said(caplog, [(value, expected)]) == []


@TEXT_METRICS
def test_metrics_of_texts_score_texts_only(score: ScoreIt, metric: Any) -> None:
    assert score(metric, "x", None) == "expected_output must be a text, not null"
    assert score(metric, "x", {"a": 1}) == "expected_output must be a text, not an object"
    assert score(metric, None, "x") == "the parsed value must be a text, not null"
    assert score(metric, 3, "x") == "the parsed value must be a text, not a number"
    assert score(metric, True, "x") == "the parsed value must be a text, not true or false"
    assert score(metric, [], "x") == "the parsed value must be a text, not an empty list"
    assert score(metric, ["x", 3], "x") == "the parsed value must be a list of texts, but holds a number"
    assert score(metric, {"answer": 3}, "x") == "the parsed value must be a text, not a number"
    assert score(metric, {"said": "x"}, "x") == "the parsed value must be a text, not an object"


@pytest.mark.parametrize(
    ("value", "expected", "result"),
    [("B", "B", 1.0), ("b", {"choice": "B"}, 1.0), ("(B)", "b.", 1.0), ("A", "B", 0.0), ("K", {"choice": "K"}, 1.0)],
)
def test_choice_accuracy_compares_letters(score: ScoreIt, value: Any, expected: Any, result: float) -> None:
    assert score(ChoiceAccuracy(), value, expected) == result


@pytest.mark.parametrize("expected", [None, "Paris", 2, {}, {"choice": None}, {"answer": "B"}, [], ""])
def test_choice_accuracy_needs_an_expected_letter(score: ScoreIt, expected: Any) -> None:
    assert score(ChoiceAccuracy(), "B", expected) == "expected_output must be a letter or {choice: <letter>}"


@pytest.mark.parametrize(
    ("value", "what"), [(None, "null"), ("Paris", "a longer text"), (2, "a number"), ([], "a list")]
)
def test_choice_accuracy_needs_a_parsed_letter(score: ScoreIt, value: Any, what: str) -> None:
    assert f"must be a letter, not {what};" in str(score(ChoiceAccuracy(), value, "B"))
