"""Metrics of log-likelihoods: accuracy, by length or not, and perplexity."""

import math
from typing import Any

import pytest

from themis.core.builtins.metrics.continuation_accuracy import Acc, AccNorm
from themis.core.builtins.metrics.perplexity import Perplexity
from themis.core.builtins.metrics.right_probability import RightProbability
from themis.core.contexts import ScoreContext
from themis.core.models import CONTINUATIONS, Case, ContinuationScore, ParsedOutput, Score, ScoreError


def scored(text: str, log_likelihood: float, tokens: int = 1, characters: int | None = None) -> ContinuationScore:
    part = text[len(text) - (len(text) if characters is None else characters) :]
    size = len(part.encode())
    return ContinuationScore(
        text=text, log_likelihood=log_likelihood, tokens=tokens, characters=len(part), utf8_bytes=size
    )


def score(metric: Any, expected: Any, *found: ContinuationScore) -> Score | ScoreError:
    case = Case(case_id="one", input="q", expected_output=expected)
    metadata: Any = {CONTINUATIONS: [one.model_dump() for one in found]} if found else {}
    parsed = ParsedOutput(value="A", metadata=metadata)
    given: Score | ScoreError = metric.score(parsed, case, ScoreContext(run_id="r", case=case, parsed_output=parsed))
    return given


def value(metric: Any, expected: Any, *found: ContinuationScore) -> float:
    given = score(metric, expected, *found)
    assert isinstance(given, Score), given
    return given.value


def reason(metric: Any, expected: Any, *found: ContinuationScore) -> str:
    given = score(metric, expected, *found)
    assert isinstance(given, ScoreError)
    return given.reason


SHORT, LONG = scored(" no", -4.0), scored(" certainly not", -9.0, 3)


def test_acc_takes_the_likeliest_and_acc_norm_the_likeliest_per_byte() -> None:
    assert [value(Acc(), letter, SHORT, LONG) for letter in ("A", "B")] == [1.0, 0.0]
    assert [value(AccNorm(), letter, SHORT, LONG) for letter in ("A", {"choice": "(b)"})] == [0.0, 1.0]
    assert score(Acc(), "B", SHORT, LONG).details == {"choice": 0, "right": 1}


def test_mc2_is_the_probability_of_all_right_choices_of_that_of_all_choices() -> None:
    found = [scored(" a", math.log(0.2)), scored(" long b", math.log(0.05), 2), scored(" c", math.log(0.15))]
    assert value(RightProbability(), ["A", "C"], *found) == pytest.approx(0.35 / 0.4)
    assert value(RightProbability(), ["b"], *found) == value(RightProbability(), "B", *found) == pytest.approx(0.125)
    assert value(RightProbability(), ["C", "A", "B"], *found) == 1.0
    assert score(RightProbability(), ["C", "A"], *found).details == {"right": [0, 2]}


def test_mc2_of_texts_that_are_less_likely_than_floats_can_say() -> None:
    assert value(RightProbability(), ["A"], scored(" a", -5_000.0), scored(" b", -5_000.0)) == 0.5
    assert value(RightProbability(), ["A"], scored(" a", -5_000.0), scored(" b", -1.0)) == 0.0


@pytest.mark.parametrize("expected", [None, [], ["yes"], ["A", None], 1, {"choice": "A"}])
def test_mc2_needs_the_letters_of_the_right_choices(expected: Any) -> None:
    assert "the list of the letters" in reason(RightProbability(), expected, SHORT, LONG)


def test_mc2_refuses_a_choice_that_is_not_there_and_an_answer_in_words() -> None:
    assert reason(RightProbability(), ["A", "C"], SHORT, LONG) == (
        "expected_output has choice C, and the case has 2 choices"
    )
    assert "generation.task: continuations" in reason(RightProbability(), ["A"])


def test_of_equal_choices_the_first_counts() -> None:
    assert value(Acc(), "A", SHORT, SHORT) == 1.0
    assert value(AccNorm(), "B", SHORT, SHORT) == 0.0


def test_the_white_space_before_a_choice_does_not_count_as_its_length() -> None:
    # -4 / 2 < -5 / 3, where -4 / 3 > -5 / 4
    assert value(AccNorm(), "B", scored(" no", -4.0), scored(" yes", -5.0)) == 1.0
    assert value(AccNorm(), "A", scored(" ", -4.0), scored(" yes", -20.0)) == 1.0


def test_length_is_counted_in_bytes_unless_characters_are_asked_for() -> None:
    umlauts, plain = scored(" äöü", -6.0), scored(" aou", -4.0)
    assert value(AccNorm(), "A", umlauts, plain) == 1.0
    assert value(AccNorm(per="character"), "B", umlauts, plain) == 1.0
    assert AccNorm().fingerprint() != AccNorm(per="character").fingerprint()
    with pytest.raises(ValueError, match="byte or character"):
        AccNorm(per="token")  # type: ignore[arg-type]


@pytest.mark.parametrize("metric", [Acc(), AccNorm(), Perplexity()])
def test_without_log_likelihoods_there_is_no_score(metric: Any) -> None:
    assert "generation.task: continuations" in reason(metric, "A")


@pytest.mark.parametrize("metric", [Acc(), AccNorm(), Perplexity()])
@pytest.mark.parametrize(("expected", "fault"), [(None, "letter"), ("maybe", "letter"), ("C", "has 2 choices")])
def test_an_expected_output_that_is_no_choice_has_no_score(metric: Any, expected: Any, fault: str) -> None:
    assert fault in reason(metric, expected, SHORT, LONG)


def test_perplexity_is_that_of_the_right_choice_or_of_the_only_text() -> None:
    assert value(Perplexity(), "B", SHORT, LONG) == math.exp(3.0)
    given = score(Perplexity(), None, scored("Once upon", -6.0, 2, characters=5))
    assert isinstance(given, Score)
    assert given.value == math.exp(3.0)
    assert given.details == {"log_likelihood": -6.0, "tokens": 2, "words": 1, "utf8_bytes": 5}


def test_a_log_likelihood_that_no_model_has_is_unscored() -> None:
    assert "not a probability" in reason(Perplexity(), None, scored("x", -9999.0))


def test_perplexity_over_several_texts_is_that_of_all_of_them_as_one() -> None:
    metric = Perplexity()
    rows = [score(metric, None, scored(" a b", -2.0, 2)), score(metric, None, scored(" longer words", -30.0, 4))]
    given = metric.aggregate(row for row in rows if isinstance(row, Score))
    assert given == {
        "token_perplexity": math.exp(32 / 6),
        "word_perplexity": math.exp(32 / 4),
        "bits_per_byte": pytest.approx(32 / 17 / math.log(2)),
    }
    assert metric.aggregate([]) == {}


def test_perplexity_beyond_the_floats_is_infinite() -> None:
    row = Score(metric_id="m", value=1.0, details={"log_likelihood": -9e4, "tokens": 900, "words": 1, "utf8_bytes": 1})
    assert Perplexity().aggregate([row])["word_perplexity"] == math.inf
