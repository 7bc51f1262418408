"""Metric that looks for the expected texts in the answer."""

from themis.core.base import JSONValue
from themis.core.builtins.answers.golds import texts_in
from themis.core.builtins.answers.text_normalization import Preset, normalization_of
from themis.core.builtins.arguments import true_or_false
from themis.core.builtins.component import BuiltinMetric
from themis.core.contexts import ScoreContext
from themis.core.models import Case, ParsedOutput, Score, ScoreError


class Contains(BuiltinMetric):
    """1 when the answer contains an expected text, else 0; with `every` it must contain all of them.

    With `whole_words` an occurrence does not begin or end within a word: "cat" is not in "category". Texts are compared
    without the differences that the arguments name. Answer and expected output are given as for `builtin/f1`; each of
    several answers must contain it.
    """

    component_id = "builtin/contains"

    def __init__(
        self,
        *,
        every: bool = False,
        whole_words: bool = False,
        ignore_case: bool = False,
        normalization: Preset | None = None,
    ) -> None:
        """Choose what counts as an occurrence, and which differences of texts do not count.

        Raises:
            InvalidArgumentError: an argument has another kind of value.
        """
        self._every = true_or_false("every", every)
        self._whole_words = true_or_false("whole_words", whole_words)
        self._normal_form = normalization_of(normalization, ignore_case=ignore_case)

    @property
    def arguments(self) -> dict[str, JSONValue]:
        """The rules of an occurrence."""
        return {"every": self._every, "whole_words": self._whole_words, **self._normal_form.arguments}

    def score(self, parsed: ParsedOutput, case: Case, ctx: ScoreContext) -> Score | ScoreError:  # noqa: ARG002  # protocol
        """Return 1 or 0; no score unless there are texts on both sides, and the expected ones are not empty."""
        expected = texts_in(case.expected_output, "expected_output")
        if isinstance(expected, str):
            return self.unscored(expected)
        answers = texts_in(parsed.value, "the parsed value")
        if isinstance(answers, str):
            return self.unscored(answers)
        wanted = [self._normal_form(text) for text in expected]
        if not all(wanted):
            return self.unscored("expected_output must not be empty: every answer contains it")
        return self.scored(float(all(self._has(wanted, self._normal_form(answer)) for answer in answers)))

    def _has(self, wanted: list[str], answer: str) -> bool:
        found = (self._occurs(text, answer) for text in wanted)
        return all(found) if self._every else any(found)

    def _occurs(self, text: str, answer: str) -> bool:
        place = answer.find(text)
        while self._whole_words and place >= 0 and not _is_apart(answer, place, place + len(text)):
            place = answer.find(text, place + 1)
        return place >= 0


def _is_apart(answer: str, begin: int, end: int) -> bool:
    """Whether a part of an answer neither begins nor ends within a word."""
    return not (_joined(answer[begin - 1 : begin + 1]) or _joined(answer[end - 1 : end + 1]))


def _joined(pair: str) -> bool:
    return len(pair) == 2 and all(letter.isalnum() or letter == "_" for letter in pair)  # noqa: PLR2004  # both sides
