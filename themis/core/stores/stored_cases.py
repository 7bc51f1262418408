"""Ended cases of a stored run, each made from its outcomes on request."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, overload

from themis.core.components.pass_through import first_candidate, whole_output
from themis.core.models import GenerationResult, ParsedOutput, ReducedCandidate, Score, ScoreError
from themis.core.outcomes import codec
from themis.core.outcomes.outcome import CaseEnd, Outcome
from themis.core.outcomes.stages import Stage
from themis.core.results import CaseResult, CaseState, StageFailure
from themis.core.snapshot import RunSnapshot, case_key

if TYPE_CHECKING:
    from themis.core.stores.protocol import RunStore

PAGE = 500
"""Number of cases that are read from a store at a time."""


@dataclass(slots=True)
class StoredCase:
    """Stored outcomes of one ended case, sorted by stage and item."""

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
        """Return the outcomes of a stage that gave a result, by item."""
        return [outcome for outcome in self.outcomes if outcome.stage is stage and outcome.ok]

    def failures(self, stage: Stage) -> dict[int, StageFailure]:
        """Return the failures of a stage, by item."""
        return {o.item: codec.to_failure(o) for o in self.outcomes if o.stage is stage and not o.ok}

    def candidates(self) -> dict[int, GenerationResult]:
        """Return the generated candidates by index."""
        return {outcome.item: codec.to_generation(outcome) for outcome in self.succeeded(Stage.GENERATE)}

    def answer_end(self) -> str | None:
        """Return how the first of its answers ended that did not end by itself; None when all did."""
        return next((outcome.category for outcome in self.succeeded(Stage.GENERATE) if outcome.category), None)

    def served_models(self) -> set[str]:
        """Return the models that answered, by their provider's names."""
        return {found.served_model for found in self.candidates().values() if found.served_model is not None}

    def reduced(self) -> ReducedCandidate | None:
        """Return the one candidate that the later stages use."""
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
        """Return the result of parsing the reduced candidate."""
        if outcomes := self.succeeded(Stage.PARSE):
            return codec.to_parsed(outcomes[0])
        if self.snapshot.component_refs.parsers or reduced is None or not self._passed(Stage.PARSE):
            return None
        return whole_output(reduced)

    def scores(self) -> list[Score | ScoreError]:
        """Return each metric's score or its error, in order; a case without an answer may have none."""
        metric_ids = self.snapshot.metric_ids
        given = (codec.to_given(o, metric_ids[o.item]) for o in self.outcomes if o.stage is Stage.SCORE)
        return [score for score in given if score is not None]

    def _passed(self, stage: Stage) -> bool:
        return self.end.through > stage or (self.end.through == stage and not self.end.failed)

    def result(self) -> CaseResult:
        """Return the case as users see it."""
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
            scores=self.scores(),
            evaluation_failures={metric_ids[item]: failure for item, failure in self.failures(Stage.SCORE).items()},
        )

    def state(self) -> CaseState:
        """Return the case as it is in the execution state."""
        result = self.result()
        return CaseState(
            case_id=result.case_id,
            dataset_id=result.dataset_id,
            generated_candidates={str(item): candidate for item, candidate in self.candidates().items()},
            generation_failures=result.generation_failures,
            reduced_candidate=result.reduced_candidate,
            parsed_output=result.parsed_output,
            successful_scores={score.metric_id: score for score in result.scores if isinstance(score, Score)},
            score_failures=result.evaluation_failures,
        )


class StoredCases(Sequence[CaseResult]):
    """Ended cases of a run, in the datasets' order, each read from the store on request."""

    def __init__(self, store: "RunStore", snapshot: RunSnapshot) -> None:
        """Make the sequence of the cases of `snapshot`'s run in `store`."""
        self._store = store
        self._snapshot = snapshot

    def __len__(self) -> int:
        """Count the ended cases."""
        return self._store.count_ends(self._snapshot.run_id)[0]

    def __iter__(self) -> Iterator[CaseResult]:
        """Iterate over the cases; a page of them is in memory at a time."""
        return (case.result() for case in iter_cases(self._store, self._snapshot))

    @overload
    def __getitem__(self, index: int) -> CaseResult: ...
    @overload
    def __getitem__(self, index: slice) -> list[CaseResult]: ...

    def __getitem__(self, index: int | slice) -> CaseResult | list[CaseResult]:
        """Return one case, or a list for a slice."""
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
        """Return neighbouring cases, read by the page."""
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
        """Whether the cases equal those of any other sequence."""
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]  # compares by content, which grows during a run

    def __repr__(self) -> str:
        """Return the number of cases, without their content."""
        return f"<{len(self)} cases>"


def iter_cases(store: "RunStore", snapshot: RunSnapshot) -> Iterator[StoredCase]:
    """Yield the ended cases of a run in order, a page in memory at a time."""
    first = 0
    while ends := store.ends_from(snapshot.run_id, first, PAGE):
        yield from _read_cases(store, snapshot, ends)
        first = ends[-1].case_no + 1


def _read_cases(store: "RunStore", snapshot: RunSnapshot, ends: list[CaseEnd]) -> Iterator[StoredCase]:
    outcomes = store.outcomes_between(snapshot.run_id, ends[0].case_no, ends[-1].case_no + 1)
    by_case = {case_no: list(of_case) for case_no, of_case in groupby(outcomes, key=lambda outcome: outcome.case_no)}
    for end in ends:
        yield StoredCase(end, snapshot, by_case.get(end.case_no, []))
