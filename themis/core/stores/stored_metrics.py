"""Metrics of a stored run, read from the store when somebody first asks."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from themis.core.snapshot import RunSnapshot
from themis.core.statistics.score_tally import MetricSummary, summaries

if TYPE_CHECKING:
    from themis.core.stores.protocol import RunStore


def read_metrics(store: "RunStore", snapshot: RunSnapshot) -> dict[str, MetricSummary]:
    """Summary of each metric of a run, by its id."""
    tallies = store.score_tallies(snapshot.run_id)
    failed = store.count_ends(snapshot.run_id)[1]
    return summaries(snapshot.metric_ids, tallies, total=snapshot.total_cases, failed=failed)


class StoredMetrics(Mapping[str, MetricSummary]):
    """The metrics of a run by their ids, as they were when first asked for."""

    def __init__(self, store: "RunStore", snapshot: RunSnapshot) -> None:
        """Of the run `snapshot` in `store`; nothing is read yet."""
        self._store = store
        self._snapshot = snapshot
        self._found: dict[str, MetricSummary] | None = None

    def __getitem__(self, metric_id: str) -> MetricSummary:
        """Summary of one metric."""
        return self._read()[metric_id]

    def __iter__(self) -> Iterator[str]:
        """The metrics' ids, in order."""
        return iter(self._read())

    def __len__(self) -> int:
        """Number of metrics."""
        return len(self._read())

    def __repr__(self) -> str:
        """As a dictionary's."""
        return repr(self._read())

    def _read(self) -> dict[str, MetricSummary]:
        if self._found is None:
            self._found = read_metrics(self._store, self._snapshot)
        return self._found
