"""Views of a stored run, computed from its outcomes on each request."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from themis.core.base import as_json
from themis.core.errors import InvalidArgumentError, UnknownRunError
from themis.core.outcomes import codec
from themis.core.outcomes.answer_ends import AnswerEnd
from themis.core.outcomes.items import item_of
from themis.core.outcomes.outcome import Outcome
from themis.core.outcomes.stages import NAMES, SCORING, UNTIL_STAGES, Stage, until_name
from themis.core.read_models import BenchmarkResult, BenchmarkScoreRow
from themis.core.result_views.on_demand import ItemsOnDemand, ValuesOnDemand
from themis.core.results import ExecutionState, ProgressSnapshot, RunResult, StageFailure
from themis.core.snapshot import PURE, RunSnapshot
from themis.core.statistics.score_tally import NO_ANSWER, means_of
from themis.core.stores.stored_cases import StoredCase, StoredCases, iter_cases
from themis.core.stores.stored_metrics import StoredMetrics, read_metrics
from themis.core.stores.stored_spends import StoredSpends
from themis.core.text.nearest import nearest_hint

if TYPE_CHECKING:
    from themis.core.stores.protocol import RunRecord, RunStore


def stored_snapshot(store: "RunStore", run_id: str) -> RunSnapshot:
    """Return the snapshot of a run.

    Raises:
        UnknownRunError: the run is not in this store.
    """
    snapshot = store.load_snapshot(run_id)
    if snapshot is None:
        raise UnknownRunError(run_id=run_id, nearest="")
    return snapshot


def run_result(store: "RunStore", run_id: str, own: "RunRecord | None" = None) -> RunResult:
    """Return a run as users see it; `own` is the row of the process that has just run it, whatever is queued of it."""
    record, snapshot = _find(store, run_id)
    record = own or record
    ended, failed = store.count_ends(run_id)
    return RunResult(
        run_id=run_id,
        status=record.status,
        completed_through_stage=_completed_through(record, snapshot),
        progress=ProgressSnapshot(total_cases=record.total_cases, completed_cases=ended - failed, failed_cases=failed),
        cases=StoredCases(store, snapshot),
        metrics=StoredMetrics(store, snapshot),
        scores=ItemsOnDemand(lambda: score_rows(store, snapshot)),
        given_cases=ValuesOnDemand(snapshot.listed_cases),
        spends=StoredSpends(store, run_id),
        error=record.error,
        name=record.name,
    )


def execution_state(store: "RunStore", run_id: str) -> ExecutionState:
    """Return the finished cases of a run."""
    record, snapshot = _find(store, run_id)
    return ExecutionState(
        run_id=run_id,
        status=record.status,
        completed_through_stage=_completed_through(record, snapshot),
        case_states={case.key: case.state() for case in iter_cases(store, snapshot)},
    )


def score_rows(store: "RunStore", snapshot: RunSnapshot) -> Iterator[BenchmarkScoreRow]:
    """Yield a row for each case and metric, in order; where candidates are scored each, then one for each of them."""
    for case in iter_cases(store, snapshot):
        yield from rows_of(case)
        yield from sample_rows_of(case)


def benchmark_result(store: "RunStore", run_id: str) -> BenchmarkResult:
    """Return the scores of a run as a table, with their means and counts."""
    record, snapshot = _find(store, run_id)
    rows: list[BenchmarkScoreRow] = []
    ended = failed = 0
    outcome_counts: dict[str, int] = {}
    error_counts: dict[str, int] = {}
    for case in iter_cases(store, snapshot):  # counted while reading: more may end meanwhile
        for row in rows_of(case):
            rows.append(row)
            outcome_counts[row.outcome] = outcome_counts.get(row.outcome, 0) + 1
            if row.error_category:
                error_counts[row.error_category] = error_counts.get(row.error_category, 0) + 1
        rows += sample_rows_of(case)
        ended += 1
        failed += case.end.failed
    metrics = read_metrics(store, snapshot)
    return BenchmarkResult(
        run_id=run_id,
        dataset_ids=[dataset.dataset_id for dataset in snapshot.datasets],
        metric_ids=snapshot.metric_ids,
        total_cases=record.total_cases,
        completed_cases=ended - failed,
        failed_cases=failed,
        metric_means=means_of(metrics),
        metrics=metrics,
        outcome_counts=outcome_counts,
        error_counts=error_counts,
        score_rows=rows,
    )


def timeline_view(store: "RunStore", run_id: str) -> dict[str, Any]:
    """Return all events of a run, in order of time."""
    record, snapshot = _find(store, run_id)
    entries = [
        _entry(outcome.finished_ms, _event_type(outcome), case, outcome)
        for case in iter_cases(store, snapshot)
        for outcome in case.outcomes
    ]
    if record.started_ms is not None:
        entries.append(_entry(record.started_ms, "run_started"))
    if record.ended_ms is not None:
        entries.append(_entry(record.ended_ms, "run_failed" if record.status == "failed" else "run_completed"))
    entries.sort(key=lambda entry: (entry["occurred_at"], _RANKS.get(entry["event_type"], 0)))
    return {"run_id": run_id, "entries": [{"index": index, **entry} for index, entry in enumerate(entries)]}


def trace_view(store: "RunStore", run_id: str) -> dict[str, Any]:
    """Return the traces and conversations of generators, and what judges were asked."""
    _, snapshot = _find(store, run_id)
    generation_traces, conversation_traces, evaluation_traces = [], [], []
    for case in iter_cases(store, snapshot):
        of_case = {"case_id": case.end.case_id, "dataset_id": case.dataset_id, "case_key": case.key}
        for metric_id, execution in case.executions().items():
            evaluation_traces.append({**of_case, "metric_id": metric_id, "execution": as_json(execution)})
        for item, candidate in case.candidates().items():
            place = {**of_case, "candidate_id": candidate.candidate_id, "trace_id": f"{case.key}#{item}"}
            document = as_json(candidate, include={"trace", "conversation"})
            if candidate.trace is not None:
                generation_traces.append({**place, "steps": document["trace"]})
            if candidate.conversation is not None:
                conversation_traces.append({**place, "messages": document["conversation"]})
    return {
        "run_id": run_id,
        "generation_traces": generation_traces,
        "conversation_traces": conversation_traces,
        "evaluation_traces": evaluation_traces,
    }


def project(store: "RunStore", run_id: str, name: str) -> Any:
    """Return a view by its name, as JSON.

    Raises:
        UnknownRunError: the run is not in this store.
        InvalidArgumentError: there is no view of that name.
    """
    view = _PROJECTIONS.get(name)
    if view is None:
        raise InvalidArgumentError(argument="projection", detail=f"no view {name!r}{nearest_hint(name, _PROJECTIONS)}")
    return view(store, run_id)


_PROJECTIONS: dict[str, Callable[["RunStore", str], Any]] = {
    "run_result": lambda store, run_id: as_json(run_result(store, run_id)),
    "benchmark_result": lambda store, run_id: as_json(benchmark_result(store, run_id)),
    "timeline_view": timeline_view,
    "trace_view": trace_view,
    "snapshot": lambda store, run_id: _find(store, run_id)[1].model_dump(mode="json"),
}


_EXPLAINED: dict[str, str] = {
    NO_ANSWER: "the model answered, but nothing that can be scored was found in its answer",
    codec.EVALUATION_PARTIAL_FAILURE: "some of the judge's calls failed; the others were enough for a score",
    AnswerEnd.TRUNCATED: "the answer was cut off by its length limit",
    AnswerEnd.REFUSED: "the model, or a filter of its provider, refused to answer",
    AnswerEnd.EMPTY: "the model's answer is empty",
}

_BEFORE_PARSE = (Stage.GENERATE, Stage.SELECT, Stage.REDUCE)

_RANKS = {"run_started": -1, "run_completed": 1, "run_failed": 1}
"""Ranks of the events that come first and last within one millisecond."""


def _find(store: "RunStore", run_id: str) -> "tuple[RunRecord, RunSnapshot]":
    record = store.load_standing(run_id)
    snapshot = store.load_snapshot(run_id)
    if record is None or snapshot is None:
        raise UnknownRunError(run_id=run_id, nearest=nearest_hint(run_id, [run.run_id for run in store.list_runs()]))
    return record, snapshot


def _completed_through(record: "RunRecord", snapshot: RunSnapshot) -> str | None:
    """Return the stage that a run has completed; version 4.0 recorded every complete run as judged."""
    if record.completed_through is None:
        return None
    return until_name(min(UNTIL_STAGES[record.completed_through], snapshot.last_stage))


def rows_of(case: StoredCase) -> Iterator[BenchmarkScoreRow]:
    """Yield a row for each metric that has an outcome for a case, or none as an earlier stage failed."""
    upstream = next((failure for stage in _BEFORE_PARSE for failure in case.failures(stage).values()), None)
    yield from _rows(case, None, _candidate_id(case), upstream)


def sample_rows_of(case: StoredCase) -> Iterator[BenchmarkScoreRow]:
    """Yield such rows for each candidate, if the run scores them each."""
    if not case.snapshot.scores_each:
        return
    generated, failures = case.candidates(), case.failures(Stage.GENERATE)
    for index in range(case.snapshot.candidate_count):
        candidate = generated.get(index)
        yield from _rows(case, index, None if candidate is None else candidate.candidate_id, failures.get(index))


def _rows(
    case: StoredCase, candidate: int | None, candidate_id: str | None, upstream: StageFailure | None
) -> Iterator[BenchmarkScoreRow]:
    """Yield the rows of an answer; `upstream` says why there is none."""
    found = {(outcome.stage, outcome.item): outcome for outcome in case.of_answer(candidate)}
    end = case.answer_end(candidate)
    for column, metric_id in case.snapshot.metric_columns.items():
        item = item_of(column)._replace(candidate=candidate)
        place: dict[str, Any] = {
            "case_id": case.end.case_id,
            "dataset_id": case.dataset_id,
            "case_key": case.key,
            "metric_id": metric_id,
            "candidate_id": candidate_id,
            "candidate_index": candidate,
        }
        if candidate is not None and case.snapshot.metric_kinds[metric_id] != PURE:
            continue  # judges are asked about the reduced answer alone
        outcome = found.get((Stage.SCORE, item.number)) or found.get((Stage.JUDGE, item.number))
        if outcome is not None and outcome.ok:
            yield _scored_row(place, outcome, outcome.category or end)
            continue
        if outcome is None and upstream is None:
            outcome = found.get((Stage.PARSE, item._replace(metric=0).number))
        failure = upstream if outcome is None or outcome.ok else codec.to_failure(outcome)
        if failure is not None:
            yield BenchmarkScoreRow(
                **place,
                outcome="error",
                error_category=failure.category,
                error_message=failure.message,
                details=failure.details,
            )


def _scored_row(place: dict[str, Any], outcome: Outcome, category: str | None) -> BenchmarkScoreRow:
    value = outcome.value
    return BenchmarkScoreRow(
        **place,
        outcome="error" if value is None else "correct" if value >= 1 else "incorrect",
        value=value,
        error_category=category,
        error_message=_EXPLAINED.get(category) if category else None,
        details=codec.to_details(outcome),
    )


def _candidate_id(case: StoredCase) -> str | None:
    if reduced := case.reduced():
        return reduced.candidate_id
    candidates = case.candidates()
    return next(iter(candidates.values())).candidate_id if candidates else None


def _event_type(outcome: Outcome) -> str:
    return f"{NAMES[outcome.stage].event}_{'completed' if outcome.ok else 'failed'}"


def _entry(
    at_ms: int, event_type: str, case: StoredCase | None = None, outcome: Outcome | None = None
) -> dict[str, Any]:
    is_candidate = outcome is not None and outcome.stage is Stage.GENERATE
    is_score = outcome is not None and outcome.stage in SCORING
    item = item_of(outcome.item) if outcome and outcome.stage >= Stage.PARSE else None
    return {
        "event_type": event_type,
        "occurred_at": datetime.fromtimestamp(at_ms / 1000, tz=UTC).isoformat(timespec="milliseconds"),
        "case_id": case.end.case_id if case else None,
        "dataset_id": case.dataset_id if case else None,
        "case_key": case.key if case else None,
        "candidate_index": outcome.item if outcome and is_candidate else item and item.candidate,
        "candidate_id": _generated_id(outcome) if outcome and is_candidate else None,
        "metric_id": case.snapshot.metric_columns.get(item.column) if case and item and is_score else None,
    }


def _generated_id(outcome: Outcome) -> str | None:
    return codec.to_generation(outcome).candidate_id if outcome.ok else None
