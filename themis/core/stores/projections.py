"""Views of a stored run, computed from its outcomes each time they are asked for."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby
from typing import TYPE_CHECKING, Any, overload

from themis.core import outcome_codec as codec
from themis.core.errors import InvalidArgumentError, UnknownRunError
from themis.core.models import GenerationResult, ParsedOutput, ReducedCandidate
from themis.core.nearest import nearest_hint
from themis.core.outcomes import CaseEnd, Outcome
from themis.core.pass_through import first_candidate, whole_output
from themis.core.read_models import BenchmarkResult, BenchmarkScoreRow
from themis.core.results import CaseResult, CaseState, ExecutionState, ProgressSnapshot, RunResult, StageFailure
from themis.core.snapshot import RunSnapshot, case_key
from themis.core.stages import NAMES, Stage

if TYPE_CHECKING:
    from themis.core.stores.protocol import RunRecord, RunStore

PAGE = 500
"""Cases read from a store at a time."""


@dataclass(slots=True)
class StoredCase:
    """The stored outcomes of one ended case, sorted by what they are."""

    end: CaseEnd
    snapshot: RunSnapshot
    outcomes: list[Outcome] = field(default_factory=list)

    @property
    def dataset_id(self) -> str:
        """Id of its dataset."""
        return self.snapshot.datasets[self.end.dataset_no].dataset_id

    @property
    def key(self) -> str:
        """Its case key."""
        return case_key(self.dataset_id, self.end.case_id)

    def succeeded(self, stage: Stage) -> list[Outcome]:
        """Outcomes of a stage that gave a result, by item."""
        return [outcome for outcome in self.outcomes if outcome.stage is stage and outcome.ok]

    def failures(self, stage: Stage) -> dict[int, StageFailure]:
        """Failures of a stage, by item."""
        return {o.item: codec.to_failure(o) for o in self.outcomes if o.stage is stage and not o.ok}

    def candidates(self) -> dict[int, GenerationResult]:
        """Generated candidates by index."""
        return {outcome.item: codec.to_generation(outcome) for outcome in self.succeeded(Stage.GENERATE)}

    def reduced(self) -> ReducedCandidate | None:
        """The one candidate that the later stages work on."""
        if outcomes := self.succeeded(Stage.REDUCE):
            return codec.to_reduced(outcomes[0])
        if self.snapshot.component_refs.reducer is not None or not self._passed(Stage.REDUCE):
            return None
        candidates = self.candidates()
        kept = self.succeeded(Stage.SELECT)
        return first_candidate(
            [candidates[item] for item in (codec.to_selection(kept[0]) if kept else sorted(candidates))]
        )

    def parsed(self, reduced: ReducedCandidate | None) -> ParsedOutput | None:
        """What was read from the reduced candidate."""
        if outcomes := self.succeeded(Stage.PARSE):
            return codec.to_parsed(outcomes[0])
        if self.snapshot.component_refs.parsers or reduced is None or not self._passed(Stage.PARSE):
            return None
        return whole_output(reduced)

    def _passed(self, stage: Stage) -> bool:
        return self.end.through > stage or (self.end.through == stage and not self.end.failed)

    def result(self) -> CaseResult:
        """The case as a user reads it."""
        metric_ids = self.snapshot.metric_ids
        reduced = self.reduced()
        reduction_failures = {**self.failures(Stage.SELECT), **self.failures(Stage.REDUCE)}
        return CaseResult(
            case_id=self.end.case_id,
            dataset_id=self.dataset_id,
            case_key=self.key,
            generated_candidates=list(self.candidates().values()),
            generation_failures={str(item): failure for item, failure in self.failures(Stage.GENERATE).items()},
            reduced_candidate=reduced,
            reduction_error=reduction_failures.get(0),
            parsed_output=self.parsed(reduced),
            parse_error=self.failures(Stage.PARSE).get(0),
            scores=[codec.to_score(o, metric_ids[o.item]) for o in self.succeeded(Stage.SCORE)],
            evaluation_failures={metric_ids[item]: failure for item, failure in self.failures(Stage.SCORE).items()},
        )

    def state(self) -> CaseState:
        """The case as the execution state lists it."""
        result = self.result()
        return CaseState(
            case_id=result.case_id,
            dataset_id=result.dataset_id,
            generated_candidates={str(item): candidate for item, candidate in self.candidates().items()},
            generation_failures=result.generation_failures,
            reduced_candidate=result.reduced_candidate,
            parsed_output=result.parsed_output,
            successful_scores={score.metric_id: score for score in result.scores},
            score_failures=result.evaluation_failures,
        )


class StoredCases(Sequence[CaseResult]):
    """The ended cases of a run, in the datasets' order, each read from the store when asked for."""

    def __init__(self, store: "RunStore", snapshot: RunSnapshot) -> None:
        """The cases of `snapshot`'s run in `store`."""
        self._store = store
        self._snapshot = snapshot

    def __len__(self) -> int:
        """How many cases ended."""
        return self._store.count_ends(self._snapshot.run_id)[0]

    def __iter__(self) -> Iterator[CaseResult]:
        """Each case in turn; a page of them is in memory at a time."""
        return (case.result() for case in iter_cases(self._store, self._snapshot))

    @overload
    def __getitem__(self, index: int) -> CaseResult: ...
    @overload
    def __getitem__(self, index: slice) -> list[CaseResult]: ...

    def __getitem__(self, index: int | slice) -> CaseResult | list[CaseResult]:
        """One case, or a list of some."""
        if isinstance(index, slice):
            positions = range(*index.indices(len(self)))
            if positions.step == 1:
                return self._stretch(positions)
            return [self[position] for position in positions]
        position = index + len(self) if index < 0 else index
        case_no = self._store.nth_ended_case(self._snapshot.run_id, position) if position >= 0 else None
        if case_no is None:
            msg = f"case {index} of {len(self)}"
            raise IndexError(msg)
        return next(
            _read_cases(self._store, self._snapshot, self._store.ends_from(self._snapshot.run_id, case_no, 1))
        ).result()

    def _stretch(self, positions: range) -> list[CaseResult]:
        """Neighbours, read by the page."""
        run_id = self._snapshot.run_id
        first = self._store.nth_ended_case(run_id, positions.start) if positions else None
        found: list[CaseResult] = []
        while first is not None and len(found) < len(positions):
            ends = self._store.ends_from(run_id, first, min(PAGE, len(positions) - len(found)))
            if not ends:
                break
            found += [case.result() for case in _read_cases(self._store, self._snapshot, ends)]
            first = ends[-1].case_no + 1
        return found

    def __eq__(self, other: object) -> bool:
        """Equal to any sequence of equal cases."""
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]  # compares by content, which grows while a run does

    def __repr__(self) -> str:
        """How many there are, not what they hold."""
        return f"<{len(self)} cases>"


