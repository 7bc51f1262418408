"""Summaries of a stored run's metrics, read from the store on first use."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from themis.core.snapshot import RunSnapshot
from themis.core.statistics.score_tally import MetricSummary, summaries

if TYPE_CHECKING:
    from themis.core.stores.protocol import RunStore


def read_metrics(store: "RunStore", snapshot: RunSnapshot) -> dict[str, MetricSummary]:
    """Return the summary of each metric of a run, by its id."""
    tallies = store.score_tallies(snapshot.run_id)
    failed = store.count_ends(snapshot.run_id)[1]
    aggregates = store.aggregates(snapshot.run_id)
    return summaries(snapshot.metric_columns, tallies, aggregates, total=snapshot.total_cases, failed=failed)


class StoredMetrics(Mapping[str, MetricSummary]):
    """Summaries of a run's metrics by their ids, as of the first use."""

    def __init__(self, store: "RunStore", snapshot: RunSnapshot) -> None:
        """Make the mapping for the run `snapshot` in `store`; nothing is read yet."""
        self._store = store
        self._snapshot = snapshot
        self._found: dict[str, MetricSummary] | None = None

    def __getitem__(self, metric_id: str) -> MetricSummary:
        """Return the summary of one metric."""
        return self._read()[metric_id]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the metrics' ids, in order."""
        return iter(self._read())

    def __len__(self) -> int:
        """Count the metrics."""
        return len(self._read())

    def __repr__(self) -> str:
        """Return a representation like that of a dictionary."""
        return repr(self._read())

    def _read(self) -> dict[str, MetricSummary]:
        if self._found is None:
            self._found = read_metrics(self._store, self._snapshot)
        return self._found
