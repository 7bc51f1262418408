"""Views of a stored run, computed from its outcomes on each request."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from themis.core.base import as_json
from themis.core.errors import InvalidArgumentError, UnknownRunError
from themis.core.outcomes import codec
from themis.core.outcomes.answer_ends import AnswerEnd
from themis.core.outcomes.outcome import Outcome
from themis.core.outcomes.stages import NAMES, UNTIL_STAGES, Stage, until_name
from themis.core.read_models import BenchmarkResult, BenchmarkScoreRow
from themis.core.results import ExecutionState, ProgressSnapshot, RunResult, StageFailure
from themis.core.snapshot import RunSnapshot
from themis.core.statistics.score_tally import NO_ANSWER, means_of
from themis.core.stores.stored_cases import StoredCase, StoredCases, iter_cases
from themis.core.stores.stored_metrics import StoredMetrics, read_metrics
from themis.core.stores.stored_spends import StoredSpends
from themis.core.text.nearest import nearest_hint

if TYPE_CHECKING:
    from themis.core.stores.protocol import RunRecord, RunStore


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
        spends=StoredSpends(store, run_id),
        error=record.error,
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
    """Yield a row for each case and metric, in order."""
    for case in iter_cases(store, snapshot):
        yield from rows_of(case)


def benchmark_result(store: "RunStore", run_id: str) -> BenchmarkResult:
    """Return the scores of a run as a table, with their means and counts."""
    record, snapshot = _find(store, run_id)
    rows: list[BenchmarkScoreRow] = []
    ended = failed = 0
    for case in iter_cases(store, snapshot):  # counted while reading: more may end meanwhile
        rows += rows_of(case)
        ended += 1
        failed += case.end.failed
    metrics = read_metrics(store, snapshot)
    outcome_counts: dict[str, int] = {}
    error_counts: dict[str, int] = {}
    for row in rows:
        outcome_counts[row.outcome] = outcome_counts.get(row.outcome, 0) + 1
        if row.error_category:
            error_counts[row.error_category] = error_counts.get(row.error_category, 0) + 1
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
    """Return the traces and conversations of generators."""
    _, snapshot = _find(store, run_id)
    generation_traces, conversation_traces = [], []
    for case in iter_cases(store, snapshot):
        for item, candidate in case.candidates().items():
            place = {
                "case_id": case.end.case_id,
                "dataset_id": case.dataset_id,
                "case_key": case.key,
                "candidate_id": candidate.candidate_id,
                "trace_id": f"{case.key}#{item}",
            }
            document = as_json(candidate, include={"trace", "conversation"})
            if candidate.trace is not None:
                generation_traces.append({**place, "steps": document["trace"]})
            if candidate.conversation is not None:
                conversation_traces.append({**place, "messages": document["conversation"]})
    return {
        "run_id": run_id,
        "generation_traces": generation_traces,
        "conversation_traces": conversation_traces,
        "evaluation_traces": [],
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
    AnswerEnd.TRUNCATED: "the answer was cut off by its length limit",
    AnswerEnd.REFUSED: "the model, or a filter of its provider, refused to answer",
    AnswerEnd.EMPTY: "the model's answer is empty",
}

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
    scores = {outcome.item: outcome for outcome in case.succeeded(Stage.SCORE)}
    failures = case.failures(Stage.SCORE)
    upstream = _first_failure(case)
    candidate_id = _candidate_id(case)
    for item, metric_id in enumerate(case.snapshot.metric_ids):
        outcome = scores.get(item)
        if outcome is not None:
            yield _scored_row(case, outcome, metric_id, candidate_id)
            continue
        failure = failures.get(item) or upstream
        if failure is None:
            continue
        yield BenchmarkScoreRow(
            case_id=case.end.case_id,
            dataset_id=case.dataset_id,
            case_key=case.key,
            metric_id=metric_id,
            outcome="error",
            value=None,
            candidate_id=candidate_id,
            error_category=failure.category,
            error_message=failure.message,
            details=failure.details,
        )


def _scored_row(case: StoredCase, outcome: Outcome, metric_id: str, candidate_id: str | None) -> BenchmarkScoreRow:
    value, category = outcome.value, outcome.category or case.answer_end()
    return BenchmarkScoreRow(
        case_id=case.end.case_id,
        dataset_id=case.dataset_id,
        case_key=case.key,
        metric_id=metric_id,
        outcome="error" if value is None else "correct" if value >= 1 else "incorrect",
        value=value,
        candidate_id=candidate_id,
        error_category=category,
        error_message=_EXPLAINED.get(category) if category else None,
        details=codec.to_details(outcome),
    )


def _first_failure(case: StoredCase) -> StageFailure | None:
    for stage in (Stage.GENERATE, Stage.SELECT, Stage.REDUCE, Stage.PARSE):
        if failures := case.failures(stage):
            return next(iter(failures.values()))
    return None


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
    is_score = outcome is not None and outcome.stage is Stage.SCORE
    return {
        "event_type": event_type,
        "occurred_at": datetime.fromtimestamp(at_ms / 1000, tz=UTC).isoformat(timespec="milliseconds"),
        "case_id": case.end.case_id if case else None,
        "dataset_id": case.dataset_id if case else None,
        "case_key": case.key if case else None,
        "candidate_index": outcome.item if outcome and is_candidate else None,
        "candidate_id": _generated_id(outcome) if outcome and is_candidate else None,
        "metric_id": case.snapshot.metric_ids[outcome.item] if case and outcome and is_score else None,
    }


def _generated_id(outcome: Outcome) -> str | None:
    return codec.to_generation(outcome).candidate_id if outcome.ok else None
