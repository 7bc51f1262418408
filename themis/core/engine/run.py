"""Execution of a run: all its cases, with bounded concurrency, from `running` to its end."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, nullcontext
from typing import TYPE_CHECKING, Any

from themis.core.config import RuntimeConfig
from themis.core.engine.batch_endpoint import endpoint_of, has_batches
from themis.core.engine.calls.interpreter import set_for_runs
from themis.core.engine.calls.sync_calls import SyncCalls
from themis.core.engine.case_work import CaseWork
from themis.core.engine.cases.at_risk import CasesAtRisk
from themis.core.engine.cases.claim_guard import ClaimGuard
from themis.core.engine.cases.evaluation import Evaluation
from themis.core.engine.cases.pipeline import CasePipeline
from themis.core.engine.cases.prompted import preparation_of
from themis.core.engine.cases.stage_runner import StageRunner
from themis.core.engine.cases.taking import CaseTaker
from themis.core.engine.code_changes import act_on_edits_elsewhere, act_on_own_edits, keys_to_lend
from themis.core.engine.compiling.compiled import CompiledRun
from themis.core.engine.compiling.run_name import add_run
from themis.core.engine.extents import Extent, extent_of, is_complete
from themis.core.engine.judging import Asking, judging_of
from themis.core.engine.observers import Observers
from themis.core.engine.planning import DoneCases, done_cases, pending_work
from themis.core.engine.remarks import remark_on_candidates, remark_on_idle_limits
from themis.core.engine.retry_policy import message_of
from themis.core.engine.reuse import Lenders
from themis.core.engine.run_options import RunOptions
from themis.core.engine.sessions import session_of
from themis.core.engine.spending import Spending, refuse_unkept_budget, spending_of
from themis.core.engine.stalled_calls import StallWatch
from themis.core.engine.task_pool import TaskPool
from themis.core.engine.tracing import traced
from themis.core.engine.writer import OutcomeWriter
from themis.core.errors import (
    BatchWaitError,
    BrokenOffError,
    BudgetSpentError,
    ClaimLostError,
    RunExistsError,
    RunStoppedError,
    UnavailableError,
)
from themis.core.outcomes.outcome import CaseEnd
from themis.core.outcomes.stages import UNTIL_STAGES, Stage
from themis.core.processes.forks import line, refuse_copy, run_of
from themis.core.results import RunStatus
from themis.core.stores.protocol import RunRecord, RunStore

if TYPE_CHECKING:
    from themis.core.engine.batches.context import Batching


class RunExecution:
    """Executes one compiled run and stores it."""

    def __init__(self, run: CompiledRun, store: RunStore, runtime: RuntimeConfig, options: RunOptions) -> None:
        """Prepare an execution; nothing is read or written before `execute`."""
        self._run = run
        self._store = store
        self._runtime = runtime
        self._options = options
        self._run_id = run.snapshot.run_id
        # A complete run goes through its last stage that has work, and is recorded as complete through that one.
        self._until = min(options.until, run.snapshot.last_stage)
        self._observers = Observers(self._run_id, options.subscribers, options.tracer)
        self._progress = options.progress
        self._guard = ClaimGuard(options.holds_lease)
        self._forks = line.forks
        self._generator = run.components.generator.live
        self._judges = run.components.live_judges
        self._afresh = options.afresh or runtime.existing_run_policy == "rerun"
        self._spending: Spending | None = None
        self._at_risk = CasesAtRisk(options.precautions)

    async def execute(self) -> RunRecord:
        """Run up to the requested stage and return the run's row; a run that is already complete is returned as stored.

        Raises:
            RunBusyError: another process holds the run lock.
            RunExistsError: the run exists and the policy is `error`.
            ThemisError: the run cannot go on; finished work is kept and the run is `failed`.
        """
        async with traced(self._runtime, self._observers, self._run.snapshot, self._until):
            with self._store.hold_run(self._run_id, fence=self._options.fence):
                return await self._carry_out()

    async def _carry_out(self) -> RunRecord:
        if self._runtime.budget is not None and self._store.load_run(self._run_id) is None:
            refuse_unkept_budget(self._runtime, self._generator, self._judges)  # before there is a run
        stored = self._settle_existing()
        if stored is not None:
            return stored
        extent = extent_of(self._run, self._store, self._options, self._until)
        self._spending = spending_of(self._runtime, self._generator, self._judges, extent.spends, extent.read_others)
        remark_on_candidates(self._run, self._until)
        remark_on_idle_limits(self._run, self._runtime)
        self._progress.total = extent.total
        extent.start()
        span = await self._observers.run_started()
        try:
            with set_for_runs():
                batching = self._batching()
                failed = None if batching is None else await self._through_batches(batching)
                await self._all_cases(extent, failed)
                found = await extent.finished(self._run, self._runtime, self._through())
        except asyncio.CancelledError:
            await self._end(extent, span, RunStatus.CANCELLED, None)
            raise
        except BudgetSpentError as error:
            await self._end(extent, span, RunStatus.CANCELLED, str(error))
            return extent.record()
        except (UnavailableError, ClaimLostError, BatchWaitError):
            raise  # the store or a batch is unavailable, or another worker has the run: it stays, to continue later
        except Exception as error:
            await self._end(extent, span, RunStatus.FAILED, f"{type(error).__name__}: {message_of(error)}")
            raise
        await self._end(extent, span, *found, batching)
        return extent.record()

    def _settle_existing(self) -> RunRecord | None:
        """Create the run, or apply the policy to the one that exists; returns its row if nothing is left to do."""
        record = self._store.load_run(self._run_id)
        is_done = record is not None and is_complete(record, self._until)
        if self._lenders is Lenders.SAME_CODE and not is_done:
            act_on_edits_elsewhere(self._runtime.code_changes, self._store, self._run.snapshot)
        created = add_run(self._store, self._run.snapshot, self._options.title, self._run.known_files)
        record = record or self._record()
        policy = self._runtime.existing_run_policy
        if policy == "error" and not created:
            raise RunExistsError(run_id=self._run_id, status=record.status.value)
        if not created:
            stored = self._run.stored or self._store.load_snapshot(self._run_id)
            if stored is not None:
                self._run = self._run.with_seeds_of(stored)
                if policy != "rerun":
                    act_on_own_edits(self._runtime.code_changes, stored, self._run.snapshot)
        if policy == "rerun" and not created:
            self._store.clear_run(self._run_id, fence=self._options.fence)
        elif is_done:
            return record
        self._say_what_is_lent()
        return None

    def _say_what_is_lent(self) -> None:
        """Register by which keys other runs find this one."""
        keys = keys_to_lend(self._store, self._run.snapshot, self._lenders)
        self._store.lend_only(self._run_id, keys, fence=self._options.fence)

    @property
    def _lenders(self) -> Lenders:
        """The runs whose outcomes are reused."""
        if self._afresh:
            return Lenders.NONE
        return Lenders.under(self._runtime.code_changes)

    def _batching(self) -> "Batching | None":
        """The run's batches; None for a run whose candidates are asked for one by one."""
        generator = self._run.components.generator.live
        if self._runtime.batch is None and not (has_batches(generator) and self._store.batches(self._run_id)):
            return None
        from themis.core.engine.batches.context import Batching  # noqa: PLC0415  # most runs have no batches

        return Batching(
            run=self._run,
            parts=self._run.parts(),
            store=self._store,
            runtime=self._runtime,
            observers=self._observers,
            endpoint=endpoint_of(generator, answers=self._run.snapshot.identity.continuation is None),
            prepare=preparation_of(self._run.snapshot.identity.prompt, self._run.finder),
            spending=self._spending,
            fence=self._options.fence,
            lenders=self._lenders,
        )

    async def _through_batches(self, batching: "Batching") -> bytearray:
        from themis.core.engine.batches.polling import BatchedGeneration  # noqa: PLC0415  # see above

        progress = self._progress

        def say(text: str | None) -> None:
            progress.waits_for = text

        return await BatchedGeneration(batching, gives_back=self._options.gives_back, say=say).carry_out()

    async def _all_cases(self, extent: Extent, failed: bytearray | None) -> None:
        """Take every case through the pipeline, with bounded concurrency; `failed` says which have no answer.

        When the budget is used up already, only those that have all their answers.
        """
        progress, spending, at_risk = self._progress, self._spending, self._at_risk
        stopped = None if spending is None else spending.stopped
        async with OutcomeWriter(self._store, self._run_id, self._options.fence, spending) as writer:
            if spending is not None:
                spending.flush = writer.flush
            runner = StageRunner(self._runtime, writer, self._observers, spending, self._guard, extent.failures)
            at_risk.open(self._runtime.max_concurrent_tasks)

            def ended(end: CaseEnd) -> None:
                writer.end_case(end)
                at_risk.end(end.case_no)
                self._observers.case_ended(end)
                progress.done += 1
                progress.failed += end.failed

            pipeline, evaluation = self._stages(runner, ended)
            progress.limits = runner.limits_now
            progress.stalled = StallWatch(evaluation.running).look

            guard, observers = self._guard, self._observers
            taker = CaseTaker(pipeline, evaluation, writer, guard, observers, at_risk, ended, failed)
            try:
                work, suspects = self._work(writer), self._suspects(writer)
                if stopped is not None:
                    work, suspects = filter(taker.is_answered, work), iter(())
                pool = TaskPool(work, taker.take, self._runtime.max_concurrent_tasks, taker.is_held_up)
                beside = extent.beside_others(self._runtime, runner.divide_limits)
                await self._pass_through(taker, pool, suspects, beside)
                if stopped is not None:
                    raise stopped
            finally:
                evaluation.close()
                runner.close()
                at_risk.close()

    def _stages(self, runner: StageRunner, ended: Callable[[CaseEnd], None]) -> tuple[CasePipeline, Evaluation]:
        """The stages of a case up to its answer, and those after it."""
        calls, parts = SyncCalls(self._runtime), self._run.parts()
        asking = Asking(self._runtime, self._spending, None if self._afresh else self._store.cached_response)
        judging = judging_of(self._run.snapshot, parts, runner, calls, asking, self._until)
        pipeline = CasePipeline(parts, runner, self._until, judging.of_selector)
        return pipeline, Evaluation(pipeline, runner, self._runtime, ended, calls=calls, judge=judging.of_case)

    async def _pass_through(
        self, taker: CaseTaker, pool: TaskPool, suspects: Iterator[CaseWork], beside: AbstractAsyncContextManager[None]
    ) -> None:
        """Work off `suspects`, then the cases of `pool`; when the run is stopped, what was answered is evaluated."""
        evaluation = taker.evaluation
        try:
            with run_of(asyncio.get_running_loop()):
                async with AsyncExitStack() as sessions, beside:
                    for judge in self._judges:
                        await sessions.enter_async_context(session_of(judge))
                    async with session_of(self._generator):
                        if self._at_risk.suspects:
                            await taker.take_alone(suspects)
                        await pool.run()
                    await evaluation.finished()
        except BudgetSpentError:
            await evaluation.finished()
            raise
        except (asyncio.CancelledError, BrokenOffError, RunStoppedError):
            await evaluation.last_word()
            raise

    def _work(self, writer: OutcomeWriter) -> Iterator[CaseWork]:
        taken = self._at_risk.taken
        done = self._done().without(taken)
        self._progress.done += done.count
        self._progress.resumed += done.count
        self._progress.failed += done.failed
        for page in pending_work(self._run, self._store, writer, done, lenders=self._lenders):
            yield from (work for work in page if work.case_no not in taken) if taken else page

    def _suspects(self, writer: OutcomeWriter) -> Iterator[CaseWork]:
        """The suspects that have work left, and their neighbours."""
        near = self._done().within(min(self._at_risk.suspects), max(self._at_risk.suspects) + 1)
        for page in pending_work(self._run, self._store, writer, near, lenders=self._lenders):
            yield from page

    def _done(self) -> DoneCases:
        return done_cases(self._run, self._store, self._until, self._options.cases)

    def _through(self) -> Stage:
        """The last stage that the run has completed with this execution."""
        before = self._record().completed_through  # a later stage that was reached before is kept
        through = max(self._until, UNTIL_STAGES[before] if before else Stage.GENERATE)
        return min(through, self._run.snapshot.last_stage)  # version 4.0 recorded every complete run as judged

    async def _end(
        self, extent: Extent, span: Any, status: RunStatus, error: str | None, batching: "Batching | None" = None
    ) -> None:
        refuse_copy(self._forks, "saying how it ended")
        is_complete = status in {RunStatus.COMPLETED, RunStatus.PARTIAL_FAILURE}
        with nullcontext() if batching is None else self._store.transaction():
            extent.end(status, self._through() if is_complete else None, error)
            if batching is not None:
                from themis.core.engine.batches.polling import close_batches  # noqa: PLC0415  # see above

                close_batches(batching)
        await self._observers.run_ended(span, status.value, error)

    def _record(self) -> RunRecord:
        record = self._store.load_run(self._run_id)
        assert record is not None, "the run was just created"  # noqa: S101
        return record
