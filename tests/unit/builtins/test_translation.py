"""BLEU, chrF and TER are sacrebleu's, per case and over a run."""

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import sacrebleu
from hypothesis import given, settings
from hypothesis import strategies as st
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF
from sacrebleu.metrics.ter import TER

from themis.core.builtins import component
from themis.core.builtins.metrics import translation
from themis.core.builtins.metrics.translation import Bleu, Chrf, Ter
from themis.core.components.resolution import METRIC, load_component
from themis.core.errors import InvalidArgumentError, MissingExtraError
from themis.core.models import Case, Score

ScoreIt = Callable[[Any, Any, Any], float | str]
Rows = Callable[[Any, Any], list[Score]]

ANSWERS = [
    "The cat is on the mat.",
    "On Tuesday, the ministers met in Geneva to discuss tariffs.",
    "There's nothing left to say",
    "",
    "He paid $1,200.50 for it - too much!",
    "Über den Wolken muss die Freiheit wohl grenzenlos sein.",
    "今日は天気がいいですね。",
    "the the the the the the the",
]
EXPECTED = [
    "The cat sat on the mat.",
    "Ministers met on Tuesday in Geneva, in order to discuss the tariffs.",
    "There is nothing left to be said.",
    "An answer was expected here.",
    "He paid $1,200.50 for it, which was too much.",
    "Über den Wolken muß die Freiheit wohl grenzenlos sein.",
    "今日はいい天気です。",
    "The cat is on the mat.",
]
OTHERS = [[text, other] for text, other in zip(EXPECTED, EXPECTED[1:] + EXPECTED[:1], strict=True)]


def bleus(**options: Any) -> tuple[Any, ...]:
    """Our BLEU, sacrebleu's for a corpus, and the one for a sentence."""
    return Bleu(**options), BLEU(**options), BLEU(**options, effective_order=True), "corpus_bleu"


METRICS = [
    bleus(),
    bleus(tokenize="intl", lowercase=True),
    bleus(tokenize="char"),
    (Chrf(), CHRF(), CHRF(), "corpus_chrf"),
    (Chrf(word_order=2), CHRF(word_order=2), CHRF(word_order=2), "corpus_chrf"),
    (Ter(), TER(), TER(), "corpus_ter"),
    (Ter(normalized=True, case_sensitive=True), *[TER(normalized=True, case_sensitive=True)] * 2, "corpus_ter"),
]
EACH = pytest.mark.parametrize(("metric", "theirs", "of_sentence", "figure"), METRICS)


@EACH
def test_a_case_has_the_score_of_sacrebleus_sentence(
    score: ScoreIt, metric: Any, theirs: Any, of_sentence: Any, figure: str
) -> None:
    for answer, expected in zip(ANSWERS, EXPECTED, strict=True):
        value = of_sentence.sentence_score(answer, [expected]).score / 100
        if figure == "corpus_ter":
            value = max(1 - value, 0)
        assert score(metric, answer, expected) == pytest.approx(value)
        assert 0 <= value <= 1


@EACH
def test_a_run_has_the_score_of_sacrebleus_corpus_and_its_signature(
    rows: Rows, metric: Any, theirs: Any, of_sentence: Any, figure: str
) -> None:
    found = metric.aggregate(iter(rows(metric, zip(ANSWERS, EXPECTED, strict=True))))
    assert found[figure] == pytest.approx(theirs.corpus_score(ANSWERS, [EXPECTED]).score, abs=1e-12)
    assert found["signature"] == theirs.get_signature().format()
    assert found["signature"].startswith("nrefs:1|case:")


@EACH
def test_several_expected_texts_are_the_references_of_the_corpus(
    rows: Rows, metric: Any, theirs: Any, of_sentence: Any, figure: str
) -> None:
    found = metric.aggregate(iter(rows(metric, zip(ANSWERS, OTHERS, strict=True))))
    streams: list[Any] = [list(stream) for stream in zip(*OTHERS, strict=True)]
    assert found[figure] == pytest.approx(theirs.corpus_score(ANSWERS, streams).score, abs=1e-12)
    assert found["signature"] == theirs.get_signature().format()
    uneven: list[Any] = [*OTHERS[:-1], EXPECTED[-1]]
    streams[1][-1] = None  # sacrebleu's sign for a reference that is not there
    found = metric.aggregate(iter(rows(metric, zip(ANSWERS, uneven, strict=True))))
    assert found[figure] == pytest.approx(theirs.corpus_score(ANSWERS, streams).score, abs=1e-12)
    assert found["signature"].startswith("nrefs:var|")


