"""Metric for answers that are numbers or formulas."""

import re
from collections.abc import Callable
from fractions import Fraction
from typing import Literal

from themis.core.base import JSONValue
from themis.core.builtins.answers.listed_answers import members, right_side, same_members, without_modulus
from themis.core.builtins.answers.math_text import MAX_CHARACTERS, Quantity, comparable, parts, read_quantity, tidy
from themis.core.builtins.answers.math_verify import LIMIT_S, PACKAGES, is_available, shared
from themis.core.builtins.arguments import one_of
from themis.core.builtins.component import BuiltinMetric, is_blank, kind_of
from themis.core.builtins.extras import require_extra
from themis.core.contexts import ScoreContext
from themis.core.models import Case, ParsedOutput, Score, ScoreError
from themis.core.python.distributions import installed_version

Formulas = Literal["auto", "math-verify", "exact"]

_WORD = re.compile(r"(?<![A-Za-z\\])[A-Za-z]{3,}")
_FUNCTION = re.compile(r"(?:arc)?(?:sin|cos|tan)h?|cot|sec|csc|exp|log|sqrt|max|min|gcd|lcm|mod", re.IGNORECASE)


class MathEquivalence(BuiltinMetric):
    r"""1 when the parsed answer is the expected one, else 0.

    Numbers are compared exactly, as fractions, however they are written: `1,000`, `$18.00`, `\frac{1}{2}`, `3/4`,
    `1 1/2`, `5e3`, `2 \times 10^3`, `50%`, `18 dollars`, `48g`, `6th`. A unit counts only when both sides have one: 5
    square meters are 5 m² and not 5 square feet. 50 % equals both 50 and 0.5, but not 50°. A text that is not a
    number is compared as a formula, with LaTeX commands read as their signs, without case and space. The parts of
    tuples, sets and matrices are compared one by one. Of several answers (`1, 2`, `1 and 2`, `\{1, 2\}`, `\pm 1`) the
    order does not count. A modulus, and the left side of an equation (`m + n = 33`), do not count where the other
    side has none.

    Formulas that are written differently are compared by math-verify where it is installed, which rearranges them:
    `x + 1` is `1 + x`, and `\sqrt{8}` is `2\sqrt{2}`; otherwise they are different. Its version is then in the
    fingerprint, so that no run is continued by a machine that decides otherwise. Words are not formulas. `details` say
    whether a score is `compared_by` `exact` rules or `math-verify`.

    The expected output is a text or a number, or `{answer: <text or number>}`.
    """

    component_id = "builtin/math_equivalence"
    version = "3"

    def __init__(self, formulas: Formulas = "auto") -> None:
        """Compare formulas by math-verify where it is installed, by it in any case, or only by `exact` rules.

        Raises:
            InvalidArgumentError: `formulas` is not one of these.
            MissingExtraError: math-verify is asked for, and not installed.
        """
        self._formulas = one_of("formulas", formulas, Formulas)
        if formulas == "math-verify":
            require_extra("math_verify", component_id=self.component_id, extra="math", package="math-verify")
        self._verify = shared() if formulas != "exact" and is_available() else None

    @property
    def arguments(self) -> dict[str, JSONValue]:
        """The way to compare formulas, if it is given; and by which packages they are compared."""
        given: dict[str, JSONValue] = {} if self._formulas == "auto" else {"formulas": self._formulas}
        if self._verify is None:
            return given
        return given | {"packages": [[name, installed_version(name), asked] for name, asked in PACKAGES.items()]}

    def score(self, parsed: ParsedOutput, case: Case, ctx: ScoreContext) -> Score | ScoreError:  # noqa: ARG002  # protocol
        """Return 1 or 0; no score when either side is neither text nor number."""
        expected = case.expected_output
        if isinstance(expected, dict):
            expected = expected.get("answer")
        if not _is_answer(expected):
            return self.unscored("expected_output must be a text, a number or {answer: <text or number>}")
        if is_blank(parsed.value):
            return self._compared(is_same=False)
        if not _is_answer(parsed.value):
            return self.unscored(f"the parsed value must be a text or a number, not {kind_of(parsed.value)}")
        return self._comparison(parsed.value, expected)

    def _comparison(self, answer: JSONValue, expected: JSONValue) -> Score:
        if same_answer(answer, expected):
            return self._compared(is_same=True)
        answer, expected = _alike(answer, expected)
        asked: list[bool | None] = []

        def same(one: JSONValue, other: JSONValue) -> bool:
            if same_answer(one, other):
                return True
            if self._verify is None or not _may_be_rearranged(one, other):
                return False
            asked.append(self._verify.equal(tidy(str(one)), tidy(str(other))))
            return asked[-1] is True

        try:
            found = same(answer, expected) or _same_lists(answer, expected, same)
        except TimeoutError:
            reason = f"math-verify needs more than {LIMIT_S} s, or too much memory, to compare these formulas"
            return self._compared(is_same=False, by="math-verify", reason=reason)
        is_read = any(one is not None for one in asked)
        return self._compared(is_same=found, by="math-verify" if is_read else "exact")

    def _compared(self, *, is_same: bool, by: str = "exact", **more: str) -> Score:
        details: dict[str, JSONValue] = {"compared_by": by, **more}
        return Score(metric_id=self.component_id, value=float(is_same), details=details)


def _alike(answer: JSONValue, expected: JSONValue) -> tuple[JSONValue, JSONValue]:
    """Return both without a modulus, and without the left side of an equation, that only one of them has."""
    for shorter in (without_modulus, right_side):
        short = [shorter(str(value)) for value in (answer, expected)]
        if (short[0] != str(answer)) is not (short[1] != str(expected)):
            answer, expected = short
    return answer, expected


def _same_lists(answer: JSONValue, expected: JSONValue, same: Callable[[JSONValue, JSONValue], bool]) -> bool:
    """Whether both list the same answers; words are none."""
    ours, theirs = members(str(answer)), members(str(expected))
    return not any(map(_has_words, [*ours, *theirs])) and same_members(ours, theirs, same)


def _may_be_rearranged(answer: JSONValue, expected: JSONValue) -> bool:
    """Whether two answers that are written differently may be the same formula."""
    texts = [str(answer), str(expected)]
    if _quantity(answer) is not None and _quantity(expected) is not None:
        return False  # which are numbers, and different ones
    return all(len(text) <= MAX_CHARACTERS and not _has_words(text) for text in texts)


def _has_words(text: str) -> bool:
    """Whether a text has words in it, which are not products of their letters."""
    return not all(map(_FUNCTION.fullmatch, _WORD.findall(text)))


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