def iter_cases(store: "RunStore", snapshot: RunSnapshot) -> Iterator[StoredCase]:
    """The ended cases of a run in order, a page in memory at a time."""
    first = 0
    while ends := store.ends_from(snapshot.run_id, first, PAGE):
        yield from _read_cases(store, snapshot, ends)
        first = ends[-1].case_no + 1


def run_result(store: "RunStore", run_id: str) -> RunResult:
    """A run as a user reads it."""
    record, snapshot = _find(store, run_id)
    ended, failed = store.count_ends(run_id)
    return RunResult(
        run_id=run_id,
        status=record.status,
        completed_through_stage=record.completed_through,
        progress=ProgressSnapshot(total_cases=record.total_cases, completed_cases=ended - failed, failed_cases=failed),
        cases=StoredCases(store, snapshot),
        error=record.error,
    )


def execution_state(store: "RunStore", run_id: str) -> ExecutionState:
    """What is finished of a run, case by case."""
    record, snapshot = _find(store, run_id)
    return ExecutionState(
        run_id=run_id,
        status=record.status,
        completed_through_stage=record.completed_through,
        case_states={case.key: case.state() for case in iter_cases(store, snapshot)},
    )


def metric_means(store: "RunStore", snapshot: RunSnapshot) -> dict[str, float]:
    """Mean of each metric over the cases that have its score; a metric without any is absent."""
    return {snapshot.metric_ids[mean.item]: mean.mean for mean in store.score_means(snapshot.run_id)}


