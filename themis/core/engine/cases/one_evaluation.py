"""One case from its answer to its scores: what a parser and metrics are told, and what becomes of what they say."""

from collections.abc import Sequence
from typing import Any, Protocol

from themis.core.components.pass_through import whole_output
from themis.core.config import OnNoAnswer
from themis.core.contexts import ParseContext, ScoreContext
from themis.core.engine.case_work import CaseWork
from themis.core.engine.cases.no_answer import count_no_answer, wants_no_answer
from themis.core.engine.cases.stage_runner import Step
from themis.core.models import ParsedOutput, ReducedCandidate
from themis.core.outcomes import codec
from themis.core.outcomes.outcome import CaseEnd, Outcome
from themis.core.outcomes.stages import Stage


class CaseEvaluation:
    """How far a case is.

    Attributes:
        work: the case.
        reduced: the candidate that is parsed.
        parsed: the answer; None until it is parsed.
        failed_at: the stage that gave nothing.
        is_over: whether there is nothing more to do, as the answer could not be parsed.
        outcomes: what came of it since they were last handed to the writer.
    """

    __slots__ = ("failed_at", "is_over", "outcomes", "parsed", "reduced", "work")

    def __init__(self, work: CaseWork, reduced: ReducedCandidate) -> None:
        """A case whose answer is there."""
        self.work = work
        self.reduced = reduced
        self.parsed: ParsedOutput | None = None
        self.failed_at: Stage | None = None
        self.is_over = False
        self.outcomes: list[Outcome] = []

    def end(self, until: Stage) -> CaseEnd:
        """How far the case came, of what was asked for."""
        if self.failed_at is None:
            return self.work.end(until, failed=False)
        return self.work.end(self.failed_at, failed=True)


class Part(Protocol):
    """A step of the evaluation.

    Attributes:
        step: what is run.
    """

    step: Step

    def arguments(self, case: CaseEvaluation) -> tuple[Any, ...] | None:
        """What the component is called with; None when that is done already, perhaps with an outcome of the case's."""

    def take(self, case: CaseEvaluation, result: Any) -> None:
        """Go on from what the component gave, None when it failed."""


class ParsePart:
    """The parser's."""

    def __init__(self, step: Step, run_id: str) -> None:
        """Of the run `run_id`."""
        self.step = step
        self._run_id = run_id

    def arguments(self, case: CaseEvaluation) -> tuple[Any, ...] | None:
        """The candidate and its context."""
        work = case.work
        if work.stored and (stored := work.stored.get(self.step.key)):
            case.parsed = codec.to_parsed(stored)
            return None
        context = ParseContext(
            run_id=self._run_id,
            case_id=work.case.case_id,
            dataset_id=work.dataset.dataset_id,
            case_key=work.case_key,
            candidate_id=case.reduced.candidate_id,
        )
        return case.reduced, context

    def take(self, case: CaseEvaluation, result: Any) -> None:
        """Without a parsed answer there is nothing to score."""
        case.parsed = result
        if result is None:
            case.failed_at, case.is_over = Stage.PARSE, True


class ScorePart:
    """A metric's. It is not asked where there is no answer, unless it wants to be."""

    def __init__(self, step: Step, run_id: str, seeds: Sequence[int], on_no_answer: OnNoAnswer) -> None:
        """Of the run `run_id`; `seeds` are the first ones of its datasets, `on_no_answer` what no answer counts."""
        self.step = step
        self._run_id = run_id
        self._seeds = seeds
        self._on_no_answer = on_no_answer
        self._wants_no_answer = wants_no_answer(step.component)

    def arguments(self, case: CaseEvaluation) -> tuple[Any, ...] | None:
        """The parsed answer, the case and their context."""
        work = case.work
        if work.stored and self.step.key in work.stored:
            return None
        if case.parsed is None:
            case.parsed = whole_output(case.reduced)
        if case.parsed.value is None and not self._wants_no_answer:
            no_answer = count_no_answer(self._on_no_answer, work.case)
            case.outcomes.append(codec.no_answer(work.case_no, self.step.item, no_answer.value, no_answer.details))
            return None
        return case.parsed, work.case, self.context(case, case.parsed)

    def context(self, case: CaseEvaluation, parsed: ParsedOutput) -> ScoreContext:
        """What the metric is told beside the answer."""
        work = case.work
        return ScoreContext(
            run_id=self._run_id,
            case=work.case,
            parsed_output=parsed,
            dataset_id=work.dataset.dataset_id,
            case_key=work.case_key,
            dataset_metadata=work.dataset.metadata,
            seed=self._seeds[work.dataset_no],
        )

    def take(self, case: CaseEvaluation, result: Any) -> None:
        """One metric without a score is enough for a case to have failed."""
        if result is None:
            case.failed_at = Stage.SCORE
