"""A metric that asks for the very same value."""

from themis.core.base import JSONValue
from themis.core.builtins.component import BuiltinMetric
from themis.core.contexts import ScoreContext
from themis.core.models import Case, ParsedOutput, Score, ScoreError


class ExactMatch(BuiltinMetric):
    """1 when the parsed value equals the expected output as JSON, else 0.

    Types count, and so do case and space in texts: "1" is not 1, and true is not 1. Numbers are equal when their values
    are, so 1 equals 1.0; the order of an object's keys does not count.
    """

    component_id = "builtin/exact_match"

    def score(self, parsed: ParsedOutput, case: Case, ctx: ScoreContext) -> Score | ScoreError:  # noqa: ARG002  # protocol
        """1 or 0; no score when nothing was parsed or nothing is expected."""
        if case.expected_output is None:
            return self.unscored("the case has no expected_output")
        if parsed.value is None:
            return self.unscored("nothing was parsed from the output")
        return self.scored(float(same_json(parsed.value, case.expected_output)))


def same_json(left: JSONValue, right: JSONValue) -> bool:
    """Whether two JSON values are the same; numbers by value, true and false not being numbers."""
    try:
        if left != right:
            return False
        if repr(left) == repr(right):
            return True  # nearly always; what is left is to tell true from 1 in values that Python calls equal
    except RecursionError:
        pass  # deeper than Python follows by itself
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
