"""No text, however long or odd, stops a metric: it has a score or one clear reason for none, in bounded time."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from themis.core.builtins.metrics.classification import Classification
from themis.core.builtins.metrics.contains import Contains
from themis.core.builtins.metrics.edit_distance import EditDistance
from themis.core.builtins.metrics.exact_match import ExactMatch
from themis.core.builtins.metrics.f1 import F1
from themis.core.builtins.metrics.numeric_tolerance import NumericTolerance
from themis.core.builtins.metrics.regex_match import RegexMatch
from themis.core.builtins.metrics.rouge import Rouge
from themis.core.builtins.metrics.translation import Bleu, Chrf, Ter
from themis.core.contexts import ScoreContext
from themis.core.models import Case, ParsedOutput, ScoreError

ScoreIt = Callable[[Any, Any, Any], float | str]
Seconds = Callable[[Callable[[], object]], float]

METRICS: dict[str, Any] = {
    "exact_match": ExactMatch(),
    "exact_match by SQuAD": ExactMatch(normalization="squad"),
    "f1": F1(),
    "bleu": Bleu(),
    "bleu of characters": Bleu(tokenize="char"),
    "chrf": Chrf(),
    "chrf++": Chrf(word_order=2),
    "ter": Ter(),
    "ter, normalized": Ter(normalized=True, no_punct=True, asian_support=True),
    "rouge": Rouge(),
    "rouge of stems": Rouge(stem=True),
    "edit_distance": EditDistance(),
    "edit_distance of words": EditDistance(unit="word"),
    "contains": Contains(),
    "contains whole words": Contains(whole_words=True),
    "regex_match": RegexMatch(pattern=r"(\w+\s?)+$|7|fox"),
    "numeric_tolerance": NumericTolerance(),
    "classification": Classification(),
}
EACH = pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)

MEGABYTE = 1_000_000
LIMIT_S = 30.0
LONG = {
    "one letter": "x" * MEGABYTE,
    "words": "the cat sat on a mat, " * (MEGABYTE // 22),
    "other words": "mat 1.5 & the a-b! " * (MEGABYTE // 19),
    "points": "." * MEGABYTE,
    "lines": "\n" * MEGABYTE,
    "surrogates": "\ud800\udc00 " * (MEGABYTE // 3),
    "digits": "9" * MEGABYTE,
}


@pytest.mark.slow
@EACH
@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("words", "words"),
        ("words", "other words"),
        ("points", "words"),
        ("surrogates", "digits"),
        ("words", "short"),
        ("short", "words"),
    ],
)
def test_texts_of_a_megabyte_end_in_bounded_time(
    metric: Any, answer: str, expected: str, score: ScoreIt, seconds: Seconds
) -> None:
    texts = {**LONG, "short": "the cat sat"}
    assert seconds(lambda: assert_sound(score(metric, texts[answer], texts[expected]))) < LIMIT_S


@pytest.mark.few(6)
@EACH
def test_texts_of_many_kilobytes_have_a_sound_score_or_a_reason(metric: Any, score: ScoreIt) -> None:
    for text in LONG.values():
        assert_sound(score(metric, text[:10_000], "the cat sat on the mat"))


ODD_TEXTS = st.text(st.characters(codec=None)) | st.sampled_from(["", " ", "\x00", "\ud800", "a" * 400, "\r\n\t", "﷽"])
ODD_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | ODD_TEXTS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["answer", "answers", "x"]), inner, max_size=2)
    ),
    max_leaves=6,
)


@settings(max_examples=40, deadline=None)
@given(ODD_VALUES, ODD_VALUES)
def test_values_of_any_kind_have_a_sound_score_or_a_reason(value: Any, expected: Any) -> None:
    for metric in METRICS.values():
        case = Case(case_id="a", input="q", expected_output=expected)
        parsed = ParsedOutput(value=value)
        found = metric.score(parsed, case, ScoreContext(run_id="r", case=case, parsed_output=parsed))
        if isinstance(found, ScoreError):
            assert_sound(found.reason)
        else:
            assert_sound(found.value)
            if hasattr(metric, "aggregate"):
                assert all(
                    isinstance(figure, float | int | str) for figure in metric.aggregate([found, found]).values()
                )


@EACH
def test_the_same_text_is_right(metric: Any, score: ScoreIt) -> None:
    text = "7" if isinstance(metric, NumericTolerance) else "The quick brown fox jumps over 13 lazy dogs."
    for expected in (text, ["8", text], {"answer": text}, {"answers": [text, "8"]}, {"answers": text}):
        assert score(metric, text, expected) == 1.0


@settings(max_examples=25, deadline=None)
@given(ODD_TEXTS.filter(str.strip), ODD_TEXTS)
def test_more_expected_texts_never_lower_a_score(text: str, other: str) -> None:
    for name, metric in METRICS.items():
        if name not in ("numeric_tolerance", "classification"):
            alone, beside = (_value(metric, text, expected) for expected in ("a cat", ["a cat", f"{other}."]))
            assert beside >= alone


def assert_sound(found: float | str) -> None:
    """Check that a result is a score from 0 to 1, or a short reason."""
    if isinstance(found, str):
        assert 0 < len(found) < 300
        assert "\n" not in found
    else:
        assert 0 <= found <= 1


def _value(metric: Any, text: str, expected: Any) -> float:
    case = Case(case_id="a", input="q", expected_output=expected)
    parsed = ParsedOutput(value=text)
    value: float = metric.score(parsed, case, ScoreContext(run_id="r", case=case, parsed_output=parsed)).value
    return value
