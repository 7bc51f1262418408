"""Metric for the last result of a procedure: a text, a number or a list."""

import json
import re

from themis.core.base import JSONValue
from themis.core.builtins.component import BuiltinMetric, is_blank
from themis.core.builtins.metrics.exact_match import same_json
from themis.core.contexts import ScoreContext
from themis.core.models import Case, ParsedOutput, Score, ScoreError

_MARK = re.compile(r"(?i:\banswer\b)[ \t*_]{0,4}:")
_AROUND = " \t\r\n*_`"


class ProcbenchFinalAccuracy(BuiltinMetric):
    """1 when the last result is the expected one, else 0.

    A text is read after its last "Answer:", and as JSON where it is JSON; an object gives its `final` or `answer`.
    Numbers are compared by value, texts without space around them, lists item by item in their order.

    The expected output is the result, or `{answer: <result>}`.
    """

    component_id = "builtin/procbench_final_accuracy"

    def score(self, parsed: ParsedOutput, case: Case, ctx: ScoreContext) -> Score | ScoreError:  # noqa: ARG002  # protocol
        """Return 1 or 0; no score when nothing is expected."""
        expected = case.expected_output
        if isinstance(expected, dict):
            expected = expected.get("answer")
        if expected is None:
            return self.unscored("expected_output must be a text, a number, a list or {answer: <one of them>}")
        if is_blank(parsed.value):
            return self.scored(0.0)
        return self.scored(float(same_json(_result(parsed.value), _result(expected))))


def _result(value: JSONValue) -> JSONValue:
    if isinstance(value, str):
        text = value[max((mark.end() for mark in _MARK.finditer(value)), default=0) :].strip(_AROUND)
        read = _read(text)
        return text.strip('"') if read is None or isinstance(read, str) else _result(read)
    if isinstance(value, dict):
        inner = next((value[key] for key in ("final", "answer") if key in value), None)
        return value if inner is None else _result(inner)
    return [_result(item) for item in value] if isinstance(value, list) else value


def _read(text: str) -> JSONValue:
    try:
        value: JSONValue = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value
