"""Figures of edited scores: the mean of a metric with the edits that hold, by the same sums as the one without."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from themis.core.outcomes.items import OF_CANDIDATES
from themis.core.score_edits.history import EditRecord
from themis.core.snapshot import RunSnapshot
from themis.core.statistics.score_tally import MetricSummary, ScoreTally
from themis.core.stores import RunStore

_PAGE = 10_000
"""Cases whose scores are read together."""


@dataclass(frozen=True, slots=True)
class EditedMetric:
    """A metric over all cases of a run, with the edits of its scores.

    Attributes:
        summary: its mean, interval and counts.
        edits: number of edits that hold; those of single candidates are not in the mean of the cases.
    """

    summary: MetricSummary
    edits: int

    def document(self) -> dict[str, Any]:
        """Return it as JSON."""
        names = ("mean", "ci_lower", "ci_upper", "scored", "total", "unscored", "low", "high")
        return {**{name: getattr(self.summary, name) for name in names}, "edits": self.edits}


def edited_metrics(
    store: RunStore, snapshot: RunSnapshot, holding: Mapping[tuple[int, int], EditRecord]
) -> dict[str, EditedMetric]:
    """Return each metric that has edits which hold, by its id; edits of single candidates are left out."""
    edited: dict[int, dict[int, float | None]] = {}
    for (case_no, item), record in holding.items():
        if item < OF_CANDIDATES:
            edited.setdefault(item, {})[case_no] = record.after
    if not edited:
        return {}
    measured = store.score_tallies(snapshot.run_id)
    tallies = {item: ScoreTally(measured[item].no_answer if item in measured else 0) for item in edited}
    for item, values in edited.items():
        tallies[item].add(value for value in values.values() if value is not None)
    for first in range(0, snapshot.total_cases, _PAGE):
        for item, values in edited.items():
            found = store.values_between(snapshot.run_id, item, first, first + _PAGE)
            tallies[item].add(value for no, value in found.items() if value is not None and no not in values)
    return {
        metric_id: EditedMetric(tallies[column].summary(snapshot.total_cases), len(edited[column]))
        for column, metric_id in snapshot.metric_columns.items()
        if column in edited
    }
