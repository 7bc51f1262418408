"""The evaluation of cases while others are still being generated: threads, back pressure, return to the event loop.

A model must not wait for a slow metric. So a case that has its answer leaves the task pool and frees its place among
the calls in flight; it is parsed and scored in its components' threads, with neighbouring parts of one thread in one
call. The task pool pauses only when too many cases wait there.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from functools import partial
from typing import Any

from themis.core.config import RuntimeConfig
from themis.core.engine.calls.call_thread import make_call
from themis.core.engine.calls.sync_calls import SyncCalls
from themis.core.engine.case_work import CaseWork
from themis.core.engine.cases.ahead import most_ahead
from themis.core.engine.cases.branches import Answers, branch_evaluations
from themis.core.engine.cases.one_evaluation import CaseEvaluation, ScorePart
from themis.core.engine.cases.pipeline import CasePipeline
from themis.core.engine.cases.stage_runner import StageRunner
from themis.core.engine.cases.step import RunningCall
from themis.core.engine.cases.stretches import Stretch, stretched
from themis.core.models import ReducedCandidate
from themis.core.outcomes.outcome import CaseEnd

Judge = Callable[[CaseEvaluation], Awaitable[None]]
"""Asks the judges about a case."""

LAST_WORD_S = 0.25
"""Seconds in which cases can still be scored after their run was cancelled."""

TOGETHER_S = 0.01
"""Maximum seconds that a call waits for others, to be passed to its thread together, while there is room for more."""


class Evaluation:
    """Parses and scores the cases of one run.

    Attributes:
        runner: runs each part.
        loop: the event loop of the run.
        is_closed: whether remaining cases are dropped.
    """

    def __init__(  # all that a case meets after its answer
        self,
        pipeline: CasePipeline,
        runner: StageRunner,
        runtime: RuntimeConfig,
        ended: Callable[[CaseEnd], None],
        *,
        calls: SyncCalls | None = None,
        judge: Judge | None = None,
    ) -> None:
        """Evaluate by the parts of `pipeline`, with `runner` and the limits of `runtime`.

        Args:
            pipeline: has the parts.
            runner: runs them.
            runtime: the limits.
            ended: gets each end.
            calls: the threads of the components; None for threads of its own.
            judge: asks the judges about a case that was parsed and scored; None without judges.
        """
        self._until = pipeline.until
        self.runner = runner
        self._ended = ended
        self._judge = judge
        self._calls = calls or SyncCalls(runtime)
        self._is_branching = pipeline.is_branching
        self._branches = stretched(pipeline.branches, self._calls, is_observed=runner.is_observed)
        self._one = self._branches[0][1]
        self._most = most_ahead(runtime.max_concurrent_tasks)
        self._pending = 0
        self._waiting: list[asyncio.Future[None]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._error: BaseException | None = None
        self.loop = asyncio.get_running_loop()
        self.is_closed = False
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, work: CaseWork, answer: ReducedCandidate | Answers) -> None:
        """Start the evaluation of a case."""
        if self._is_branching:
            self._begin_branches(work, answer)
            return
        assert isinstance(answer, ReducedCandidate), "there is one answer"  # noqa: S101
        case = CaseEvaluation(work, answer, work.left_out)
        if not self._one and self._judge is None:
            self._ended(case.end(self._until))
            return
        self._pending += 1
        if not self._one:
            self.end(case)
        elif self.runner.is_observed:
            self._begin_task(self._observed(case, self._one))
        else:
            _Call(self, case, self._one, 0)

    def _begin_branches(self, work: CaseWork, given: ReducedCandidate | Answers) -> None:
        """Start each branch of a case: its answers, in every view."""
        whole, begun = branch_evaluations(work, given, self._branches)
        if not begun:
            self._ended(whole.upstream or work.end(self._until, failed=False))
        self._pending += len(begun)
        for case, stretches in begun:
            if not stretches:
                self.end(case)
            elif self.runner.is_observed:
                self._begin_task(self._observed(case, stretches))
            else:
                _Call(self, case, stretches, 0)

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
        if self._timer is not None:
            self._timer.cancel()
        for task in self._tasks:
            task.cancel()
        self._calls.close()

    # --- called by stretches

    def end(self, case: CaseEvaluation) -> None:
        """Have a case judged, if there are judges, and count it as evaluated; runs on the event loop.

        A case with branches is judged when all of them have ended.
        """
        whole = case.whole
        if whole is not None:
            whole.note(case.end(self._until))
        to_judge = case if whole is None else whole.to_judge
        if self._judge is not None and to_judge is not None and not to_judge.is_over:
            self._begin_task(self._judged(to_judge, self._judge))
        else:
            self._conclude(case)

    def _conclude(self, case: CaseEvaluation) -> None:
        whole = case.whole
        if whole is None:
            self._ended(case.end(self._until))
        elif whole.left == 0:
            self._ended(whole.end(case.end(self._until)))
        self._pending -= 1
        if self._waiting and self._pending <= self._most // 2:
            self._wake()

    def fail(self, error: BaseException) -> None:
        """Record an error that is not a component's, and wake the tasks that wait: they raise it."""
        self._error = self._error or error
        self._wake()

    def enqueue(self, call: "_Call", stretch: Stretch) -> None:
        """Pass a call to the thread of a stretch, together with the others of this turn of the loop."""
        stretch.waiting.append(call)
        if self._timer is None:
            self._timer = self.loop.call_later(TOGETHER_S, self._pass_on)

    # --- internal

    def _pass_on(self) -> None:
        """Pass the calls that wait to their threads."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for _, stretches in self._branches:
            for stretch in stretches:
                if stretch.waiting:
                    stretch.thread.put(self.loop, tuple(stretch.waiting))
                    stretch.waiting.clear()

    async def _until_pending(self, most: int) -> None:
        while self._pending > most and self._error is None:
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            if not self._waiting:
                self.loop.call_soon(self._pass_on)
            self._waiting.append(turn)
            await turn
        if self._error is not None:
            raise self._error

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, []
        for turn in waiting:
            if not turn.done():
                turn.set_result(None)

    async def _observed(self, case: CaseEvaluation, stretches: list[Stretch]) -> None:
        """Evaluate a case part by part, since observers are notified of each on the event loop."""
        for stretch in stretches:
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

    async def _judged(self, case: CaseEvaluation, judge: Judge) -> None:
        await judge(case)
        self._conclude(case)

    def _begin_task(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._note_end)

    def _note_end(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.fail(error)


class _Call:
    """One stretch of a case, as a call in its thread."""

    __slots__ = ("_case", "_evaluation", "_number", "_stretches", "error", "now")

    def __init__(self, evaluation: Evaluation, case: CaseEvaluation, stretches: list[Stretch], number: int) -> None:
        """Enqueue this call in the thread of stretch `number`."""
        self.error: BaseException | None = None
        self.now: RunningCall | None = None
        self._evaluation = evaluation
        self._case = case
        self._stretches = stretches
        self._number = number
        evaluation.enqueue(self, stretches[number])

    def carry_out(self) -> None:
        """Run the parts of the stretch, in the thread."""
        evaluation, case = self._evaluation, self._case
        for part in self._stretches[self._number].parts:
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
            if case.is_over or self._number + 1 == len(self._stretches):
                evaluation.end(case)
            else:
                _Call(evaluation, case, self._stretches, self._number + 1)
        except BaseException as error:  # noqa: BLE001  # otherwise it would be lost, and the run would wait forever
            evaluation.fail(error)
