"""The evaluation of cases while others are still being generated: threads, back pressure, return to the event loop.

A model must not wait for a slow metric. So a case that has its answer leaves the task pool and frees its place among
the calls in flight; it is parsed and scored in its components' threads, with neighbouring parts of one thread in one
call. The task pool pauses only when too many cases wait there.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from operator import itemgetter

from themis.core.config import RuntimeConfig
from themis.core.engine.calls.call_thread import CallThread, make_call
from themis.core.engine.calls.sync_calls import SyncCalls
from themis.core.engine.case_work import CaseWork
from themis.core.engine.cases.one_evaluation import CaseEvaluation, Part, ScorePart
from themis.core.engine.cases.pipeline import CasePipeline
from themis.core.engine.cases.stage_runner import StageRunner
from themis.core.engine.cases.step import RunningCall
from themis.core.models import ReducedCandidate
from themis.core.outcomes.outcome import CaseEnd

AHEAD = 8
"""Cases that may wait for their evaluation, per call in flight beyond the first."""

LAST_WORD_S = 0.25
"""Seconds in which cases can still be scored after their run was cancelled."""

MOST_AHEAD = 1_000
"""Upper limit of cases that may wait for their evaluation: their answers are in memory."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Consecutive parts of the evaluation that share a thread."""

    thread: CallThread
    parts: list[Part]


class Evaluation:
    """Parses and scores the cases of one run.

    Attributes:
        stretches: the steps of each case.
        runner: runs each part.
        loop: the event loop of the run.
        is_closed: whether remaining cases are dropped.
    """

    def __init__(
        self, pipeline: CasePipeline, runner: StageRunner, runtime: RuntimeConfig, ended: Callable[[CaseEnd], None]
    ) -> None:
        """Evaluate by the parts of `pipeline`, with `runner` and the limits of `runtime`; `ended` gets each end."""
        self._until = pipeline.until
        self.runner = runner
        self._ended = ended
        self._calls = SyncCalls(runtime)
        threads = [(self._calls.thread_of(part.step.component, part.step.stage), part) for part in pipeline.parts]
        # Observers are notified of each part on the event loop, so each part is a stretch of its own.
        if not runner.is_observed:
            neighbours = groupby(threads, key=itemgetter(0))
            self.stretches = [Stretch(thread, [part for _, part in several]) for thread, several in neighbours]
        else:
            self.stretches = [Stretch(thread, [part]) for thread, part in threads]
        # One at a time is literal: with one call in flight the next case waits until this one is scored.
        self._most = min(MOST_AHEAD, AHEAD * (runtime.max_concurrent_tasks - 1))
        self._pending = 0
        self._waiting: list[asyncio.Future[None]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._error: BaseException | None = None
        self.loop = asyncio.get_running_loop()
        self.is_closed = False

    def begin(self, work: CaseWork, reduced: ReducedCandidate) -> None:
        """Start the evaluation of a case."""
        case = CaseEvaluation(work, reduced)
        if not self.stretches:
            self._ended(case.end(self._until))
            return
        self._pending += 1
        if self.runner.is_observed:
            task = asyncio.create_task(self._observed(case))
            self._tasks.add(task)
            task.add_done_callback(self._note_end)
        else:
            _Call(self, case, 0)

    @property
    def is_full(self) -> bool:
        """Whether `room` would wait, or raise."""
        return self._pending > self._most or self._error is not None

    async def room(self) -> None:
        """Wait until there is room for more cases.

        Raises:
            BaseException: the evaluation itself failed, not a component.
        """
        await self._until_pending(self._most)

    async def finished(self) -> None:
        """Wait until every case is evaluated; raises as `room` does."""
        await self._until_pending(0)

    async def last_word(self) -> None:
        """Wait briefly: cases that are almost done when a run is cancelled need not be repeated."""
        with suppress(Exception):  # the run ends by its cancellation in any case
            async with asyncio.timeout(LAST_WORD_S):
                await self.finished()

    def running(self) -> list[RunningCall]:
        """Return the calls of components that are running now, of all stages; callable from any thread."""
        return [*self.runner.running.copy().values(), *self._calls.running()]

    def close(self) -> None:
        """Drop cases that are not evaluated yet; a call in progress runs to its end, and its answer is dropped."""
        self.is_closed = True
        for task in self._tasks:
            task.cancel()
        self._calls.close()

    # --- called by stretches

    def end(self, case: CaseEvaluation) -> None:
        """Count a case as evaluated; runs on the event loop."""
        self._ended(case.end(self._until))
        self._pending -= 1
        if self._waiting and self._pending <= self._most // 2:
            self._wake()

    def fail(self, error: BaseException) -> None:
        """Record an error that is not a component's, and wake the tasks that wait: they raise it."""
        self._error = self._error or error
        self._wake()

    # --- internal

    async def _until_pending(self, most: int) -> None:
        while self._pending > most and self._error is None:
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            await turn
        if self._error is not None:
            raise self._error

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, []
        for turn in waiting:
            if not turn.done():
                turn.set_result(None)

    async def _observed(self, case: CaseEvaluation) -> None:
        """Evaluate a case part by part, since observers are notified of each on the event loop."""
        for stretch in self.stretches:
            part = stretch.parts[0]
            arguments = part.arguments(case)
            if arguments is not None:
                step, work = part.step, case.work
                ask = partial(make_call, stretch.thread, self.runner.attempt, step, work, arguments, now=(step, work))
                part.take(case, await self.runner.run_observed(step, work, arguments, ask))
            elif case.outcomes and isinstance(part, ScorePart) and case.parsed is not None:
                context = part.context(case, case.parsed)
                await self.runner.stand_in(part.step, case.work, case.outcomes.pop(), case.parsed, context)
            if case.is_over:
                break
        self.end(case)

    def _note_end(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.fail(error)


class _Call:
    """One stretch of a case, as a call in its thread."""

    __slots__ = ("_case", "_evaluation", "_number", "error", "now")

    def __init__(self, evaluation: Evaluation, case: CaseEvaluation, number: int) -> None:
        """Enqueue this call in the thread of stretch `number`."""
        self.error: BaseException | None = None
        self.now: RunningCall | None = None
        self._evaluation = evaluation
        self._case = case
        self._number = number
        evaluation.stretches[number].thread.put(evaluation.loop, self)

    def carry_out(self) -> None:
        """Run the parts of the stretch, in the thread."""
        evaluation, case = self._evaluation, self._case
        for part in evaluation.stretches[self._number].parts:
            arguments = None if evaluation.is_closed else part.arguments(case)
            if arguments is not None:
                self.now = part.step, case.work
                result, outcome, _ = evaluation.runner.attempt(part.step, case.work, arguments)
                case.outcomes.append(outcome)
                part.take(case, result)
                if case.is_over:
                    break

    def returned(self) -> None:
        """Store the outcomes and begin the next stretch, on the event loop."""
        evaluation, case = self._evaluation, self._case
        if evaluation.is_closed:
            return
        try:
            if self.error is not None:
                evaluation.fail(self.error)
                return
            evaluation.runner.writer.add_all(case.outcomes)
            case.outcomes.clear()
            if case.is_over or self._number + 1 == len(evaluation.stretches):
                evaluation.end(case)
            else:
                _Call(evaluation, case, self._number + 1)
        except BaseException as error:  # noqa: BLE001  # otherwise it would be lost, and the run would wait forever
            evaluation.fail(error)
