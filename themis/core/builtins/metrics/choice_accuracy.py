"""Metric for multiple choice."""

import re

from themis.core.base import JSONValue
from themis.core.builtins.component import BuiltinMetric, is_blank, kind_of
from themis.core.contexts import ScoreContext
from themis.core.models import Case, ParsedOutput, Score, ScoreError

_LETTER = re.compile(r"\s*\(?\s*([A-Za-z])\s*\)?\s*\.?\s*")
_LONGEST_LETTER = 16


class ChoiceAccuracy(BuiltinMetric):
    """1 when the parsed letter is the expected one, else 0; upper and lower case, `(b)` and `b.` are the same.

    The expected output is the letter, or `{choice: <letter>}`.
    """

    component_id = "builtin/choice_accuracy"

    def score(self, parsed: ParsedOutput, case: Case, ctx: ScoreContext) -> Score | ScoreError:  # noqa: ARG002  # protocol
        """Return 1 or 0; no score when either side is not a letter."""
        expected = case.expected_output
        if isinstance(expected, dict):
            expected = expected.get("choice")
        right = _letter(expected)
        if right is None:
            return self.unscored("expected_output must be a letter or {choice: <letter>}")
        if is_blank(parsed.value):
            return self.scored(0.0)
        chosen = _letter(parsed.value)
        if chosen is None:
            what = "a longer text" if isinstance(parsed.value, str) else kind_of(parsed.value)
            return self.unscored(f"the parsed value must be a letter, not {what}; builtin/choice_letter finds it")
        return self.scored(float(chosen == right))


def _letter(value: JSONValue) -> str | None:
    if not isinstance(value, str) or len(value) > _LONGEST_LETTER:
        return None
    found = _LETTER.fullmatch(value)
    return found[1].upper() if found else None
