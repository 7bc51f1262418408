"""What holds for every metric that compares an answer with an expected one: the same is right, and sides can change."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from themis.core.builtins.metrics.choice_accuracy import ChoiceAccuracy
from themis.core.builtins.metrics.classification import Classification
from themis.core.builtins.metrics.edit_distance import EditDistance
from themis.core.builtins.metrics.exact_match import ExactMatch
from themis.core.builtins.metrics.f1 import F1
from themis.core.builtins.metrics.math_equivalence import MathEquivalence
from themis.core.builtins.metrics.numeric_tolerance import NumericTolerance
from themis.core.builtins.metrics.rouge import Rouge
from themis.core.builtins.metrics.translation import Bleu, Chrf, Ter
from themis.core.contexts import ScoreContext
from themis.core.models import Case, ParsedOutput, Score

WORDS = st.lists(st.sampled_from(["the", "Cat", "sat", "on,", "mat.", "ä", "1.5", "-"]), min_size=1, max_size=9)
TEXTS = WORDS.map(" ".join).filter(lambda text: any(letter.isascii() and letter.isalnum() for letter in text))
LETTERS = st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
NUMBERS = st.integers(-(10**15), 10**15) | st.decimals(-(10**6), 10**6, places=3).map(str)
JSON: Any = st.recursive(
    st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)

METRICS: dict[str, tuple[Any, Any]] = {
    "exact_match": (ExactMatch(), JSON),
    "exact_match by SQuAD": (ExactMatch(normalization="squad"), TEXTS),
    "f1": (F1(), TEXTS),
    "bleu": (Bleu(), TEXTS),
    "chrf": (Chrf(), TEXTS),
    "ter": (Ter(), TEXTS),
    "rouge1": (Rouge(variant="rouge1"), TEXTS),
    "rougeL": (Rouge(stem=True), TEXTS),
    "edit_distance": (EditDistance(), st.text()),
    "numeric_tolerance": (NumericTolerance(absolute="0.5"), NUMBERS),
    "classification": (Classification(), TEXTS),
    "choice_accuracy": (ChoiceAccuracy(), LETTERS),
    "math_equivalence": (MathEquivalence(), NUMBERS | TEXTS),
}
SYMMETRIC = METRICS.keys() - {"bleu", "chrf", "ter", "exact_match"}
"""Those that do not tell an answer from a reference; exact_match reads lists and objects on the expected side only."""


@pytest.mark.parametrize("name", METRICS)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_the_same_is_right_and_no_other_is_better(name: str, data: st.DataObject) -> None:
    metric, values = METRICS[name]
    one, other = data.draw(values), data.draw(values)
    assert scored(metric, one, one) == 1.0
    assert 0 <= scored(metric, one, other) <= 1


@pytest.mark.parametrize("name", sorted(SYMMETRIC))
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_either_side_may_be_the_answer(name: str, data: st.DataObject) -> None:
    metric, values = METRICS[name]
    one, other = data.draw(values), data.draw(values)
    assert scored(metric, one, other) == pytest.approx(scored(metric, other, one))


def scored(metric: Any, value: Any, expected: Any) -> float:
    """The value of a score that there must be."""
    case = Case(case_id="a", input="q", expected_output=expected)
    parsed = ParsedOutput(value=value)
    found = metric.score(parsed, case, ScoreContext(run_id="r", case=case, parsed_output=parsed))
    assert isinstance(found, Score), found
    return found.value
