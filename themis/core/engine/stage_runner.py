"""The one place that runs a stage: limits, tries, observers, the outcome."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from themis.core import outcome_codec as codec
from themis.core.config import RuntimeConfig
from themis.core.contexts import ScoreContext
from themis.core.engine.interrupts import came_from_signal
from themis.core.engine.limits import Admission
from themis.core.engine.no_answer import NoAnswer
from themis.core.engine.observers import Moment, Observers
from themis.core.engine.raised import Tracebacks, line_of
from themis.core.engine.retries import RetryPolicy, attempt_record, is_passing
from themis.core.engine.sync_calls import SyncCalls
from themis.core.engine.work import CaseWork
from themis.core.engine.writer import OutcomeWriter
from themis.core.errors import BadResultError
from themis.core.models import ParsedOutput, ScoreError
from themis.core.outcomes import Outcome
from themis.core.results import StageFailure
from themis.core.stages import NAMES, Stage

ONCE = RetryPolicy(attempts=1, delay_s=0.0, backoff=1.0)


@dataclass(frozen=True, slots=True)
class Step:
    """What a stage does in this run, the same for every case.

    Attributes:
        item: which candidate or metric it is for.
        method: of `component`; asynchronous before the parse stage.
        expected: what it must return.
        encode: from the case's number, the item, the result and the history of tries (JSON or None) to the outcome.
        provider: whom it asks, for the provider's limits.
        is_async: whether `method` is.
        key: what its outcomes are stored under.
    """

    stage: Stage
    item: int
    component: Any
    method: Callable[..., Any]
    expected: type | tuple[type, ...]
    encode: Callable[[int, int, Any, str | None], Outcome]
    provider: str | None = None
    metric_id: str | None = None
    is_async: bool = field(init=False)
    key: tuple[Stage, int] = field(init=False)

    def __post_init__(self) -> None:
        """Work out what every case would have to."""
        object.__setattr__(self, "is_async", self.stage < Stage.PARSE)
        object.__setattr__(self, "key", (self.stage, self.item))


class StageRunner:
    """Runs stages of the cases of one run."""

    def __init__(self, runtime: RuntimeConfig, writer: OutcomeWriter, observers: Observers) -> None:
        """With the limits and retries of `runtime`; outcomes go to `writer`."""
        self._admission = Admission(runtime)
        self._sync_calls = SyncCalls(runtime.stage_concurrency.get("scoring"))
        self._writer = writer
        self._observers = observers if observers.anyone else None
        self._tracebacks = Tracebacks()
        self._generation_retries = RetryPolicy(
            runtime.generation_retry_attempts, runtime.generation_retry_delay, runtime.generation_retry_backoff
        )

    def close(self) -> None:
        """End the threads that slow components were moved to."""
        self._sync_calls.close()

    async def run(self, step: Step, work: CaseWork, *arguments: Any) -> Any | None:
        """The result of `step` for a case, after its outcome was handed to the writer; None when it failed.

        Args:
            step: what to do.
            work: the case.
            arguments: the component's, the subject first and the context last.
        """
        observers = self._observers
        if observers is not None:
            moment = Moment(step.stage, work, step.item, step.metric_id, arguments[0], arguments[-1])
            span = await observers.before(moment)
        history: list[dict[str, Any]] = []
        try:
            if step.is_async:
                result = await self._try(step, arguments, history)
            elif self._sync_calls.has_moved(step.component):
                result = await self._sync_calls.in_thread(step.component, step.method, arguments)
            else:
                result = self._sync_calls.here(step.component, step.method, arguments)
            _check(step, result)
            if isinstance(result, ScoreError):
                failure = _no_score(step, arguments[0], result)
            else:
                retries = codec.json_text(history) if history else None
                self._writer.add(step.encode(work.case_no, step.item, result, retries))
                if observers is not None:
                    await observers.succeeded(moment, span, result)
                return result
        except (Exception, SystemExit, KeyboardInterrupt, asyncio.CancelledError) as error:  # what it raises is data
            if isinstance(error, asyncio.CancelledError) and _is_being_cancelled():
                raise
            if isinstance(error, KeyboardInterrupt) and came_from_signal(error):
                raise
            failure = self._failure(step, work, error, history)
        self._writer.add(codec.failed(work.case_no, step.stage, step.item, failure))
        if observers is not None:
            await observers.failed(moment, span, failure)
        return None

    async def stand_in(
        self, step: Step, work: CaseWork, no_answer: NoAnswer, parsed: ParsedOutput, context: ScoreContext
    ) -> None:
        """Hand the outcome of a metric that is not asked to the writer; observers see its score, if it counts one."""
        outcome = codec.no_answer(work.case_no, step.item, no_answer.value, no_answer.details)
        self._writer.add(outcome)
        score = codec.to_score(outcome, step.metric_id or "")
        if self._observers is not None and score is not None:
            moment = Moment(step.stage, work, step.item, step.metric_id, parsed, context)
            await self._observers.succeeded(moment, await self._observers.before(moment), score)

    async def _try(self, step: Step, arguments: tuple[Any, ...], history: list[dict[str, Any]]) -> Any:
        """Call until it succeeds or its failure is final; a slot is held only while the component works."""
        retries = self._generation_retries if step.stage is Stage.GENERATE else ONCE
        gate = self._admission.gate(step.stage, step.provider)
        while True:
            if not gate.enter_at_once():
                await gate.enter()
            try:
                return await step.method(*arguments)
            except Exception as error:
                delay = retries.delay_after(error, len(history) + 1)
                if delay is None:
                    raise
                history.append(attempt_record(error, len(history) + 1, delay))
            finally:
                gate.leave()
            await asyncio.sleep(delay)

    def _failure(self, step: Step, work: CaseWork, error: BaseException, history: list[dict[str, Any]]) -> StageFailure:
        names = NAMES[step.stage]
        category = names.failure_category
        if step.stage is Stage.PARSE and isinstance(error, BadResultError):
            category = "parse_invalid"
        line = line_of(error)
        where = f"{names.span} of case {work.case.case_id!r} of dataset {work.dataset.dataset_id!r}"
        return StageFailure(
            stage=names.span,
            category=category,
            message=line,
            error_type=type(error).__name__,
            retryable=is_passing(error),
            details=self._tracebacks.details(error, line, where),
            attempts=history,
        )


def _check(step: Step, result: Any) -> None:
    if not isinstance(result, step.expected):
        expected = step.expected if isinstance(step.expected, type) else step.expected[0]
        raise BadResultError(
            component=getattr(step.component, "component_id", "the component"),
            found=type(result).__name__,
            expected=expected.__name__,
        )


def _is_being_cancelled() -> bool:
    """Whether somebody asked this task to stop; else a component's own cancellation came through."""
    task = asyncio.current_task()
    return task is None or bool(task.cancelling())


def _no_score(step: Step, parsed: Any, error: ScoreError) -> StageFailure:
    names = NAMES[step.stage]
    return StageFailure(
        stage=names.span,
        category="parse_null" if parsed.value is None else names.failure_category,
        message=_printable(error.reason),
        error_type=type(error).__name__,
        retryable=error.retryable,
        details=error.details,
    )


def _printable(text: str) -> str:
    """Text that UTF-8 can carry, whatever a component put into its message."""
    return text.encode("utf-8", "backslashreplace").decode()
