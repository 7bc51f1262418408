"""Edits of scores in reports: what rows and metrics show beside what was measured."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from themis.core.read_models import BenchmarkScoreRow, EditedScoreRow
from themis.core.score_edits.figures import EditedMetric, edited_metrics
from themis.core.score_edits.history import EditHistory, EditRecord, read_history
from themis.core.snapshot import RunSnapshot, case_key
from themis.core.statistics.score_tally import figures
from themis.core.stores import RunStore

EDITED_FIGURES = ("edited mean", "edited 95 % interval", "edits")
"""Figures beside those of each metric; only of runs with edits."""

EDITED_COLUMNS = ("edited_value", "edited_by", "edited_why", "edited_at")
"""Columns of a row that was edited; only of runs with edits."""


@dataclass(frozen=True, slots=True)
class RunEdits:
    """The edits of a run's scores.

    Attributes:
        history: all of them.
        metrics: the metrics with the edits that hold, by their ids; those without such edits are not in it.
    """

    history: EditHistory = field(default_factory=EditHistory)
    metrics: Mapping[str, EditedMetric] = field(default_factory=dict)

    @classmethod
    def read(cls, store: RunStore, snapshot: RunSnapshot) -> "RunEdits":
        """Return the edits of a stored run."""
        history = read_history(store, snapshot)
        return cls(history, edited_metrics(store, snapshot, history.holding))

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that rows have beside those of other runs."""
        return EDITED_COLUMNS if self.history.holding else ()

    def marked(self, rows: Iterable[BenchmarkScoreRow]) -> Iterator[BenchmarkScoreRow]:
        """Yield rows, those of edited scores with the edits that hold."""
        by_row: dict[tuple[str | None, str, int | None], EditRecord] = {
            _key(record): record for record in self.history.holding.values()
        }
        for row in rows:
            record = by_row.get((row.case_key, row.metric_id, row.candidate_index))
            yield row if record is None else _edited(row, record)

    def figures(self, metric_id: str) -> dict[str, str]:
        """Return the figures of a metric as texts by name; none for a run without edits."""
        if not self.metrics:
            return {}
        found = self.metrics.get(metric_id)
        if found is None:
            return dict(zip(EDITED_FIGURES, ("-", "-", "0"), strict=True))
        said = figures(found.summary)
        return dict(zip(EDITED_FIGURES, (said["mean"], said["95 % interval"], f"{found.edits:,}"), strict=True))

    def document(self) -> dict[str, Any]:
        """Return the whole history and the figures as JSON; nothing for a run without edits."""
        if not self.history:
            return {}
        return {
            "score_edits": [record.document() for record in self.history.records],
            "edited_metrics": {metric_id: found.document() for metric_id, found in self.metrics.items()},
        }


def _key(record: EditRecord) -> tuple[str, str, int | None]:
    return case_key(record.edit.dataset_id, record.edit.case_id), record.metric_id, record.candidate_index


def _edited(row: BenchmarkScoreRow, record: EditRecord) -> EditedScoreRow:
    return EditedScoreRow(
        **dict(row),
        edited_value=record.after,
        edited_by=record.edit.edited_by,
        edited_why=record.edit.why,
        edited_at=record.edited_at,
    )
