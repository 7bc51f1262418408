"""One answer of a case up to its scores: the arguments of parser and metrics, and the handling of their results."""

from collections.abc import Sequence
from typing import Any, Protocol

from themis.core.components.pass_through import whole_output
from themis.core.config import OnNoAnswer
from themis.core.contexts import ParseContext, ScoreContext
from themis.core.engine.case_work import CaseWork
from themis.core.engine.cases.no_answer import (
    can_count_no_answer,
    count_no_answer,
    statistics_of_no_answer,
    wants_no_answer,
)
from themis.core.engine.cases.step import Step
from themis.core.models import ParsedOutput, ReducedCandidate
from themis.core.outcomes import codec
from themis.core.outcomes.answer_ends import AnswerEnd
from themis.core.outcomes.items import item_of
from themis.core.outcomes.outcome import CaseEnd, Outcome
from themis.core.outcomes.stages import Stage


class Branching:
    """A case whose evaluation has several branches, until the last of them has ended.

    Attributes:
        upstream: its end, if its candidates could not be reduced to one.
        left: number of branches that have not ended.
        reduced: the evaluation of the reduced answer outside of views, which judges are asked about; None without one.
    """

    __slots__ = ("_failed", "_through", "left", "reduced", "upstream")

    def __init__(self, upstream: CaseEnd | None) -> None:
        """A case; `upstream` is its end if its candidates could not be reduced to one."""
        self.upstream = upstream
        self.left = 0
        self.reduced: CaseEvaluation | None = None
        self._failed = upstream is not None and upstream.failed
        self._through = Stage.GENERATE if upstream is None else upstream.through

    @property
    def to_judge(self) -> "CaseEvaluation | None":
        """The evaluation to ask judges about, when all branches have ended."""
        return self.reduced if self.left == 0 else None

    def note(self, end: CaseEnd) -> None:
        """Note the end of a branch."""
        self.left -= 1
        self._failed |= end.failed
        self._through = max(self._through, end.through)

    def end(self, last: CaseEnd) -> CaseEnd:
        """The end of the case: failed when any part of it is, and through the last stage that any of it reached."""
        return last._replace(failed=self._failed or last.failed, through=max(self._through, last.through))


class CaseEvaluation:
    """The state of a case in its evaluation, or of a branch of it when there are several.

    Attributes:
        work: the case.
        reduced: the candidate that is parsed.
        left_out: the end of that answer, if answers that end so are not scored.
        whole: the case, when this is a branch of it.
        parsed: the answer; None until it is parsed.
        failed_at: the stage that failed; None while none has.
        is_over: whether nothing is left to do, because the answer could not be parsed.
        outcomes: new ones, which were not passed to the writer yet.
    """

    __slots__ = ("failed_at", "is_over", "left_out", "outcomes", "parsed", "reduced", "whole", "work")

    def __init__(
        self,
        work: CaseWork,
        reduced: ReducedCandidate,
        left_out: AnswerEnd | None = None,
        whole: Branching | None = None,
    ) -> None:
        """A case that has its answer."""
        self.work = work
        self.reduced = reduced
        self.left_out = left_out
        self.whole = whole
        self.parsed: ParsedOutput | None = None
        self.failed_at: Stage | None = None
        self.is_over = False
        self.outcomes: list[Outcome] = []

    def fail(self, stage: Stage) -> None:
        """Note that a stage failed; the first one counts."""
        if self.failed_at is None:
            self.failed_at = stage

    def end(self, until: Stage) -> CaseEnd:
        """The end of the case: at `until`, or at the stage that failed."""
        if self.failed_at is None:
            return self.work.end(until, failed=False)
        return self.work.end(self.failed_at, failed=True)


class Part(Protocol):
    """A step of the evaluation.

    Attributes:
        step: the component's step.
    """

    step: Step

    def arguments(self, case: CaseEvaluation) -> tuple[Any, ...] | None:
        """The arguments of the component; None when no call is needed, perhaps with a new outcome in `case`."""

    def take(self, case: CaseEvaluation, result: Any) -> None:
        """Continue with the component's result; None when it failed."""


class ParsePart:
    """The parser's part."""

    def __init__(self, step: Step, run_id: str) -> None:
        """The part in the run `run_id`."""
        self.step = step
        self._run_id = run_id

    def arguments(self, case: CaseEvaluation) -> tuple[Any, ...] | None:
        """The candidate and its context."""
        work = case.work
        if case.left_out is not None:
            return None
        if work.stored and (stored := work.stored.get(self.step.key)):
            self.take(case, codec.to_parsed(stored) if stored.ok else None)
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
        """Keep the parsed answer; without one the case is over."""
        case.parsed = result
        if result is None:
            case.failed_at, case.is_over = Stage.PARSE, True


class ScorePart:
    """A metric's part. The metric is not called without an answer, unless it scores missing answers itself."""

    def __init__(self, step: Step, run_id: str, seeds: Sequence[int], on_no_answer: OnNoAnswer) -> None:
        """The part in the run `run_id`; `seeds` are the answer's, by dataset, `on_no_answer` scores no answer."""
        self.step = step
        self._run_id = run_id
        self._seeds = seeds
        self._on_no_answer = on_no_answer
        self._candidate = item_of(step.item).candidate
        self._wants_no_answer = wants_no_answer(step.component)
        self._can_count_no_answer = can_count_no_answer(step.component, on_no_answer)

    def arguments(self, case: CaseEvaluation) -> tuple[Any, ...] | None:
        """The parsed answer, the case and the context."""
        work = case.work
        if work.stored and (stored := work.stored.get(self.step.key)):
            self.take(case, stored.ok or None)
            return None
        if case.parsed is None:
            case.parsed = whole_output(case.reduced)
        if case.left_out is not None:
            case.outcomes.append(codec.left_out(work.case_no, self.step.item, case.left_out))
            return None
        if case.parsed.value is None and not self._wants_no_answer:
            no_answer = count_no_answer(self._on_no_answer, work.case)
            details = no_answer.details
            if self._can_count_no_answer:
                details = statistics_of_no_answer(self.step.component, work.case)
            case.outcomes.append(codec.no_answer(work.case_no, self.step.item, no_answer.value, details))
            return None
        return case.parsed, work.case, self.context(case, case.parsed)

    def context(self, case: CaseEvaluation, parsed: ParsedOutput) -> ScoreContext:
        """The context that the metric gets with the answer."""
        work = case.work
        return ScoreContext(
            run_id=self._run_id,
            case=work.case,
            parsed_output=parsed,
            dataset_id=work.dataset.dataset_id,
            case_key=work.case_key,
            dataset_metadata=work.dataset.metadata,
            seed=self._seeds[work.dataset_no],
            candidate_index=self._candidate,
        )

    def take(self, case: CaseEvaluation, result: Any) -> None:
        """Mark the case as failed when the metric has no score: one such metric is enough."""
        if result is None:
            case.fail(Stage.SCORE)
