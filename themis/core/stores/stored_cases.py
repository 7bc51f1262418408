"""Ended cases of a stored run, each made from its outcomes on request."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Any, overload

from themis.core.components.pass_through import first_candidate, whole_output
from themis.core.models import GenerationResult, ParsedOutput, ReducedCandidate, Score
from themis.core.outcomes import codec
from themis.core.outcomes.items import item_of
from themis.core.outcomes.outcome import CaseEnd, Outcome
from themis.core.outcomes.stages import SCORING, Stage
from themis.core.results import CaseResult, CaseState, ParsedView, SampleResult, StageFailure
from themis.core.snapshot import RunSnapshot, case_key
from themis.core.workflows import EvaluationExecution

if TYPE_CHECKING:
    from themis.core.stores.protocol import RunStore

PAGE = 500
"""Number of cases that are read from a store at a time."""


@dataclass(slots=True)
class StoredCase:
    """Stored outcomes of one ended case, sorted by stage and item.

    Attributes:
        by_answer: those of parses and scores by the candidate that they are about, on first use.
    """

    end: CaseEnd
    snapshot: RunSnapshot
    outcomes: list[Outcome] = field(default_factory=list)
    by_answer: dict[int | None, list[Outcome]] = field(default_factory=dict)

    @property
    def dataset_id(self) -> str:
        """Id of its dataset."""
        return self.snapshot.datasets[self.end.dataset_no].dataset_id

    @property
    def key(self) -> str:
        """Its case key."""
        return case_key(self.dataset_id, self.end.case_id)

    def succeeded(self, *stages: Stage) -> list[Outcome]:
        """Return the outcomes of some stages that gave a result, each stage's by item."""
        return [outcome for outcome in self.outcomes if outcome.stage in stages and outcome.ok]

    def failures(self, *stages: Stage) -> dict[int, StageFailure]:
        """Return the failures of some stages, by item."""
        return {o.item: codec.to_failure(o) for o in self.outcomes if o.stage in stages and not o.ok}

    def candidates(self) -> dict[int, GenerationResult]:
        """Return the generated candidates by index."""
        return {outcome.item: codec.to_generation(outcome) for outcome in self.succeeded(Stage.GENERATE)}

    def answer_end(self, candidate: int | None = None) -> str | None:
        """Return how the first of its answers, or one of them, ended if not by itself; None when all did."""
        generated = (o for o in self.succeeded(Stage.GENERATE) if candidate in {None, o.item})
        return next((outcome.category for outcome in generated if outcome.category), None)

    def served_models(self) -> set[str]:
        """Return the models that answered, by their provider's names."""
        return {found.served_model for found in self.candidates().values() if found.served_model is not None}

    def reduced(self) -> ReducedCandidate | None:
        """Return the one candidate that the later stages use."""
        if outcomes := self.succeeded(Stage.REDUCE):
            return codec.to_reduced(outcomes[0])
        if self.snapshot.component_refs.reducer is not None or not self._passed(Stage.REDUCE):
            return None
        if any(not outcome.ok and outcome.stage <= Stage.REDUCE for outcome in self.outcomes):
            return None  # single candidates of it went on
        candidates = self.candidates()
        kept = self.succeeded(Stage.SELECT)
        return first_candidate(
            [candidates[item] for item in (codec.to_selection(kept[0]) if kept else sorted(candidates))]
        )

    def of_answer(self, candidate: int | None) -> list[Outcome]:
        """Return the outcomes of the parses and scores of a single candidate, or of the reduced answer."""
        if not self.by_answer:
            for outcome in self.outcomes:
                if outcome.stage >= Stage.PARSE:
                    self.by_answer.setdefault(item_of(outcome.item).candidate, []).append(outcome)
        return self.by_answer.get(candidate, [])

    def parsed(self, answer: ReducedCandidate | None) -> ParsedOutput | None:
        """Return the parse of the reduced answer outside of views."""
        parses = (o for o in self.of_answer(None) if o.stage is Stage.PARSE and item_of(o.item).view == 0)
        return self._parsed(answer, 0, next(parses, None)).parsed_output

    def _evaluated(self, answer: ReducedCandidate | None, candidate: int | None) -> dict[str, Any]:
        """Return the fields that say how an answer was evaluated, which results of cases and candidates share."""
        metric_ids, outcomes = self.snapshot.metric_columns, self.of_answer(candidate)
        parses = {item_of(o.item).view: o for o in outcomes if o.stage is Stage.PARSE}
        scored = sorted((o for o in outcomes if o.stage in SCORING), key=lambda outcome: outcome.item)
        scores = [(metric_ids[item_of(o.item).column], o) for o in scored]
        given = (codec.to_given(o, metric_id) for metric_id, o in scores)
        outside = self._parsed(answer, 0, parses.get(0))
        views = self.snapshot.component_refs.numbered_views().items()
        return {
            "parsed_output": outside.parsed_output,
            "parse_error": outside.parse_error,
            "scores": [score for score in given if score is not None],
            "evaluation_failures": {metric_id: codec.to_failure(o) for metric_id, o in scores if not o.ok},
            "views": {name: self._parsed(answer, number, parses.get(number)) for number, (name, _) in views},
        }

    def _parsed(self, answer: ReducedCandidate | None, view: int, outcome: Outcome | None) -> ParsedView:
        """Return the parse of an answer in a view, by its outcome, if it has one."""
        if outcome is not None and not outcome.ok:
            return ParsedView(parse_error=codec.to_failure(outcome))
        if outcome is not None:
            return ParsedView(parsed_output=codec.to_parsed(outcome))
        if self.snapshot.component_refs.parsers_of(view) or answer is None or not self._passed(Stage.PARSE):
            return ParsedView()
        return ParsedView(parsed_output=whole_output(answer))

    def _samples(self, candidates: dict[int, GenerationResult]) -> list[SampleResult]:
        """Return the evaluation of each candidate, if they are scored each and it came that far."""
        if not self.snapshot.scores_each or not self._passed(Stage.REDUCE):
            return []
        return [
            SampleResult(
                candidate_index=index,
                candidate_id=candidate.candidate_id,
                **self._evaluated(first_candidate([candidate]), index),
            )
            for index, candidate in candidates.items()
        ]

    def executions(self) -> dict[str, EvaluationExecution]:
        """Return what the judges were asked, also in vain, by metric id."""
        metric_ids = self.snapshot.metric_columns
        judged = ((metric_ids[o.item], codec.to_execution(o)) for o in self.outcomes if o.stage is Stage.JUDGE)
        return {metric_id: execution for metric_id, execution in judged if execution is not None}

    def _passed(self, stage: Stage) -> bool:
        return self.end.through > stage or (self.end.through == stage and not self.end.failed)

    def result(self) -> CaseResult:
        """Return the case as users see it."""
        reduced, candidates = self.reduced(), self.candidates()
        reduction_failures = {**self.failures(Stage.SELECT), **self.failures(Stage.REDUCE)}
        return CaseResult(
            case_id=self.end.case_id,
            dataset_id=self.dataset_id,
            case_key=self.key,
            generated_candidates=list(candidates.values()),
            generation_failures={str(item): failure for item, failure in self.failures(Stage.GENERATE).items()},
            reduced_candidate=reduced,
            reduction_error=reduction_failures.get(0),
            samples=self._samples(candidates),
            evaluation_executions=list(self.executions().values()),
            **self._evaluated(reduced, None),
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
            evaluation_executions=self.executions(),
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
            read_cases(self._store, self._snapshot, self._store.ends_from(self._snapshot.run_id, case_no, 1))
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
            found += [case.result() for case in read_cases(self._store, self._snapshot, ends)]
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
        yield from read_cases(store, snapshot, ends)
        first = ends[-1].case_no + 1


def read_cases(store: "RunStore", snapshot: RunSnapshot, ends: list[CaseEnd]) -> Iterator[StoredCase]:
    """Yield the cases with such ends, which are one or more."""
    outcomes = store.outcomes_between(snapshot.run_id, ends[0].case_no, ends[-1].case_no + 1)
    by_case = {case_no: list(of_case) for case_no, of_case in groupby(outcomes, key=lambda outcome: outcome.case_no)}
    for end in ends:
        yield StoredCase(end, snapshot, by_case.get(end.case_no, []))
