"""Metric that requires the same value."""

import json
import logging

from themis.core.base import JSONValue
from themis.core.builtins.answers.golds import texts_in
from themis.core.builtins.answers.text_normalization import Preset, normalization_of
from themis.core.builtins.component import BuiltinMetric, kind_of
from themis.core.contexts import ScoreContext
from themis.core.models import Case, ParsedOutput, Score, ScoreError

logger = logging.getLogger("themis.metrics")

_LONGEST_READ = 40


class ExactMatch(BuiltinMetric):
    """1 when the parsed value equals the expected output, else 0.

    They are compared as JSON: types count, and so do case and space in texts: "1" is not 1, and true is not 1. Numbers
    are equal when their values are, so 1 equals 1.0; the order of an object's keys does not count. A text is also right
    when it is one of several expected texts: of a list, or of `{answer: …}` or `{answers: …}` with a text or a list.
    Texts are compared without what the arguments say; `normalization: squad` is SQuAD's exact match.

    When a text and a number read the same, which is nearly always a missing pair of quotes, a warning is logged once
    per run.
    """

    component_id = "builtin/exact_match"
    version = "1"

    def __init__(
        self,
        *,
        normalization: Preset | None = None,
        ignore_case: bool = False,
        ignore_punctuation: bool = False,
        ignore_whitespace: bool = False,
        ignore_articles: bool = False,
    ) -> None:
        """Take the differences between texts that do not count, as `TextNormalization` describes them.

        Raises:
            InvalidArgumentError: an argument has another kind of value.
        """
        self._normal_form = normalization_of(
            normalization,
            ignore_case=ignore_case,
            ignore_punctuation=ignore_punctuation,
            ignore_whitespace=ignore_whitespace,
            ignore_articles=ignore_articles,
        )
        self._said_of_run: str | None = None

    @property
    def arguments(self) -> dict[str, JSONValue]:
        """The differences that are ignored."""
        return self._normal_form.arguments

    def score(self, parsed: ParsedOutput, case: Case, ctx: ScoreContext) -> Score | ScoreError:
        """Return 1 or 0; no score when nothing was parsed or nothing is expected."""
        answer, expected = parsed.value, case.expected_output
        if expected is None:
            return self.unscored("the case has no expected_output")
        if answer is None:
            return self.unscored("nothing was parsed from the output")
        if same_json(answer, expected) or self._is_one_of(answer, expected):
            return self.scored(1.0)
        if self._said_of_run != ctx.run_id and reads_the_same(answer, expected):
            self._said_of_run = ctx.run_id
            _warn(case.case_id, answer, expected)
        return self.scored(0.0)

    def _is_one_of(self, answer: JSONValue, expected: JSONValue) -> bool:
        texts = texts_in(expected, "expected_output")
        if not isinstance(answer, str) or isinstance(texts, str):
            return False
        return self._normal_form(answer) in map(self._normal_form, texts)


def reads_the_same(left: JSONValue, right: JSONValue) -> bool:
    """Whether one of two values is a text, and the other the number, the truth value or the null that it spells."""
    text, other = (left, right) if isinstance(left, str) else (right, left)
    if not isinstance(text, str) or isinstance(other, str | list | dict) or len(text) > _LONGEST_READ:
        return False
    try:
        read = json.loads(text.strip().lower())
    except ValueError:
        return False
    return not isinstance(read, list | dict) and same_json(read, other)


def _warn(case_id: str, answer: JSONValue, expected: JSONValue) -> None:
    values = [f"{json.dumps(value)} ({kind_of(value)})" for value in (answer, expected)]
    logger.warning(
        "builtin/exact_match: case %s: the answer %s is not the expected %s, so it scores 0; put a text in quotes in"
        " a file of cases, and builtin/math_equivalence compares by value (logged once per run)",
        json.dumps(case_id),
        *values,
    )


def same_json(left: JSONValue, right: JSONValue) -> bool:
    """Whether two JSON values are the same; numbers are compared by value, and true and false are not numbers."""
    try:
        if left != right:
            return False
        if repr(left) == repr(right):
            return True  # nearly always; the rest tells true from 1 in values that Python treats as equal
    except RecursionError:
        pass  # deeper than Python can compare recursively
    pairs = [(left, right)]
    while pairs:
        one, other = pairs.pop()
        if isinstance(one, dict) and isinstance(other, dict):
            if one.keys() != other.keys():
                return False
            pairs.extend((item, other[key]) for key, item in one.items())
        elif isinstance(one, list) and isinstance(other, list):
            if len(one) != len(other):
                return False
            pairs.extend(zip(one, other, strict=True))
        elif isinstance(one, bool) is not isinstance(other, bool) or one != other:
            return False
    return True
