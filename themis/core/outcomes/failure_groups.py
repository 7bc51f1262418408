"""Failed cases of a run in groups of one reason each, read from the texts that stores keep."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, NamedTuple

from themis.core.errors.failure_summary import summary_of
from themis.core.text.counts import counted
from themis.core.text.lines import cut, one_line
from themis.core.text.masking import mask

MOST_READ = 2_000
"""Failed outcomes that are read of a run: enough to know the reasons, whatever the number of its cases."""

MOST_NAMED = 100
"""Cases that a group names; it counts all of them."""

_SHOWN = 5
_LOST = "unknown"


class FailedOutcome(NamedTuple):
    """Failed outcome of a case, as a store keeps it.

    Attributes:
        case_no: the case's position in the run, from 0.
        case_id: the case.
        body: JSON text of the failure.
    """

    case_no: int
    case_id: str
    body: str


@dataclass(frozen=True, slots=True)
class FailureGroup:
    """Cases that failed for one reason.

    Attributes:
        category: as in `StageFailure`.
        reason: the summary of their failures.
        count: the number of cases.
        cases: the ids of the first of them.
    """

    category: str
    reason: str
    count: int
    cases: tuple[str, ...]

    @property
    def text(self) -> str:
        """The group as one line: `2 cases, generation_failure: KeyError: 'x' (a.py:1 in f): q1, q2`."""
        named = ", ".join(self.cases[:_SHOWN]) + (", …" if self.count > _SHOWN else "")
        return one_line(f"{counted(self.count, 'case')}, {self.category}: {cut(self.reason)}: {named}")

    def document(self) -> dict[str, Any]:
        """The same as JSON."""
        return {"category": self.category, "reason": self.reason, "count": self.count, "cases": list(self.cases)}


def shown_reasons(groups: Sequence[FailureGroup], failed: int) -> list[tuple[str, str]]:
    """Return the first groups as facts of a run with `failed` failed cases, for people: a name and a value each."""
    found = [("failures", group.text) for group in groups[:_SHOWN]]
    known = sum(group.count for group in groups)
    if known < failed:
        found.append(("failures", f"these are of the first {known:,} of {failed:,} failed cases"))
    return found


def failure_groups(outcomes: Iterable[FailedOutcome]) -> list[FailureGroup]:
    """Return the groups, the largest first; a case is in the group of its first failure.

    Args:
        outcomes: those of failed cases, in the order of the cases and their stages.
    """
    found: dict[tuple[str, str], list[str]] = {}
    for case_id, category, reason in _first_of_each(outcomes):
        found.setdefault((category, reason), []).append(case_id)
    groups = [FailureGroup(*of, len(cases), tuple(cases[:MOST_NAMED])) for of, cases in found.items()]
    return sorted(groups, key=lambda group: -group.count)


def _first_of_each(outcomes: Iterable[FailedOutcome]) -> Iterator[tuple[str, str, str]]:
    for _, of_case in groupby(outcomes, key=lambda outcome: outcome.case_no):
        first = next(of_case)
        try:
            body = json.loads(first.body)
        except ValueError:
            yield first.case_id, _LOST, "the store has lost what was said of it"
            continue
        at = (body.get("details") or {}).get("at")
        reason = summary_of(str(body.get("message", "")), str(body.get("error_type", "")), at)
        yield first.case_id, str(body.get("category", "")), mask(one_line(reason))
