"""A workflow carried out for one subject: its calls are rendered, made, read and scored each, and then added up.

Its methods are called in the thread of the components, as few times as possible one after the other; its calls are
made on the event loop, all at once.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any

from themis.core.contexts import EvalScoreContext
from themis.core.engine.calls.interrupts import asks_for_the_end
from themis.core.engine.component_failures import line_of
from themis.core.engine.judging.call_run import CallRun, seeded
from themis.core.engine.judging.judges import Answer
from themis.core.errors import BadResultError, BrokenOffError, BudgetSpentError, RunStoppedError, StoreError
from themis.core.models import Score, ScoreError, WorkflowTrace
from themis.core.protocols import EvaluationWorkflow
from themis.core.subjects import Subject
from themis.core.workflows import (
    AggregationResult,
    EvaluationExecution,
    ExecutionStatus,
    JudgeCall,
    ParsedJudgment,
    RenderedJudgePrompt,
    WorkflowFailure,
)

Ask = Callable[[JudgeCall, RenderedJudgePrompt, list[dict[str, Any]]], Awaitable[Answer]]
"""Makes a call with its prompt, and adds the failed tries to a history."""

InThread = Callable[..., Awaitable[Any]]
"""Calls a function in the thread of the components."""

_FATAL = (BudgetSpentError, BrokenOffError, RunStoppedError, StoreError)


class WorkflowRun:
    """A workflow for one subject; made for one run of it.

    Attributes:
        error: the first failure of a call, else why the workflow itself failed; None when all went well.
    """

    def __init__(self, execution_id: str, in_thread: InThread, ask: Ask) -> None:
        """Carry out the workflow as `execution_id`; its methods are called by `in_thread`, its judges by `ask`."""
        self._execution_id = execution_id
        self._in_thread = in_thread
        self._ask = ask
        self._aggregated: AggregationResult | None = None
        self._own_failure: WorkflowFailure | None = None
        self._calls: list[CallRun] = []
        self.error: BaseException | None = None

    async def run(
        self, build: Callable[[], EvaluationWorkflow], subject: Subject, ctx: EvalScoreContext
    ) -> EvaluationExecution:
        """Carry out the workflow that `build` makes, and return what was asked, answered and concluded.

        Raises:
            BudgetSpentError, BrokenOffError, RunStoppedError, StoreError: the run cannot go on.
        """
        workflow: EvaluationWorkflow | None = None
        with _noting(partial(self._fail, "build_workflow"), asyncio.current_task()):
            workflow = await self._in_thread(self._begin, build, subject, ctx)
        if workflow is None:
            return self._execution(subject, [])
        await _all_of([self._carry_out(workflow, call, subject) for call in self._calls if call.failure is None])
        ends = [call.last for call in self._calls]
        judged = [end for end in ends if end.failure is None]
        self.error = next((end.error for end in ends if end.error is not None), None)
        needed = getattr(workflow, "judgments_needed", None)
        if len(judged) >= (len(ends) if needed is None else max(1, needed)):
            await self._in_thread(self._aggregate, workflow, judged, ctx)
        return self._execution(subject, judged)

    def _begin(
        self, build: Callable[[], EvaluationWorkflow], subject: Subject, ctx: EvalScoreContext
    ) -> EvaluationWorkflow:
        """Build the workflow, and render the prompts of its calls."""
        workflow = build()
        for call in _checked(workflow.judge_calls()):
            run = seeded(call, ctx)
            _render(workflow, run, subject)
            self._calls.append(run)
        return workflow

    async def _carry_out(self, workflow: EvaluationWorkflow, run: CallRun, subject: Subject) -> None:
        """Make a call and read its response; if it cannot be read, make the call that the workflow has for this."""
        await self._make(run)
        if run.failure is not None:
            return
        await self._in_thread(self._read, workflow, run, subject)
        if run.repair is not None and run.repair.failure is None:
            await self._make(run.repair)
            if run.repair.failure is None:
                await self._in_thread(self._read, workflow, run.repair, None)

    async def _make(self, run: CallRun) -> None:
        assert run.prompt is not None, "a call without a prompt has failed"  # noqa: S101
        history: list[dict[str, Any]] = []
        try:
            run.answer = await self._ask(run.call, run.prompt, history)
        except _FATAL:
            raise
        except BaseException as error:  # an error of a component is data
            if asks_for_the_end(error, asyncio.current_task()):
                raise
            run.fail("judge", error, history)
        run.ended = datetime.now(tz=UTC)

    def _read(self, workflow: EvaluationWorkflow, run: CallRun, subject: Subject | None) -> None:
        """Read and score the response to a call; with a `subject` the call may be repaired."""
        assert run.answer is not None, "it was made"  # noqa: S101
        with _noting(partial(self._unread, workflow, run, subject)):
            judgment = workflow.parse_judgment(run.call, run.answer.response, run.context)
            _check(judgment, ParsedJudgment, workflow)
        if run.failure is not None:
            return
        with _noting(partial(run.fail, "score_judgment")):
            score = workflow.score_judgment(run.call, judgment, run.context)
            _check_score(score, workflow)
            run.judgment, run.score = judgment, score

    def _unread(
        self, workflow: EvaluationWorkflow, run: CallRun, subject: Subject | None, error: BaseException
    ) -> None:
        """Note that a response cannot be read, and prepare the call that repairs this, if the workflow has one."""
        run.fail("parse_judgment", error)
        repair_call = getattr(workflow, "repair_call", None)
        if subject is None or repair_call is None or run.answer is None or not isinstance(error, Exception):
            return
        with _noting(partial(run.fail, "repair_call")):
            call = repair_call(run.call, run.answer.response, error)
            if call is not None:
                self._check_repair(call, run, workflow)
                run.repair = seeded(call, run.context)
        if run.repair is not None:
            _render(workflow, run.repair, subject)

    def _check_repair(self, call: Any, repaired: CallRun, workflow: EvaluationWorkflow) -> None:
        _check(call, JudgeCall, workflow)
        if any(call.call_id in {known.call.call_id, known.last.call.call_id} for known in self._calls):
            msg = f"the call that repairs {repaired.call.call_id!r} has the id of another one"
            raise ValueError(msg)

    def _aggregate(self, workflow: EvaluationWorkflow, judged: list[CallRun], ctx: EvalScoreContext) -> None:
        judgments = [run.judgment for run in judged if run.judgment is not None]
        scores = [run.score for run in judged if run.score is not None]
        with _noting(partial(self._fail, "aggregate")):
            found = workflow.aggregate(judgments, scores, ctx)
            _check(found, AggregationResult, workflow)
            self._aggregated = found

    def _fail(self, step: str, error: BaseException) -> None:
        """Note the step of the whole workflow that failed."""
        self.error = error
        self._own_failure = WorkflowFailure(step_id=step, step_type=step, error_message=line_of(error))

    def _execution(self, subject: Subject, judged: list[CallRun]) -> EvaluationExecution:
        runs = [run for first in self._calls for run in (first, first.repair) if run is not None]
        failures = [run.last.failure for run in self._calls if run.last.failure is not None]
        if self._own_failure is not None:
            failures.append(self._own_failure)
        status: ExecutionStatus = "completed" if not failures else "partial_failure"
        if not judged or self._own_failure is not None:
            status = "failed"
        return EvaluationExecution(
            execution_id=self._execution_id,
            subject_kind=subject.kind,
            status=status,
            judge_calls=[run.call for run in runs],
            rendered_prompts=[run.prompt for run in runs if run.prompt is not None],
            judge_responses=[run.answer.response for run in runs if run.answer is not None],
            parsed_judgments=[run.judgment for run in judged if run.judgment is not None],
            scores=[run.score for run in judged if run.score is not None],
            failures=failures,
            aggregation_output=self._aggregated,
            trace=WorkflowTrace(trace_id=self._execution_id, steps=[run.step() for run in runs]),
        )


@contextmanager
def _noting(note: Callable[[BaseException], None], task: "asyncio.Task[Any] | None" = None) -> Iterator[None]:
    """Pass what a component raises to `note`, as an error of a component is data, unless it asks for the run's end."""
    try:
        yield
    except BaseException as error:
        if asks_for_the_end(error, task):
            raise
        note(error)


