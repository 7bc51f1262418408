"""Stored data of a run, for inspection from Python."""

from typing import Any

from themis.core.base import as_json
from themis.core.errors import UnknownRunError
from themis.core.results import ExecutionState
from themis.core.snapshot import RunSnapshot
from themis.core.stores import RunStore, projections


def get_run_snapshot(store: RunStore, run_id: str) -> RunSnapshot:
    """Return the stored snapshot of a run.

    Raises:
        UnknownRunError: the run is not in this store.
    """
    snapshot = store.load_snapshot(run_id)
    if snapshot is None:
        raise UnknownRunError(run_id=run_id, nearest="")
    return snapshot


def get_execution_state(store: RunStore, run_id: str) -> ExecutionState:
    """Return the finished parts of a run, by case key.

    Raises:
        UnknownRunError: the run is not in this store.
    """
    return projections.execution_state(store, run_id)


def quickcheck(store: RunStore, run_id: str) -> dict[str, Any]:
    """Return a run's status, counts, means with their details, and score rows, as JSON.

    Raises:
        UnknownRunError: the run is not in this store.
    """
    result = projections.run_result(store, run_id)
    benchmark = projections.benchmark_result(store, run_id)
    return {
        "run_id": run_id,
        "status": result.status.value,
        "total_cases": benchmark.total_cases,
        "completed_cases": benchmark.completed_cases,
        "failed_cases": benchmark.failed_cases,
        "metric_means": benchmark.metric_means,
        "metrics": {metric_id: found.document() for metric_id, found in benchmark.metrics.items()},
        "score_rows": [as_json(row) for row in benchmark.score_rows],
    }
