"""The scores of a run, by metric and case: what two runs are compared by."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

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
        by_column: dict[int, dict[str, float | None]] = {column: {} for column in snapshot.metric_columns}
        numbers: dict[str, int] = {}
        first = 0
        while ends := store.ends_from(run_id, first, _PAGE):
            last = ends[-1].case_no
            keys = {end.case_no: case_key(snapshot.datasets[end.dataset_no].dataset_id, end.case_id) for end in ends}
            numbers.update((key, case_no) for case_no, key in keys.items())
            for of_metric in by_column.values():
                of_metric.update(dict.fromkeys(keys.values()))
            for case_no, _, item, value in store.scores_between(run_id, first, last + 1):
                if case_no in keys and item in by_column:  # those of single candidates are not
                    by_column[item][keys[case_no]] = value
            first = last + 1
        return cls(run_id, {name: by_column[column] for column, name in snapshot.metric_columns.items()}, numbers)

    def with_values(self, values: Mapping[tuple[str, str], float | None]) -> "RunScores":
        """Return the scores with other values, by metric and case key; None for a case that is left out."""
        changed = {metric_id: dict(of_cases) for metric_id, of_cases in self.scores.items()}
        for (metric_id, key), value in values.items():
            changed[metric_id][key] = value
        return replace(self, scores=changed)

    def scored(self, metric_id: str) -> dict[str, float]:
        """Return the cases that have a score of a metric."""
        return {key: value for key, value in self.scores.get(metric_id, {}).items() if value is not None}

    def unscored(self, metric_id: str) -> list[str]:
        """Return the keys of the cases that have none."""
        return [key for key, value in self.scores.get(metric_id, {}).items() if value is None]
