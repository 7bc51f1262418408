"""Metric for numbers that may differ a little."""

from fractions import Fraction

from themis.core.base import JSONValue
from themis.core.builtins.answers.decimals import decimal_of
from themis.core.builtins.answers.golds import inner_value
from themis.core.builtins.component import BuiltinMetric, kind_of
from themis.core.contexts import ScoreContext
from themis.core.errors import InvalidArgumentError
from themis.core.models import Case, ParsedOutput, Score, ScoreError

_NOT_EXPECTED = "expected_output must be a number, a list of numbers, or {answer: …} or {answers: […]} with them"


class NumericTolerance(BuiltinMetric):
    """1 when the answer is within a tolerance of the expected number, else 0.

    It is when it differs from it by at most `absolute`, or by at most `relative` times the expected number's size; of
    several expected numbers any will do. Numbers and tolerances are compared exactly, as decimals: 0.3 is within 0.1 of
    0.4. Both sides are numbers or texts that are one (`-1,234.5e-3`), without units: `builtin/math_equivalence` reads
    those, and fractions. A text that is not a number is a wrong answer.
    """

    component_id = "builtin/numeric_tolerance"

    def __init__(self, *, absolute: float | str = 0, relative: float | str = 0) -> None:
        """Take the tolerances, as numbers or as decimals in texts.

        Raises:
            InvalidArgumentError: one is not a number, or below 0.
        """
        self._absolute = _tolerance("absolute", absolute)
        self._relative = _tolerance("relative", relative)

    @property
    def arguments(self) -> dict[str, JSONValue]:
        """The tolerances, as fractions."""
        return {"absolute": str(self._absolute), "relative": str(self._relative)}

    def score(self, parsed: ParsedOutput, case: Case, ctx: ScoreContext) -> Score | ScoreError:  # noqa: ARG002  # protocol
        """Return 1 or 0; no score when no number is expected, or the parsed value is neither number nor text."""
        return self.score_of(parsed.value, case.expected_output)

    def score_of(self, value: JSONValue, expected_output: JSONValue) -> Score | ScoreError:
        """Return the score of an answer for an expected output."""
        inner = inner_value(expected_output)
        expected = [decimal_of(item) for item in (inner if isinstance(inner, list) else [inner])]
        numbers = [number for number in expected if number is not None]
        if not numbers or len(numbers) != len(expected):
            return self.unscored(_NOT_EXPECTED)
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            return self.unscored(f"the parsed value must be a number or a text, not {kind_of(value)}")
        answer = decimal_of(value)
        if answer is None:
            return Score(metric_id=self.component_id, value=0.0, details={"reason": "the answer is not a number"})
        return self.scored(float(any(self._is_near(answer, number) for number in numbers)))

    def _is_near(self, answer: Fraction, expected: Fraction) -> bool:
        return abs(answer - expected) <= max(self._absolute, self._relative * abs(expected))


def _tolerance(name: str, value: float | str) -> Fraction:
    found = decimal_of(value)
    if found is None or found < 0:
        raise InvalidArgumentError(argument=name, detail=f"must be a number from 0, not {value!r}")
    return found
