"""Metric for answers that are numbers or formulas."""

from fractions import Fraction

from themis.core.base import JSONValue
from themis.core.builtins.answers.math_text import Quantity, comparable, parts, read_quantity
from themis.core.builtins.component import BuiltinMetric, is_blank, kind_of
from themis.core.contexts import ScoreContext
from themis.core.models import Case, ParsedOutput, Score, ScoreError


class MathEquivalence(BuiltinMetric):
    r"""1 when the parsed answer is the expected one, else 0.

    Numbers are compared exactly, as fractions, however they are written: `1,000`, `$18.00`, `\frac{1}{2}`, `3/4`,
    `1 1/2`, `5e3`, `2 \times 10^3`, `50%`, `18 dollars`, `48g`, `6th`. A unit counts only when both sides have one: 5
    square meters are 5 m² and not 5 square feet. 50 % equals both 50 and 0.5, but not 50°. A text that is not a
    number is compared as a formula, with LaTeX commands read as their signs, without case and space; formulas are not
    rearranged. The parts of tuples, sets and matrices are compared one by one.

    The expected output is a text or a number, or `{answer: <text or number>}`.
    """

    component_id = "builtin/math_equivalence"
    version = "2"

    def score(self, parsed: ParsedOutput, case: Case, ctx: ScoreContext) -> Score | ScoreError:  # noqa: ARG002  # protocol
        """Return 1 or 0; no score when either side is neither text nor number."""
        expected = case.expected_output
        if isinstance(expected, dict):
            expected = expected.get("answer")
        if not _is_answer(expected):
            return self.unscored("expected_output must be a text, a number or {answer: <text or number>}")
        if is_blank(parsed.value):
            return self.scored(0.0)
        if not _is_answer(parsed.value):
            return self.unscored(f"the parsed value must be a text or a number, not {kind_of(parsed.value)}")
        return self.scored(float(same_answer(parsed.value, expected)))


def same_answer(answer: JSONValue, expected: JSONValue) -> bool:
    """Whether two texts or numbers mean the same."""
    if isinstance(answer, str) and isinstance(expected, str) and answer == expected:
        return True
    ours, theirs = _quantity(answer), _quantity(expected)
    if ours is not None and theirs is not None:
        return ours.equals(theirs)
    if not isinstance(answer, str) or not isinstance(expected, str):
        return False
    one, other = comparable(answer), comparable(expected)
    return one == other or (ours is theirs and _same_parts(parts(one), parts(other)))


def _same_parts(one: list[str], other: list[str]) -> bool:
    """Whether two tuples, sets or matrices have the same numbers and formulas at the same places."""
    return 1 < len(one) == len(other) and all(map(_same_part, one, other))


def _same_part(one: str, other: str) -> bool:
    if one == other:
        return True
    ours, theirs = read_quantity(one), read_quantity(other)
    return ours is not None and theirs is not None and ours.equals(theirs)


def _is_answer(value: JSONValue) -> bool:
    if isinstance(value, str):
        return not value.isspace() and value != ""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _quantity(value: JSONValue) -> Quantity | None:
    if isinstance(value, str):
        return read_quantity(value)
    # A float counts as its shortest decimal, so that 0.1 in JSON equals "0.1".
    return Quantity(Fraction(repr(value)) if isinstance(value, float) else Fraction(value))  # type: ignore[arg-type]
