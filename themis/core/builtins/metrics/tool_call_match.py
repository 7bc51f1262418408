"""Metric for the calls of tools that a model asks for."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Literal

from themis.core.base import JSONValue
from themis.core.builtins.answers.tool_calls import calls_in
from themis.core.builtins.arguments import one_of, true_or_false
from themis.core.builtins.component import BuiltinMetric
from themis.core.builtins.metrics.exact_match import same_json
from themis.core.contexts import ScoreContext
from themis.core.models import Case, ParsedOutput, Score, ScoreError

Arguments = Literal["exact", "subset", "ignore"]
Call = dict[str, JSONValue]

_MOST_CALLS = 200
"""Calls of an answer that are compared; one with more of them is wrong."""


class ToolCallMatch(BuiltinMetric):
    """1 when the calls of an answer are the expected ones, by name and arguments, else 0.

    The expected output is a list of `{name, arguments}`, one of them, or `{tool_calls: […]}`; an empty list when
    nothing should be called. Arguments are equal as JSON: the order of keys does not count, and 1 is 1.0. The parsed
    value may have any shape that `builtin/tool_calls` reads. No calls are an answer too: a case without any is scored.

    Over a run: `precision`, `recall` and `f1` of the calls of all cases, by the most calls that can be matched to
    expected ones, and `name_recall`, the share of expected calls whose name is called.
    """

    component_id = "builtin/tool_call_match"
    scores_no_answer = True

    def __init__(self, arguments: Arguments = "exact", *, ordered: bool = False, extra_calls: bool = False) -> None:
        """Choose what counts.

        Args:
            arguments: `exact` when they must be equal, `subset` when those that are expected must be there, `ignore`.
            ordered: whether the calls must come in the expected order.
            extra_calls: whether other calls are allowed beside the expected ones.

        Raises:
            InvalidArgumentError: an argument has no such value.
        """
        self._how = one_of("arguments", arguments, Arguments)
        self._ordered = true_or_false("ordered", ordered)
        self._extra = true_or_false("extra_calls", extra_calls)

    @property
    def arguments(self) -> dict[str, JSONValue]:
        """Rules by which calls are compared."""
        return {"arguments": self._how, "ordered": self._ordered, "extra_calls": self._extra}

    def score(self, parsed: ParsedOutput, case: Case, ctx: ScoreContext) -> Score | ScoreError:  # noqa: ARG002  # protocol
        """Return 1 or 0; no score when the expected output is not such a list."""
        given = case.expected_output
        if isinstance(given, dict) and isinstance(given.get("tool_calls"), list):
            given = given["tool_calls"]
        expected = calls_in(given)
        if not isinstance(given, list | dict) or (
            given and len(expected) != (len(given) if isinstance(given, list) else 1)
        ):
            return self.unscored("expected_output must be a list of {name, arguments}, or {tool_calls: <list>}")
        called = calls_in(parsed.value)
        compared = called[:_MOST_CALLS]
        matched = self._matched(expected, compared)
        is_right = matched == len(expected) and (self._extra or len(called) == matched) and len(called) <= _MOST_CALLS
        names = Counter(str(call["name"]) for call in expected) & Counter(str(call["name"]) for call in compared)
        details: dict[str, JSONValue] = {
            "expected": len(expected),
            "called": len(called),
            "matched": matched,
            "names": names.total(),
        }
        return Score(metric_id=self.component_id, value=float(is_right), details=details)

    def aggregate(self, rows: Iterable[Score]) -> dict[str, float]:
        """Return precision, recall and F1 of the calls of all rows; a figure that would divide by 0 is left out."""
        total: Counter[str] = Counter()
        for row in rows:
            found: dict[str, Any] = row.details
            total.update({name: found[name] for name in ("expected", "called", "matched", "names")})
        pairs = {
            "precision": (total["matched"], total["called"]),
            "recall": (total["matched"], total["expected"]),
            "f1": (2 * total["matched"], total["called"] + total["expected"]),
            "name_recall": (total["names"], total["expected"]),
        }
        return {name: part / whole for name, (part, whole) in pairs.items() if whole}

    def _matched(self, expected: Sequence[Call], called: Sequence[Call]) -> int:
        """Return the most calls that can be matched to expected ones, each to one."""
        fits = [[self._fits(wanted, call) for call in called] for wanted in expected]
        return _longest_in_order(fits, len(called)) if self._ordered else _largest_matching(fits)

    def _fits(self, wanted: Call, call: Call) -> bool:
        if wanted["name"] != call["name"]:
            return False
        ours, theirs = call["arguments"], wanted["arguments"]
        if self._how == "ignore":
            return True
        if self._how == "subset" and isinstance(ours, dict) and isinstance(theirs, dict):
            return all(key in ours and same_json(ours[key], value) for key, value in theirs.items())
        return same_json(ours, theirs)


def _longest_in_order(fits: Sequence[Sequence[bool]], columns: int) -> int:
    """Return the length of the longest common subsequence of expected calls and calls."""
    before = [0] * (columns + 1)
    for row in fits:
        now = [0]
        for column, is_fit in enumerate(row):
            now.append(before[column] + 1 if is_fit else max(before[column + 1], now[column]))
        before = now
    return before[-1]


def _largest_matching(fits: Sequence[Sequence[bool]]) -> int:
    """Return the size of the largest matching of rows to columns, by augmenting paths."""
    row_of: dict[int, int] = {}
    for row in range(len(fits)):
        # Breadth first: the row through which each column was reached, and the columns still to be looked at.
        through: dict[int, int] = {}
        waiting = [row]
        while waiting:
            at = waiting.pop(0)
            new = [column for column, is_fit in enumerate(fits[at]) if is_fit and column not in through]
            through |= dict.fromkeys(new, at)
            free = next((column for column in new if column not in row_of), None)
            if free is not None:
                _augment(row_of, through, free, row)
                break
            waiting += [row_of[column] for column in new]
    return len(row_of)


def _augment(row_of: dict[int, int], through: dict[int, int], column: int, first: int) -> None:
    """Give each row on the way to a free column the column after it."""
    column_of = {row: taken for taken, row in row_of.items()}
    while True:
        row = through[column]
        row_of[column] = row
        if row == first:
            return
        column = column_of[row]