WORDS = st.lists(st.sampled_from(["a", "the", "Cat", "sat.", "on,", "mat!", "ä", "1.5"]), max_size=12).map(" ".join)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(WORDS, WORDS), min_size=1, max_size=4))
@pytest.mark.not_smoke
def test_any_corpus_has_sacrebleus_score(pairs: list[tuple[str, str]]) -> None:
    answers, expected = ([pair[side] for pair in pairs] for side in (0, 1))
    for metric, theirs, of_sentence, figure in METRICS:
        made = [metric.score_of(answer, right) for answer, right in pairs]
        assert metric.aggregate(made)[figure] == pytest.approx(theirs.corpus_score(answers, [expected]).score)
        assert all(0 <= row.value <= 1 for row in made)
        for row, (answer, right) in zip(made, pairs, strict=True):
            if figure != "corpus_ter":
                assert row.value == pytest.approx(min(of_sentence.sentence_score(answer, [right]).score / 100, 1))


@pytest.mark.parametrize("metric", [Bleu(), Chrf(), Ter()], ids=["bleu", "chrf", "ter"])
def test_the_same_text_scores_exactly_1(score: ScoreIt, metric: Any) -> None:
    for text in [*EXPECTED, "a b c d e f g", "x"]:
        assert score(metric, text, text) == 1.0


def test_a_case_without_an_answer_counts_as_an_empty_one(rows: Rows) -> None:
    metric = Bleu()
    case = Case(case_id="a", input="q", expected_output="The cat sat on the mat.")
    assert metric.details_of_no_answer(case) == rows(metric, [("", case.expected_output)])[0].details
    assert metric.details_of_no_answer(Case(case_id="a", input="q", expected_output=3)) == {}


def test_ter_stores_the_rate_itself(rows: Rows) -> None:
    row = rows(Ter(), [("a b c d e f", "x y")])[0]
    assert (row.value, row.details["edit_rate"], row.details["statistics"]) == (0.0, 3.0, [6, 2])


@pytest.mark.parametrize(
    ("kind", "arguments", "message"),
    [
        (Bleu, {"tokenize": "flores200"}, "tokenize: must be 13a, intl, zh, char or none, not 'flores200'"),
        (Bleu, {"lowercase": "yes"}, "lowercase: must be true or false, not 'yes'"),
        (Chrf, {"word_order": 3}, "word_order: must be 0, 1 or 2, not 3"),
        (Chrf, {"word_order": True}, "word_order: must be 0, 1 or 2, not"),
        (Ter, {"no_punct": 1}, "no_punct: must be true or false, not 1"),
    ],
)
def test_an_option_that_sacrebleu_does_not_have_is_refused(kind: Any, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        kind(**arguments)


@pytest.mark.parametrize("name", ["bleu", "chrf", "ter"])
def test_without_sacrebleu_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setitem(sys.modules, "sacrebleu", None)
    match = rf"builtin/{name} needs .* sacrebleu: pip install 'themis-eval\[bleu\]'"
    with pytest.raises(MissingExtraError, match=match):
        load_component(f"builtin/{name}", METRIC, where="evaluation.metrics.0")


def test_bleu_is_another_metric_with_another_sacrebleu_or_other_options(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(component, "installed_version", {"sacrebleu": "2.5.0"}.get)
    before = Bleu().fingerprint()
    assert Bleu().fingerprint() == before
    assert Bleu(tokenize="intl").fingerprint() != before
    monkeypatch.setattr(component, "installed_version", {"sacrebleu": "2.5.1"}.get)
    assert Bleu().fingerprint() != before


@pytest.mark.not_smoke
def test_naming_bleu_does_not_load_sacrebleu() -> None:
    program = (
        "import sys; from themis.core.components.resolution import METRIC, load_component;"
        "load_component('builtin/bleu', METRIC, where='x'); sys.exit('sacrebleu' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_the_tokenizers_caches_do_not_keep_every_text(monkeypatch: pytest.MonkeyPatch, score: ScoreIt) -> None:
    monkeypatch.setattr(translation, "_REMEMBERED", 1_000)
    for metric in (Bleu(), Ter()):
        for no in range(20):
            score(metric, f"{no} " * 50, "a b c")
        call: Any = type(metric.scorer.tokenizer).__call__
        assert call.cache_info().currsize < 20


def test_texts_that_would_take_too_long_have_no_score(score: ScoreIt) -> None:
    words = " ".join(f"w{no}" for no in range(600))
    assert score(Ter(), words, words[::-1]) == "an answer of 600 words is too long to be compared with 600"
    assert score(Ter(), words, "w1 w2 w3") == 0.0
    assert score(Chrf(), "x" * 300_000, "x") == "a text of 300,000 characters is too long: it compares up to 200,000"
    assert str(score(Bleu(), "x", "x" * 200_001)).startswith("a text of 200,001 characters is too long")


def test_sentence_scores_are_those_of_sacrebleus_functions(score: ScoreIt) -> None:
    answer, expected = ANSWERS[1], EXPECTED[1]
    assert score(Bleu(), answer, expected) == pytest.approx(sacrebleu.sentence_bleu(answer, [expected]).score / 100)
    assert score(Chrf(), answer, expected) == pytest.approx(sacrebleu.sentence_chrf(answer, [expected]).score / 100)
    assert score(Ter(), answer, expected) == pytest.approx(1 - sacrebleu.sentence_ter(answer, [expected]).score / 100)
