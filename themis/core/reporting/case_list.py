"""Cases of a stored run, one by one: the scores of each, how it ended, and why it failed; and conditions on them."""

import operator
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

from themis.core.errors import InvalidArgumentError
from themis.core.read_models import BenchmarkScoreRow
from themis.core.results import StageFailure
from themis.core.snapshot import RunSnapshot
from themis.core.stores.projections import rows_of
from themis.core.stores.protocol import RunStore
from themis.core.stores.stored_cases import StoredCase, iter_cases
from themis.core.text.nearest import nearest_hint

OK, FAILED, NO_ANSWER = "ok", "failed", "no_answer"
CASE_STATES = (OK, NO_ANSWER, FAILED)
"""States of an ended case: each metric could score it; the answer has nothing to score; a stage failed."""

_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "!=": operator.ne,
    "==": operator.eq,
    "=": operator.eq,
    "<": operator.lt,
    ">": operator.gt,
}
_CONDITION = re.compile(r"\s*(?P<metric>.+?)\s*(?P<sign><=|>=|!=|==|=|<|>)\s*(?P<value>\S+)\s*")


class Condition(NamedTuple):
    """Condition on the score of a case, such as ``exact_match < 1``; a case without that score meets none."""

    metric_id: str
    sign: str
    value: float

    @classmethod
    def read(cls, text: str, metric_ids: Sequence[str], *, argument: str = "--where") -> Self:
        """Return the condition that a text says; `builtin/` may be left out of a metric's id.

        Raises:
            InvalidArgumentError: it is not a condition, or the run has no such metric.
        """
        found = _CONDITION.fullmatch(text)
        if found is None:
            detail = f"{text!r} is not METRIC, a sign and a number, as in 'exact_match<1'"
            raise InvalidArgumentError(argument=argument, detail=detail)
        metric_id = known_metric(found["metric"], metric_ids, argument=argument)
        try:
            return cls(metric_id, found["sign"], float(found["value"]))
        except ValueError:
            detail = f"{found['value']!r} in {text!r} is not a number"
            raise InvalidArgumentError(argument=argument, detail=detail) from None

    def holds(self, scores: dict[str, float | None]) -> bool:
        """Whether a case with these scores meets it."""
        score = scores.get(self.metric_id)
        return score is not None and _COMPARISONS[self.sign](score, self.value)


def known_metric(name: str, metric_ids: Sequence[str], *, argument: str) -> str:
    """Return the id of a run's metric; `builtin/` may be left out of it.

    Raises:
        InvalidArgumentError: the run has no such metric.
    """
    for metric_id in (name, f"builtin/{name}"):
        if metric_id in metric_ids:
            return metric_id
    hint = nearest_hint(name, metric_ids)
    raise InvalidArgumentError(argument=argument, detail=f"the run has no metric {name!r}{hint}")


@dataclass(frozen=True, slots=True)
class CaseRow:
    """Ended case of a run.

    Attributes:
        state: one of `CASE_STATES`.
        answer: the answer that was parsed and scored, as its generator or reducer gave it; None when there is none.
        parsed: what its parser made of it.
        scores: by metric id; None for a metric that could not score it.
        failures: the failures of its stages.
    """

    case_id: str
    dataset_id: str
    case_key: str
    state: str
    answer: Any
    parsed: Any
    scores: dict[str, float | None]
    failures: list[StageFailure]

    @property
    def reason(self) -> str | None:
        """The first failure in one text; None when nothing failed."""
        return f"{self.failures[0].category}: {self.failures[0].summary}" if self.failures else None

    def document(self) -> dict[str, Any]:
        """The same as JSON."""
        failures = [failure.model_dump(mode="json", exclude={"details", "attempts"}) for failure in self.failures]
        return {
            "case_id": self.case_id,
            "dataset_id": self.dataset_id,
            "case_key": self.case_key,
            "state": self.state,
            "answer": self.answer,
            "parsed": self.parsed,
            "scores": self.scores,
            "failures": failures,
        }


def case_rows(store: RunStore, snapshot: RunSnapshot) -> Iterator[CaseRow]:
    """Yield the ended cases of a run, in the datasets' order; a page of them is in memory at a time."""
    return map(_row, iter_cases(store, snapshot))


def _row(case: StoredCase) -> CaseRow:
    rows = list(rows_of(case))
    result = case.result()
    return CaseRow(
        case_id=case.end.case_id,
        dataset_id=case.dataset_id,
        case_key=case.key,
        state=FAILED if case.end.failed else _state(rows),
        answer=None if result.reduced_candidate is None else result.reduced_candidate.final_output,
        parsed=None if result.parsed_output is None else result.parsed_output.value,
        scores={row.metric_id: row.value for row in rows},
        failures=result.failures,
    )


def _state(rows: Sequence[BenchmarkScoreRow]) -> str:
    return NO_ANSWER if any(row.error_category == NO_ANSWER for row in rows) else OK
