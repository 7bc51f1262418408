"""The scores of a run, by metric and case: what two runs are compared by."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import cast

from themis.core.inspection import get_run_snapshot
from themis.core.read_models import BenchmarkResult
from themis.core.snapshot import case_key
from themis.core.stores.protocol import RunStore

_PAGE = 10_000
"""Cases that are read together."""


@dataclass(frozen=True, slots=True)
class RunScores:
    """Scores of a run.

    Attributes:
        run_id: the run.
        scores: by metric and case key; None for a case that is not scored.
        case_numbers: the position of each case in a stored run, by its key.
    """

    run_id: str
    scores: Mapping[str, Mapping[str, float | None]]
    case_numbers: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, benchmark: BenchmarkResult) -> "RunScores":
        """Return the scores that a table holds, without those of single candidates."""
        scores: dict[str, dict[str, float | None]] = {metric_id: {} for metric_id in benchmark.metric_ids}
        for row in (row for row in benchmark.score_rows if row.candidate_index is None):
            scores.setdefault(row.metric_id, {})[row.case_key or row.case_id] = row.value
        return cls(benchmark.run_id, scores)

    @classmethod
    def read(cls, store: RunStore, run_id: str) -> "RunScores":
        """Return the scores of a stored run's ended cases.

        Raises:
            UnknownRunError: the run is not in the store.
        """
        snapshot = get_run_snapshot(store, run_id)
        beginnings = [case_key(dataset.dataset_id, "") for dataset in snapshot.datasets]
        by_column: dict[int, dict[str, float | None]] = {column: {} for column in snapshot.metric_columns}
        case_numbers: dict[str, int] = {}
        first = 0
        while cases := store.ended_ids_from(run_id, first, _PAGE):
            numbers = [case_no for case_no, _, _ in cases]
            stop = numbers[-1] + 1
            keys = [beginnings[dataset_no] + case_id for _, dataset_no, case_id in cases]
            case_numbers.update(zip(keys, numbers, strict=True))
            for column, of_metric in by_column.items():
                values = store.values_between(run_id, column, first, stop)
                of_metric.update(zip(keys, map(values.get, numbers), strict=True))
            first = stop
        return cls(run_id, {name: by_column[column] for column, name in snapshot.metric_columns.items()}, case_numbers)

    def with_values(self, values: Mapping[tuple[str, str], float | None]) -> "RunScores":
        """Return the scores with other values, by metric and case key; None for a case that is left out."""
        changed = {metric_id: dict(of_cases) for metric_id, of_cases in self.scores.items()}
        for (metric_id, key), value in values.items():
            changed[metric_id][key] = value
        return replace(self, scores=changed)

    def scored(self, metric_id: str) -> Mapping[str, float]:
        """Return the cases that have a score of a metric."""
        found = self.scores.get(metric_id, {})
        if None not in found.values():  # most often, and found out without a step of Python for each case
            return cast("Mapping[str, float]", found)
        return {key: value for key, value in found.items() if value is not None}

    def unscored(self, metric_id: str) -> list[str]:
        """Return the keys of the cases that have none."""
        found = self.scores.get(metric_id, {})
        return [key for key, value in found.items() if value is None] if None in found.values() else []