def _render(workflow: EvaluationWorkflow, run: CallRun, subject: Subject) -> None:
    with _noting(partial(run.fail, "render_prompt")):
        prompt = workflow.render_prompt(run.call, subject, run.context)
        _check(prompt, RenderedJudgePrompt, workflow)
        run.prompt = prompt


def _checked(calls: Any) -> list[JudgeCall]:
    """Return the calls of a workflow.

    Raises:
        ValueError: there are none, or two have the same id.
    """
    found = list(calls)
    if not found or not all(isinstance(call, JudgeCall) for call in found):
        msg = "judge_calls must return one JudgeCall or more"
        raise ValueError(msg)
    if len({call.call_id for call in found}) < len(found):
        msg = "two judge calls of a workflow have the same call_id"
        raise ValueError(msg)
    return found


def _check(found: Any, kind: type, workflow: Any) -> None:
    if not isinstance(found, kind):
        raise BadResultError(component=type(workflow).__name__, found=type(found).__name__, expected=kind.__name__)


def _check_score(found: Any, workflow: Any) -> None:
    if isinstance(found, ScoreError):
        raise ValueError(found.reason)  # noqa: TRY004  # it says why there is no score
    if found is not None:
        _check(found, Score, workflow)


async def _all_of(calls: list[Any]) -> None:
    """Make several calls at once; the first exception cancels the others, and is raised."""
    if len(calls) == 1:
        await calls[0]
        return
    try:
        async with asyncio.TaskGroup() as group:
            for call in calls:
                group.create_task(call)
    except BaseExceptionGroup as several:
        raise several.exceptions[0] from None
