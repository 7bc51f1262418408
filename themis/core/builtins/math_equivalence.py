"""A metric for answers that are numbers or formulas."""

from fractions import Fraction

from themis.core.base import JSONValue
from themis.core.builtins.component import BuiltinMetric, is_blank, kind_of
from themis.core.builtins.math_text import Quantity, comparable, read_quantity
from themis.core.contexts import ScoreContext
from themis.core.models import Case, ParsedOutput, Score, ScoreError


class MathEquivalence(BuiltinMetric):
    r"""1 when the parsed answer is the expected one, else 0.

    Numbers are compared exactly, as fractions, however they are written: `1,000`, `$18.00`, `\frac{1}{2}`, `3/4`,
    `1 1/2`, `5e3`, `2 \times 10^3`, `50%`, `18 dollars`. A unit counts only when both sides have one (then their first
    words must agree); 50 % equals both 50 and 0.5. What is not a number is compared as text, without case, space, and
    LaTeX's spacing; formulas are not rearranged.

    The expected output is a text or a number, or `{answer: <text or number>}`.
    """

    component_id = "builtin/math_equivalence"

    def score(self, parsed: ParsedOutput, case: Case, ctx: ScoreContext) -> Score | ScoreError:  # noqa: ARG002  # protocol
        """1 or 0; no score when either side is neither text nor number."""
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
    return ours is theirs and comparable(str(answer)) == comparable(str(expected))


def _is_answer(value: JSONValue) -> bool:
    if isinstance(value, str):
        return not value.isspace() and value != ""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _quantity(value: JSONValue) -> Quantity | None:
    if isinstance(value, str):
        return read_quantity(value)
    # A float stands for its shortest decimal, so that 0.1 in JSON equals "0.1".
    return Quantity(Fraction(repr(value)) if isinstance(value, float) else Fraction(value))  # type: ignore[arg-type]
