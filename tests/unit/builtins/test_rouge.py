"""ROUGE is that of the package rouge-score."""

import sys
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rouge_score import rouge_scorer  # type: ignore[import-untyped]  # it has no types

from themis.core.builtins import component
from themis.core.builtins.metrics import rouge
from themis.core.builtins.metrics.rouge import Rouge
from themis.core.components.resolution import METRIC, load_component
from themis.core.errors import InvalidArgumentError, MissingExtraError
from themis.core.models import Score

ScoreIt = Callable[[Any, Any, Any], float | str]
Rows = Callable[[Any, Any], list[Score]]

VARIANTS = ["rouge1", "rouge2", "rougeL"]
PAIRS = [
    ("The cat was found under the bed", "The cat was under the bed"),
    ("Police killed the gunman.", "police kill the gunman"),
    ("the gunman kill police", "police killed the gunman"),
    ("Running runners ran; relational operators were conditioning hopefully.", "The runner runs relationally."),
    ("It costs $1,200.50 - in 2024!", "In 2024 it cost 1200.50 dollars"),
    ("naïve café über", "naive cafe uber"),
    ("今日は天気", "今日は"),
    ("", "something"),
    ("something", ""),
    ("dying lying tying news skies", "die lie tie new sky"),
]


def theirs(answer: str, expected: list[str], *, stem: bool) -> dict[str, tuple[float, float, float]]:
    return dict(rouge_scorer.RougeScorer(VARIANTS, use_stemmer=stem).score_multi(expected, answer))


@pytest.mark.parametrize("stem", [False, True])
def test_precision_recall_and_f1_are_those_of_rouge_score(rows: Rows, stem: bool) -> None:
    for row, (answer, expected) in zip(rows(Rouge(stem=stem), PAIRS), PAIRS, strict=True):
        for variant, values in theirs(answer, [expected], stem=stem).items():
            details: Any = row.details[variant]
            assert tuple(details.values()) == pytest.approx(tuple(values))
        assert row.value == row.details["rougeL"]["f1"]  # type: ignore[index,call-overload]


WORDS = st.lists(st.sampled_from(["a", "of", "Cats", "sitting", "sat.", "ponies", "1.5", "é"]), max_size=12)


@settings(max_examples=30, deadline=None)
@given(WORDS.map(" ".join), st.lists(WORDS.map(" ".join), min_size=1, max_size=3), st.booleans())
def test_any_texts_have_the_values_of_rouge_score(answer: str, expected: list[str], stem: bool) -> None:
    found = Rouge(stem=stem).score_of(answer, [*expected])
    assert isinstance(found, Score)
    for variant, values in theirs(answer, expected, stem=stem).items():
        assert found.details[variant]["f1"] == pytest.approx(values[2])  # type: ignore[index,call-overload]


@settings(max_examples=30, deadline=None)
@given(st.text(), st.text(), st.sampled_from(VARIANTS))
def test_it_is_symmetric_from_0_to_1_and_1_for_the_same_words(one: str, other: str, variant: Any) -> None:
    metric = Rouge(variant=variant)
    value = metric.compared(one, other).value
    assert value == metric.compared(other, one).value
    assert 0 <= value <= 1
    assert metric.compared(one, one).value in (0, 1)
    assert metric.compared(f"two words {one}", f"two words {one}").value == 1


def test_stems_make_a_difference_and_need_their_package(score: ScoreIt, monkeypatch: pytest.MonkeyPatch) -> None:
    assert score(Rouge(variant="rouge1"), "running dogs", "dog runs") == 0.0
    assert score(Rouge(variant="rouge1", stem=True), "running dogs", "dog runs") == 1.0
    monkeypatch.setitem(sys.modules, "nltk", None)
    load_component("builtin/rouge", METRIC, where="x")
    with pytest.raises(MissingExtraError, match=r"needs the package nltk: pip install 'themis-eval\[rouge\]'"):
        load_component({"use": "builtin/rouge", "with": {"stem": True}}, METRIC, where="x")


def test_its_version_counts_only_where_words_are_stemmed(monkeypatch: pytest.MonkeyPatch) -> None:
    before = Rouge().fingerprint(), Rouge(stem=True).fingerprint()
    monkeypatch.setattr(component, "installed_version", {"nltk": "0"}.get)
    assert Rouge().fingerprint() == before[0]
    assert Rouge(stem=True).fingerprint() != before[1]


def test_the_figures_of_a_run_are_the_means_of_f1(rows: Rows) -> None:
    found = Rouge().aggregate(rows(Rouge(), PAIRS))
    for variant in VARIANTS:
        each = [theirs(answer, [expected], stem=False)[variant][2] for answer, expected in PAIRS]
        assert found[variant] == pytest.approx(sum(each) / len(each))


def test_too_many_words_have_no_score(score: ScoreIt, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rouge, "MOST_CELLS", 3)
    assert score(Rouge(), "a b", "c d e") == "2 and 3 words are too many to be compared"
    assert score(Rouge(), "a b c d", "a b c d") == 1.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"variant": "rougeLsum"}, "variant: must be rouge1, rouge2 or rougeL, not 'rougeLsum'"),
        ({"stem": "yes"}, "stem: must be true or false, not 'yes'"),
    ],
)
def test_other_arguments_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        Rouge(**arguments)
