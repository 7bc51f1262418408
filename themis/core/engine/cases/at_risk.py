"""Cases at risk: those in flight are noted, suspects run alone, and those that killed a process end without being run.

A case may kill the process that runs it: by a segmentation fault, an exit, all of the memory. Then nobody is left to
say which case it was. So what is in flight is noted where it survives the process; the next execution of the run is
told which cases to run one at a time, before all others, and which to end as `worker_lost`.
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from themis.core.components.metric_families import PURE, family_of
from themis.core.engine.case_work import CaseWork
from themis.core.engine.cases.ahead import most_in_flight
from themis.core.engine.cases.pipeline import CasePipeline
from themis.core.engine.run_options import Precautions
from themis.core.engine.writer import OutcomeWriter
from themis.core.outcomes import codec
from themis.core.outcomes.outcome import CaseEnd
from themis.core.outcomes.stages import NAMES, WORKER_LOST, Stage
from themis.core.results import StageFailure

if TYPE_CHECKING:
    from themis.core.processes.noted_cases import NotedCases

logger = logging.getLogger("themis.engine")

_REASON = (
    "the process of its job died whenever this case was in flight, also while it ran alone; "
    "the log of that attempt may say why"
)
_ERROR_TYPE = "WorkerLost"


class CasesAtRisk:
    """Cases at risk of one execution of a run.

    Attributes:
        begin, end: note that a case, by its position in the run, is in flight, and that it has ended.
        suspects: cases to run alone.
        taken: those of them that were taken.
        lost: cases that end without being run.
    """

    def __init__(self, precautions: Precautions) -> None:
        """Take `precautions`; nothing is noted before this is opened."""
        self.suspects = frozenset(precautions.alone) - frozenset(precautions.lost)
        self.lost = frozenset(precautions.lost)
        self.taken: set[int] = set()
        self._order = precautions.alone
        self._make_notes = precautions.make_notes
        self._notes: NotedCases | None = None
        self.begin: Callable[[int], None] = _nothing
        self.end: Callable[[int], None] = _nothing

    def open(self, tasks: int) -> None:
        """Note cases from now on, with so many calls in flight."""
        if self._make_notes is None:
            return
        try:
            self._notes = self._make_notes(most_in_flight(tasks))
        except (OSError, ValueError) as error:
            text = "cases in flight are not noted, so that one that kills this process cannot be named: %s"
            logger.warning(text, error)
        else:
            self.begin, self.end = self._notes.begin, self._notes.end

    def close(self) -> None:
        """Remove the notes: this execution has ended, and says itself how."""
        if self._notes is not None:
            self.begin = self.end = _nothing
            self._notes.close()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Context in which cases run one at a time."""
        if self._notes is not None:
            self._notes.one_at_a_time(alone=True)
        yield
        if self._notes is not None:
            self._notes.one_at_a_time(alone=False)

    def in_order(self, works: Iterable[CaseWork]) -> list[CaseWork]:
        """Return the suspects among `works`, the most suspect first; they count as taken."""
        places = {case_no: place for place, case_no in enumerate(self._order)}
        found = sorted((work for work in works if work.case_no in self.suspects), key=lambda work: places[work.case_no])
        if found:
            logger.warning("%d cases were in flight when a process of this job died: they run alone first", len(found))
        self.taken.update(work.case_no for work in found)
        return found

    def end_lost(self, work: CaseWork, pipeline: CasePipeline, writer: OutcomeWriter) -> CaseEnd:
        """End a case that killed a process: the first of its stages that it lacks has failed."""
        stage, items = _lacking(work, pipeline)
        failure = StageFailure(
            stage=NAMES[stage].span, category=WORKER_LOST, message=_REASON, error_type=_ERROR_TYPE, retryable=False
        )
        logger.error("case %r ends as %s: %s", work.case.case_id, WORKER_LOST, _REASON)
        writer.add_all(codec.failed(work.case_no, stage, item, failure) for item in items)
        return work.end(stage, failed=True)


def _lacking(work: CaseWork, pipeline: CasePipeline) -> tuple[Stage, list[int]]:
    """Return the first stage of which a case lacks outcomes, and their items."""
    lacking = [step.key for step in pipeline.steps if step.key not in work.stored]
    if lacking:
        stage = min(stage for stage, _ in lacking)
        return stage, [item for of, item in lacking if of is stage]
    judged = [no for no, metric in enumerate(pipeline.metrics) if family_of(metric.live) != PURE]
    left = [item for item in judged if (Stage.JUDGE, item) not in work.stored]
    return (Stage.JUDGE, left) if left and pipeline.until >= Stage.JUDGE else (pipeline.until, [])


def _nothing(_: int) -> None:
    """Note nothing."""