def score_rows(store: "RunStore", snapshot: RunSnapshot) -> Iterator[BenchmarkScoreRow]:
    """A row for each case and metric, in order."""
    for case in iter_cases(store, snapshot):
        yield from _rows_of(case)


def benchmark_result(store: "RunStore", run_id: str) -> BenchmarkResult:
    """The scores of a run as a table, with their means and counts."""
    record, snapshot = _find(store, run_id)
    rows: list[BenchmarkScoreRow] = []
    ended = failed = 0
    for case in iter_cases(store, snapshot):  # counted as they are read: more may end meanwhile
        rows += _rows_of(case)
        ended += 1
        failed += case.end.failed
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
        metric_means=metric_means(store, snapshot),
        outcome_counts=outcome_counts,
        error_counts=error_counts,
        score_rows=rows,
    )


def timeline_view(store: "RunStore", run_id: str) -> dict[str, Any]:
    """Everything that happened in a run, in order of time."""
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
    """The traces and conversations that generators left."""
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
            document = candidate.model_dump(mode="json", include={"trace", "conversation"})
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
    """A view by its name, as JSON.

    Raises:
        UnknownRunError: the run is not in this store.
        InvalidArgumentError: there is no view of that name.
    """
    view = _PROJECTIONS.get(name)
    if view is None:
        raise InvalidArgumentError(argument="projection", detail=f"no view {name!r}{nearest_hint(name, _PROJECTIONS)}")
    return view(store, run_id)


def _run_result_document(store: "RunStore", run_id: str) -> dict[str, Any]:
    result = run_result(store, run_id)
    return {**result.model_dump(mode="json"), "cases": [case.model_dump(mode="json") for case in result.cases]}


_PROJECTIONS: dict[str, Callable[["RunStore", str], Any]] = {
    "run_result": _run_result_document,
    "benchmark_result": lambda store, run_id: benchmark_result(store, run_id).model_dump(mode="json"),
    "timeline_view": timeline_view,
    "trace_view": trace_view,
    "snapshot": lambda store, run_id: _find(store, run_id)[1].model_dump(mode="json"),
}


_RANKS = {"run_started": -1, "run_completed": 1, "run_failed": 1}
"""What comes first and last of all that happened in one millisecond."""


def _find(store: "RunStore", run_id: str) -> "tuple[RunRecord, RunSnapshot]":
    record = store.load_run(run_id)
    snapshot = store.load_snapshot(run_id)
    if record is None or snapshot is None:
        raise UnknownRunError(run_id=run_id, nearest=nearest_hint(run_id, [run.run_id for run in store.list_runs()]))
    return record, snapshot


def _read_cases(store: "RunStore", snapshot: RunSnapshot, ends: list[CaseEnd]) -> Iterator[StoredCase]:
    outcomes = store.outcomes_between(snapshot.run_id, ends[0].case_no, ends[-1].case_no + 1)
    by_case = {case_no: list(of_case) for case_no, of_case in groupby(outcomes, key=lambda outcome: outcome.case_no)}
    for end in ends:
        yield StoredCase(end, snapshot, by_case.get(end.case_no, []))


def _rows_of(case: StoredCase) -> Iterator[BenchmarkScoreRow]:
    scores = {outcome.item: outcome for outcome in case.succeeded(Stage.SCORE)}
    failures = case.failures(Stage.SCORE)
    upstream = _first_failure(case)
    candidate_id = _candidate_id(case)
    for item, metric_id in enumerate(case.snapshot.metric_ids):
        score = codec.to_score(scores[item], metric_id) if item in scores else None
        failure = failures.get(item) or upstream
        if score is None and failure is None:
            continue
        yield BenchmarkScoreRow(
            case_id=case.end.case_id,
            dataset_id=case.dataset_id,
            case_key=case.key,
            metric_id=metric_id,
            outcome="error" if score is None else "correct" if score.value >= 1 else "incorrect",
            value=None if score is None else score.value,
            candidate_id=candidate_id,
            error_category=failure.category if score is None and failure else None,
            error_message=failure.message if score is None and failure else None,
            details=score.details if score else failure.details if failure else {},
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
