"""Execution of a stage: limits, retries, observers, the outcome.

Every stage is run here. An asynchronous component is called on the event loop (`run`). A synchronous one is called in
a thread, by `attempt`, which touches nothing else; its observers are called on the event loop (`run_observed`).
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Any

from themis.core.config import RuntimeConfig
from themis.core.contexts import ScoreContext
from themis.core.engine.breaking.breaker import Breaker, StepBreaker, longest_row
from themis.core.engine.breaking.rows import FailureRows
from themis.core.engine.calls.interrupts import asks_for_the_end
from themis.core.engine.case_work import CaseWork
from themis.core.engine.cases.call_watch import CallWatch, of_candidate
from themis.core.engine.cases.claim_guard import NO_CLAIM, ClaimGuard
from themis.core.engine.cases.model_calls import ModelCalls, generation_retries
from themis.core.engine.cases.not_scored import bad_result, no_score, not_called
from themis.core.engine.cases.step import RunningCall, Several, Step
from themis.core.engine.component_failures import Tracebacks, category_of, line_of
from themis.core.engine.limits import Admission, Gate
from themis.core.engine.observers import Moment, Observers
from themis.core.engine.retry_policy import RetryPolicy, attempt_record, is_passing, reply_facts
from themis.core.engine.spending import Spending
from themis.core.engine.writer import OutcomeWriter
from themis.core.errors import BudgetSpentError
from themis.core.models import ParsedOutput, ScoreError
from themis.core.outcomes import codec
from themis.core.outcomes.outcome import Outcome
from themis.core.outcomes.stages import NAMES, Stage
from themis.core.processes.forks import end_copy, line
from themis.core.results import StageFailure
from themis.core.values.provider_state import ProviderState

Attempt = tuple[Any | None, Outcome, StageFailure | None]
"""A result (None on failure), its outcome, and the failure (None on success)."""

ONCE = RetryPolicy(attempts=1, delay_s=0.0, backoff=1.0)


class StageRunner:
    """Runs stages of the cases of one run.

    Attributes:
        writer: takes the outcomes.
        idle_timeout_s: seconds that a streamed answer may pause; None for no limit.
        running: the asynchronous calls that components work on now, by identity; one that waits is not among them.
        is_observed, guard: whether there is an observer of each stage, and what lets a call begin.
    """

    def __init__(
        self,
        runtime: RuntimeConfig,
        writer: OutcomeWriter,
        observers: Observers,
        spending: Spending | None = None,
        guard: ClaimGuard = NO_CLAIM,
        failures: FailureRows | None = None,
    ) -> None:
        """Use the limits and retries of `runtime`; outcomes go to `writer`, and `spending` counts a model's tokens."""
        self._admission = Admission(runtime)
        self.divide_limits = self._admission.divide
        self.writer, self.idle_timeout_s = writer, runtime.idle_timeout_s
        self.failures = FailureRows() if failures is None else failures
        self._breaker = Breaker(runtime, NAMES[Stage.GENERATE].span, self.failures)
        writer.note, writer.notes_all = StepBreaker(longest_row(runtime), self.failures).note, self.failures.is_shared
        self._observers = observers if observers.anyone else None
        self.is_observed = self._observers is not None
        self._hears_calls = observers.hear_calls
        self._call = self._watched_try if observers.hear_calls else self._try
        self._tracebacks = Tracebacks()
        self._forks = line.forks
        self._runtime = runtime
        self._generation_retries = generation_retries(runtime, None)
        self._limits_time = runtime.request_timeout_s is not None or runtime.case_timeout_s is not None
        self._spending = spending
        self.guard = guard
        self._model_calls: dict[str | None, ModelCalls] = {}
        self.running: dict[int, RunningCall] = {}

    def close(self) -> None:
        """Leave the limits of providers to other runs of this process."""
        self._admission.close()

    def gate(self, stage: Stage, provider: str | None, component: Any) -> Gate:
        """Return the gate that calls of a component enter."""
        return self._admission.gate(stage, provider, component)

    def limits_now(self) -> tuple[ProviderState, ...]:
        """Return the limits of the run's providers as they are now; callable from any thread."""
        return self._admission.states()

    async def run(self, step: Step, work: CaseWork, *arguments: Any) -> Any | None:
        """Return the result of an asynchronous step, with its outcome passed to the writer; None on failure.

        Args:
            step: the step to run.
            work: the case.
            arguments: those of the component, the subject first and the context last.
        """
        if self._observers is not None:
            return await self.run_observed(step, work, arguments, partial(self._ask, step, work, arguments))
        result, outcome, _ = await self._ask(step, work, arguments)
        self.writer.add(outcome)
        return result

    async def deliver(self, step: Step, work: CaseWork, arguments: tuple[Any, ...], answer: Callable[[], Any]) -> None:
        """Pass the outcome of a step that was carried out elsewhere, as in a batch, to the writer and to observers.

        Args:
            step: the step.
            work: the case.
            arguments: those of the component.
            answer: returns the result, or raises the failure.
        """
        watch = self.watch(step, work, arguments[0], **of_candidate(step, arguments))
        given = replace(step, method=lambda *_: answer() if watch is None else watch.delivered(answer))

        async def attempt() -> Attempt:
            return self.attempt(given, work, arguments)

        if self._observers is not None:
            await self.run_observed(given, work, arguments, attempt)
        else:
            self.writer.add(self.attempt(given, work, arguments)[1])

    async def run_observed(
        self, step: Step, work: CaseWork, arguments: tuple[Any, ...], ask: Callable[[], Awaitable[Attempt]]
    ) -> Any | None:
        """Return the result of `ask`, and notify observers of it; None on failure."""
        observers = self._observers
        assert observers is not None, "there is an observer"  # noqa: S101
        moment = Moment(step.stage, work, step.item, step.metric_id, arguments[0], arguments[-1])
        span = await observers.before(moment)
        result, outcome, failure = await ask()
        self.writer.add(outcome)
        if failure is None:
            await observers.succeeded(moment, span, result)
        else:
            await observers.failed(moment, span, failure)
        return result

    def attempt(self, step: Step, work: CaseWork, arguments: tuple[Any, ...]) -> Attempt:
        """Return the result of a synchronous step for a case, and its outcome, which the caller must keep."""
        try:
            result = step.method(*arguments)
            if line.forks != self._forks:
                end_copy()
            return self._concluded(step, work, arguments[0], result, None)
        except BaseException as error:  # an error of a component is data
            if asks_for_the_end(error, None):
                raise
            return self._failed(step, work, error, [])

    async def _ask(self, step: Step, work: CaseWork, arguments: tuple[Any, ...]) -> Attempt:
        history: list[dict[str, Any]] = []
        try:
            if step.several is not None:
                result = await self._try_several(step, step.several, work, arguments, history)
            else:
                if step.prepare is not None:
                    arguments = (step.prepare(arguments[0]), *arguments[1:])
                result = await self._call(step, work, arguments, history)
            if line.forks != self._forks:
                end_copy()
            retries = codec.json_text(history) if history else None
            concluded = self._concluded(step, work, arguments[0], result, retries)
        except BudgetSpentError:
            raise
        except BaseException as error:  # an error of a component is data
            if asks_for_the_end(error, asyncio.current_task()):
                raise
            if step.stage is Stage.GENERATE:
                self._breaker.note_failure(error, step.provider)
            return self._failed(step, work, error, history)
        else:
            if step.stage is Stage.GENERATE:
                self._breaker.note_success()
            return concluded

    def _concluded(self, step: Step, work: CaseWork, subject: Any, result: Any, retries: str | None) -> Attempt:
        if not isinstance(result, step.expected):
            raise bad_result(step.component, step.expected, result)
        if isinstance(result, ScoreError):
            failure = no_score(step.stage, subject, result)
            return None, codec.failed(work.case_no, step.stage, step.item, failure), failure
        return result, step.encode(work.case_no, step.item, result, retries), None

    def _failed(self, step: Step, work: CaseWork, error: BaseException, history: list[dict[str, Any]]) -> Attempt:
        if line.forks != self._forks:
            end_copy(error)
        failure = self.failure(step, work, error, history)
        return None, codec.failed(work.case_no, step.stage, step.item, failure), failure

    async def stand_in(
        self, step: Step, work: CaseWork, outcome: Outcome, parsed: ParsedOutput, context: ScoreContext
    ) -> None:
        """Pass the outcome of a metric that is not called to the writer; observers see its score, if it has one."""
        score = codec.to_score(outcome, step.metric_id or "")
        if self._observers is None or score is None:
            self.put(step, work, outcome)
        else:
            self.writer.add(outcome)
            moment = Moment(step.stage, work, step.item, step.metric_id, parsed, context)
            await self._observers.succeeded(moment, await self._observers.before(moment), score)

    def watch(self, step: Step, work: CaseWork, asked: Any, **facts: Any) -> CallWatch | None:
        """Return a watch over a call of a model, see `CallWatch`; None when nobody watches calls."""
        if self._observers is None or not self._hears_calls:
            return None
        return CallWatch(self._observers, step, work, asked, **facts)

    def put(self, step: Step, work: CaseWork, outcome: Outcome) -> None:
        """Pass the outcome of a metric that is not called to the writer; those who watch scores are told of it."""
        self.writer.add(outcome)
        if self._observers is not None:
            self._observers.scored(work, step.item, step.metric_id, **not_called(outcome, step.metric_id))

    async def _watched_try(
        self, step: Step, work: CaseWork, arguments: tuple[Any, ...], history: list[dict[str, Any]]
    ) -> Any:
        """Call as `_try` does, and tell those who watch the calls of models."""
        if step.stage is not Stage.GENERATE:
            return await self._try(step, work, arguments, history)
        watch = self.watch(step, work, arguments[0], **of_candidate(step, arguments))
        assert watch is not None, "there is somebody who watches"  # noqa: S101
        return await watch.through(self._try(watch.step, work, arguments, history))

    async def _try(self, step: Step, work: CaseWork, arguments: tuple[Any, ...], history: list[dict[str, Any]]) -> Any:
        """Call until it succeeds or its failure is final; limits are only held while the component works."""
        retries = self._generation_retries if step.stage is Stage.GENERATE else ONCE
        gate = self._admission.gate(step.stage, step.provider, step.component)
        if retries is not ONCE and (step.provider is not None or self._limits_time or self._spending is not None):
            calls = self._model_calls.get(step.provider)
            if calls is None:
                calls = ModelCalls(self._runtime, gate, step.provider, self._spending, guard=self.guard)
                self._model_calls[step.provider] = calls
            return await calls.result(partial(self.noted, step, work), arguments, history)
        if not step.is_gated:
            return await self.noted(step, work, *arguments)
        while True:
            if not gate.enter_at_once():
                await gate.enter()
            if line.forks != self._forks:
                end_copy()
            try:
                return await self.noted(step, work, *arguments)
            except Exception as error:
                delay = retries.delay_after(error, len(history) + 1)
                if delay is None:
                    raise
                history.append(attempt_record(error, len(history) + 1, delay))
            finally:
                gate.leave()
            await asyncio.sleep(delay)

    async def _try_several(
        self, step: Step, several: Several, work: CaseWork, arguments: tuple[Any, ...], history: list[dict[str, Any]]
    ) -> Any:
        """Make the calls about a subject one after the other: each has its own tries, and its place in the limits."""
        subject, *context = arguments
        asked, results = several.arguments(subject), []
        for of_call in asked:
            tries: list[dict[str, Any]] = []
            try:
                results.append(await self._call(step, work, (*of_call, *context), tries))
            finally:
                history += tries
        return several.joined(subject, asked, results)

    async def noted(self, step: Step, work: CaseWork, *arguments: Any, **named: Any) -> Any:
        """Call a component when the claim is certain, and note that the call is running."""
        await self.guard.passed()
        call = step, work
        self.running[id(call)] = call  # no clock is read: a call that is seen often enough has taken long
        try:
            return await step.method(*arguments, **named)
        finally:
            del self.running[id(call)]

    def failure(self, step: Step, work: CaseWork, error: BaseException, history: list[dict[str, Any]]) -> StageFailure:
        """Return the failure of a step for a case."""
        names = NAMES[step.stage]
        line = line_of(error)
        where = f"{names.span} of case {work.case.case_id!r} of dataset {work.dataset.dataset_id!r}"
        return StageFailure(
            stage=names.span,
            category=category_of(step.stage, error),
            message=line,
            error_type=type(error).__name__,
            retryable=is_passing(error),
            details=reply_facts(error) | self._tracebacks.details(error, line, where),
            attempts=history,
        )
