"""Subscribers and a tracing provider: they are notified of events, and their errors never affect the run."""

import asyncio
import inspect
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from themis.core.engine.calls.interrupts import asks_for_the_end
from themis.core.engine.case_work import CaseWork
from themis.core.events import COMPLETED, FAILED, STARTED, RunCompletedEvent, RunEvent, RunFailedEvent, RunStartedEvent
from themis.core.models import ReducedCandidate
from themis.core.observations import CaseScore, ModelCall, ObservedCase
from themis.core.outcomes.items import item_of
from themis.core.outcomes.outcome import CaseEnd
from themis.core.outcomes.stages import NAMES, Stage
from themis.core.outcomes.told_results import facts_of, score_of
from themis.core.protocols import TracingProvider
from themis.core.results import StageFailure

logger = logging.getLogger("themis.observers")

_SCORING = frozenset({Stage.SCORE, Stage.JUDGE})


@dataclass(frozen=True, slots=True)
class Moment:
    """A stage of a case, as observers see it."""

    stage: Stage
    work: CaseWork
    item: int
    metric_id: str | None
    subject: Any
    context: Any


class Observers:
    """All observers of a run."""

    def __init__(self, run_id: str, subscribers: Iterable[Any], tracer: TracingProvider | None) -> None:
        """The observers of the run `run_id`."""
        self._run_id = run_id
        self._subscribers = list(subscribers)
        self._tracer = tracer
        self._has_events = any(hasattr(subscriber, "on_event") for subscriber in self._subscribers)
        self._complained: set[tuple[int, str]] = set()
        self._cases: dict[int, ObservedCase] = {}

    @property
    def anyone(self) -> bool:
        """Whether there is any observer."""
        return bool(self._subscribers) or self._tracer is not None

    @property
    def hear_calls(self) -> bool:
        """Whether there is an observer of the calls of models."""
        return any(hasattr(subscriber, "on_call") for subscriber in self._subscribers)

    def add(self, subscriber: Any) -> None:
        """Notify `subscriber` too, of all that follows."""
        self._subscribers.append(subscriber)
        self._has_events = self._has_events or hasattr(subscriber, "on_event")

    async def run_started(self) -> Any:
        """Notify of the beginning of the run; returns its span."""
        await self._event(RunStartedEvent, {})
        return self._start_span("run", {"run_id": self._run_id})

    async def run_ended(self, span: Any, status: str, error: str | None) -> None:
        """Notify of the end of the run; `error` is one of the run as a whole."""
        self._end_span(span, failed=error is not None)
        if error is None:
            await self._event(RunCompletedEvent, {"status": status})
        else:
            await self._event(RunFailedEvent, {"error_message": error})

    async def before(self, moment: Moment) -> Any:
        """Notify of the beginning of a stage; returns its span."""
        names = NAMES[moment.stage]
        span = self._start_span(names.span, {"run_id": self._run_id, **_place(moment)})
        if names.hook:
            subject = moment.work.case if moment.stage is Stage.GENERATE else moment.subject
            await self._tell(f"before_{names.hook}", subject, moment.context)
        await self._event(STARTED[moment.stage], _place(moment))
        return span

    async def succeeded(self, moment: Moment, span: Any, result: Any) -> None:
        """Notify of a stage's result."""
        self._end_span(span, failed=False)
        hook = NAMES[moment.stage].hook
        if hook:
            await self._tell(f"after_{hook}", result, moment.context)
        if self._has_events:
            facts = facts_of(moment.stage, result, moment.metric_id)
            await self._event(COMPLETED[moment.stage], {**_place(moment), **facts})
        if moment.stage in _SCORING:
            score = score_of(result, moment.metric_id)
            execution = None if score is result else result
            self.scored(moment.work, moment.item, moment.metric_id, score=score, execution=execution)

    async def failed(self, moment: Moment, span: Any, failure: StageFailure) -> None:
        """Notify of a stage's failure."""
        self._end_span(span, failed=True)
        facts = {"category": failure.category, "error_message": failure.message, "error": failure}
        await self._event(FAILED[moment.stage], {**_place(moment), **facts})
        if moment.stage in _SCORING:
            self.scored(moment.work, moment.item, moment.metric_id, category=failure.category, reason=failure.message)

    def case_started(self, work: CaseWork) -> None:
        """Notify of the beginning of a case."""
        if self._subscribers:
            self._cases[work.case_no] = self.place_of(work)
            self._tell_at_once("on_case_started", self._cases[work.case_no])

    def case_ended(self, end: CaseEnd) -> None:
        """Notify of the end of a case that was begun."""
        if (case := self._cases.pop(end.case_no, None)) is not None:
            self._tell_at_once("on_case_ended", case, end.failed)

    def called(self, call: ModelCall) -> None:
        """Notify of a call of a model that has ended."""
        self._tell_at_once("on_call", call)

    def scored(self, work: CaseWork, item: int, metric_id: str | None, **facts: Any) -> None:
        """Notify of what a metric gave for an answer; `facts` are the other fields of a `CaseScore`."""
        if self._subscribers:
            place, candidate = self.place_of(work), item_of(item).candidate
            told = CaseScore(of=place, metric_id=metric_id or "", candidate_index=candidate, **facts)
            self._tell_at_once("on_score", told)

    def place_of(self, work: CaseWork) -> ObservedCase:
        """Return a case as observers see it."""
        return self._cases.get(work.case_no) or ObservedCase(
            run_id=self._run_id, case=work.case, dataset_id=work.dataset.dataset_id, case_key=work.case_key
        )

    async def _event(self, kind: type[RunEvent], facts: dict[str, Any]) -> None:
        if self._has_events:
            await self._tell("on_event", kind(run_id=self._run_id, occurred_at=datetime.now(tz=UTC), **facts))

    async def _tell(self, method: str, *arguments: Any) -> None:
        task = asyncio.current_task()
        for subscriber in self._subscribers:
            hook = getattr(subscriber, method, None)
            if hook is None:
                continue
            try:
                answer = hook(*arguments)
                if inspect.isawaitable(answer):
                    await answer
            except BaseException as error:  # an error of a subscriber must not affect the run
                if asks_for_the_end(error, task):
                    raise
                self._complain(subscriber, method, error)

    def _tell_at_once(self, method: str, *arguments: Any) -> None:
        for subscriber in self._subscribers:
            hook = getattr(subscriber, method, None)
            if hook is None:
                continue
            try:
                hook(*arguments)
            except BaseException as error:  # an error of a subscriber must not affect the run
                if asks_for_the_end(error, None):
                    raise
                self._complain(subscriber, method, error)

    def _start_span(self, name: str, attributes: dict[str, Any]) -> Any:
        if self._tracer is None:
            return None
        try:
            return self._tracer.start_span(name, attributes)
        except BaseException as error:
            if asks_for_the_end(error, None):
                raise
            self._complain(self._tracer, "start_span", error)
            return None

    def _end_span(self, span: Any, *, failed: bool) -> None:
        if self._tracer is None or span is None:
            return
        try:
            self._tracer.end_span(span, "error" if failed else "ok")
        except BaseException as error:
            if asks_for_the_end(error, None):
                raise
            self._complain(self._tracer, "end_span", error)

    def _complain(self, listener: Any, method: str, error: BaseException) -> None:
        """Log an error of a listener once: it is likely to recur with every case."""
        if (id(listener), method) not in self._complained:
            self._complained.add((id(listener), method))
            logger.warning("%s.%s raised %s: %s", type(listener).__name__, method, type(error).__name__, error)


def _place(moment: Moment) -> dict[str, Any]:
    return {
        "case_id": moment.work.case.case_id,
        "dataset_id": moment.work.dataset.dataset_id,
        "case_key": moment.work.case_key,
        "candidate_index": _candidate_index(moment),
        "candidate_id": moment.subject.candidate_id if isinstance(moment.subject, ReducedCandidate) else None,
        "metric_id": moment.metric_id,
    }


def _candidate_index(moment: Moment) -> int | None:
    """The candidate that a stage is about; None for the reduced one."""
    if moment.stage is Stage.GENERATE:
        return moment.item
    return item_of(moment.item).candidate
