"""Taking of cases up to their evaluation: by the tasks of the pool, and before them of suspects, one at a time."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from themis.core.engine.case_work import CaseWork
from themis.core.engine.cases.at_risk import CasesAtRisk
from themis.core.engine.cases.claim_guard import ClaimGuard
from themis.core.engine.cases.evaluation import Evaluation
from themis.core.engine.cases.pipeline import CasePipeline
from themis.core.engine.observers import Observers
from themis.core.engine.writer import OutcomeWriter
from themis.core.outcomes.outcome import CaseEnd

if TYPE_CHECKING:
    from themis.core.engine.cases.branches import Answers
    from themis.core.models import ReducedCandidate


@dataclass(frozen=True, slots=True)
class CaseTaker:
    """Takes the cases of one execution of a run.

    Attributes:
        pipeline, evaluation: their stages.
        writer: stores what they come to.
        guard: lets a case begin.
        observers: hear of it.
        at_risk: the cases that may kill the process.
        ended: gets the end of a case that has no evaluation.
        unanswered: by number of a case, whether its batches gave it no answer; None without batches.
    """

    pipeline: CasePipeline
    evaluation: Evaluation
    writer: OutcomeWriter
    guard: ClaimGuard
    observers: Observers
    at_risk: CasesAtRisk
    ended: Callable[[CaseEnd], None]
    unanswered: bytearray | None = None

    async def take(self, work: CaseWork) -> None:
        """Take a case up to its evaluation, and wait for room for the next one."""
        await self.guard.passed()
        self.at_risk.begin(work.case_no)
        self.observers.case_started(work)
        answer: ReducedCandidate | Answers | CaseEnd
        if work.case_no in self.at_risk.lost:
            answer = self.at_risk.end_lost(work, self.pipeline, self.writer)
        elif self.unanswered is not None and self.unanswered[work.case_no]:
            answer = await self.pipeline.lost(work)
        else:
            answer = await self.pipeline.answer_of(work)
        if isinstance(answer, CaseEnd):
            self.ended(answer)
        else:
            self.evaluation.begin(work, answer)
        if self.evaluation.is_full:
            await self.evaluation.room()
        if self.writer.is_full:
            await self.writer.room()

    def is_held_up(self) -> bool:
        """Whether a case that has its answer waits for room: for its evaluation, or in the store."""
        return self.evaluation.is_full or self.writer.is_full

    async def take_alone(self, works: Iterable[CaseWork]) -> None:
        """Take suspects one at a time: when one begins, all that was done before it is in the store."""
        with self.at_risk.alone():
            for work in self.at_risk.in_order(works):
                await self.writer.flush()
                await self.take(work)
                await self.evaluation.finished()

    def is_answered(self, work: CaseWork) -> bool:
        """Whether all candidates of a case were generated before, or its batches gave it none."""
        if self.unanswered and self.unanswered[work.case_no]:
            return True
        return work.is_answered(self.pipeline.candidates)
