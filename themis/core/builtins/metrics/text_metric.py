"""Base classes of the metrics that compare texts."""

from typing import ClassVar, NamedTuple

from themis.core.base import JSONValue
from themis.core.builtins.answers.golds import texts_in
from themis.core.builtins.component import BuiltinMetric
from themis.core.contexts import ScoreContext
from themis.core.models import Case, ParsedOutput, Score, ScoreError


class Likeness(NamedTuple):
    """Similarity of an answer and an expected text.

    Attributes:
        value: from 0 to 1.
        details: what is stored beside it.
    """

    value: float
    details: dict[str, JSONValue]


class TooLongError(Exception):
    """Texts that a metric does not compare, as it would take too long; the message says why."""


class TextMetric(BuiltinMetric):
    """A metric that compares the parsed value, as text, with the expected one.

    Either may be a text, a list of texts, `{answer: …}` or `{answers: …}` with one of both. Of several expected texts
    the best counts, as any of them is right; of several answers the worst, so that giving more of them gains nothing.

    Attributes:
        longest: number of characters of the longest text that is compared; a case with a longer one has no score.
    """

    longest: ClassVar[int] = 1_000_000

    def compared(self, answer: str, expected: str) -> Likeness:
        """Return the similarity of an answer and an expected text.

        Raises:
            TooLongError: they are too long for it.
        """
        raise NotImplementedError

    def details(self, answer: str, expected: list[str], best: Likeness) -> dict[str, JSONValue]:  # noqa: ARG002  # those of others need them
        """Return what is stored with the score of an answer, whose best similarity is given."""
        return best.details

    def score(self, parsed: ParsedOutput, case: Case, ctx: ScoreContext) -> Score | ScoreError:  # noqa: ARG002  # protocol
        """Return the similarity to the most similar expected text; no score unless there are texts on both sides."""
        return self.score_of(parsed.value, case.expected_output)

    def score_of(self, value: JSONValue, expected_output: JSONValue) -> Score | ScoreError:
        """Return the score of an answer for an expected output."""
        expected = texts_in(expected_output, "expected_output")
        if isinstance(expected, str):
            return self.unscored(expected)
        answers = texts_in(value, "the parsed value")
        if isinstance(answers, str):
            return self.unscored(answers)
        longest = max(map(len, [*expected, *answers]))
        if longest > self.longest:
            return self.unscored(f"a text of {longest:,} characters is too long: it compares up to {self.longest:,}")
        try:
            return self._worst(answers, expected)
        except TooLongError as error:
            return self.unscored(str(error))

    def _worst(self, answers: list[str], expected: list[str]) -> Score:
        best_of_each = [max((self.compared(answer, text) for text in expected), key=_value) for answer in answers]
        worst = min(range(len(answers)), key=lambda place: best_of_each[place].value)
        best = best_of_each[worst]
        details = self.details(answers[worst], expected, best)
        return Score(metric_id=self.component_id, value=best.value, details=details)


class CountedTextMetric(TextMetric):
    """A metric of texts with figures over a run, in which an answer with nothing to score counts as an empty text."""

    def details_of_no_answer(self, case: Case) -> dict[str, JSONValue]:
        """Return the statistics of an empty answer; none for a case that cannot be scored."""
        found = self.score_of("", case.expected_output)
        return found.details if isinstance(found, Score) else {}


def _value(likeness: Likeness) -> float:
    return likeness.value
