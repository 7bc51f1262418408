"""Stored data of a run, for inspection from Python."""

from collections.abc import Callable, Hashable, Iterator
from typing import Any, Literal

from themis.core.base import as_json
from themis.core.engine.samples import samples_of
from themis.core.errors import InvalidArgumentError
from themis.core.outcomes.outcome import CaseEnd
from themis.core.results import ExecutionState, RunResult
from themis.core.snapshot import PURE, RunSnapshot
from themis.core.statistics.sample_estimators import grouped_figures
from themis.core.statistics.sample_figures import SampleFigures
from themis.core.stores import RunStore, projections
from themis.core.stores.stored_cases import read_cases
from themis.core.text.nearest import nearest_hint
from themis.core.workflows import EvaluationExecution

_PAGE = 500
"""Ended cases that are read together."""


def get_run_snapshot(store: RunStore, run_id: str) -> RunSnapshot:
    """Return the stored snapshot of a run.

    Raises:
        UnknownRunError: the run is not in this store.
    """
    return projections.stored_snapshot(store, run_id)


def get_run_result(store: RunStore, run_id: str) -> RunResult:
    """Return the result of a stored run, complete or partial, as `Experiment.run` would.

    Raises:
        UnknownRunError: the run is not in this store.
    """
    return projections.run_result(store, run_id)


def get_execution_state(store: RunStore, run_id: str) -> ExecutionState:
    """Return the finished parts of a run, by case key.

    Raises:
        UnknownRunError: the run is not in this store.
    """
    return projections.execution_state(store, run_id)


def get_sample_figures(
    store: RunStore,
    run_id: str,
    metric_id: str,
    *,
    by: Callable[[str, str], Hashable] | None = None,
    together: Literal["pooled", "averaged"] = "pooled",
) -> tuple[SampleFigures, dict[Hashable, SampleFigures]]:
    """Return a metric's figures over the samples of all cases together, and of each group of cases.

    Two samples give the same answer when their parsed values are equal; a rule of the parser's own, which the figures
    in `RunResult.metrics` go by, is not known here.

    Args:
        store: the store.
        run_id: a run that scores each candidate.
        metric_id: the metric, such as `builtin/exact_match` or `strict/exact_match`.
        by: returns the group of a case by its dataset's id and its own; by default each dataset is a group.
        together: `pooled` gives each case the same weight, `averaged` each group.

    Raises:
        UnknownRunError: the run is not in this store.
        InvalidArgumentError: it has no such metric, or does not score each candidate.
    """
    snapshot = get_run_snapshot(store, run_id)
    column = next((column for column, known in snapshot.metric_columns.items() if known == metric_id), None)
    if column is None:
        hint = nearest_hint(metric_id, snapshot.metric_ids)
        raise InvalidArgumentError(argument="metric_id", detail=f"the run has no metric {metric_id!r}{hint}")
    if snapshot.metric_kinds[metric_id] != PURE:
        raise InvalidArgumentError(argument="metric_id", detail=f"judges score no single candidates for {metric_id!r}")
    if not snapshot.scores_each:
        detail = "the run scores no single candidates; run it with evaluation.score_candidates: each"
        raise InvalidArgumentError(argument="run_id", detail=detail)
    ends = {end.case_no: end for end in _ends(store, run_id)}
    datasets = [dataset.dataset_id for dataset in snapshot.datasets]

    def group(case_no: int) -> Hashable:
        end = ends[case_no]
        dataset_id = datasets[end.dataset_no]
        return dataset_id if by is None else by(dataset_id, end.case_id)

    samples = samples_of(store, snapshot, column)
    cases = ((group(case_no), of_case) for case_no, of_case in samples if case_no in ends)
    return grouped_figures(cases, snapshot.candidate_count, together=together)


def _ends(store: RunStore, run_id: str) -> Iterator[CaseEnd]:
    first = 0
    while page := store.ends_from(run_id, first, _PAGE):
        yield from page
        first = page[-1].case_no + 1


def get_evaluation_execution(
    store: RunStore,
    run_id: str,
    case_id: str,
    metric_id: str,
    dataset_id: str | None = None,
    case_key: str | None = None,
) -> EvaluationExecution | None:
    """Return what the judges of a metric were asked about a case, and answered; None when they were not asked.

    Args:
        store: keeps the run.
        run_id: the run.
        case_id: the case.
        metric_id: the metric, by the id under which the run shows it.
        dataset_id: its dataset, where several have a case of that id.
        case_key: its key, as another way to say so.

    Raises:
        UnknownRunError: the run is not in this store.
        InvalidArgumentError: the run has no such metric, or it asks no judge; no such case has ended, or several have.
    """
    snapshot = get_run_snapshot(store, run_id)
    if metric_id not in snapshot.metric_ids:
        detail = f"the run has no metric {metric_id!r}{nearest_hint(metric_id, snapshot.metric_ids)}"
        raise InvalidArgumentError(argument="metric_id", detail=detail)
    if snapshot.metric_kinds[metric_id] == PURE:
        raise InvalidArgumentError(argument="metric_id", detail=f"the metric {metric_id!r} asks no judge")
    ends = [end for end in _ends(store, run_id) if end.case_id == case_id]
    found = [
        case
        for end in ends
        for case in read_cases(store, snapshot, [end])
        if dataset_id in {None, case.dataset_id} and case_key in {None, case.key}
    ]
    if not found:
        raise InvalidArgumentError(argument="case_id", detail=f"no case {case_id!r} of the run has ended")
    if len(found) > 1:
        datasets = ", ".join(repr(case.dataset_id) for case in found)
        detail = f"there is a case {case_id!r} in each of {datasets}; name the dataset"
        raise InvalidArgumentError(argument="dataset_id", detail=detail)
    return found[0].executions().get(metric_id)


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
