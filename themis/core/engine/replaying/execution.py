"""Execution of a replay: its cases through the stages that are repeated, then all results at once in their place."""

import asyncio
from collections.abc import Iterator
from functools import partial
from itertools import groupby, islice
from typing import Any, cast

from themis.core.config import RuntimeConfig
from themis.core.engine.aggregating import aggregate
from themis.core.engine.calls.interpreter import set_for_runs
from themis.core.engine.case_work import CaseWork
from themis.core.engine.cases.verdict import verdict
from themis.core.engine.code_changes import act_on_own_edits
from themis.core.engine.compiling.compiled import CompiledRun
from themis.core.engine.extents.whole_run import WholeRun
from themis.core.engine.planning import PAGE, add_judge_calls, each_case
from themis.core.engine.replaying.beside import StoreBeside
from themis.core.engine.replaying.lending import keys_after, replayed_snapshot
from themis.core.engine.replaying.request import ReplayRequest
from themis.core.engine.retry_policy import message_of
from themis.core.engine.run import RunExecution
from themis.core.engine.run_options import RunOptions
from themis.core.engine.spending import spending_of
from themis.core.engine.writer import OutcomeWriter
from themis.core.errors import NothingToReplayError
from themis.core.outcomes.stages import Stage
from themis.core.processes.forks import refuse_copy
from themis.core.results import RunResult, RunStatus
from themis.core.snapshot import RunSnapshot
from themis.core.stores.projections import run_result, stored_snapshot
from themis.core.stores.protocol import RunRecord, RunStore


class ReplayExecution(RunExecution):
    """Executes the replay of one stored run.

    Until its end the run is as it was; then all new results take their place in one transaction. A replay that was
    interrupted is continued by the next one that asks for the same with the same code.
    """

    def __init__(
        self, run: CompiledRun, store: RunStore, runtime: RuntimeConfig, options: RunOptions, request: ReplayRequest
    ) -> None:
        """Prepare a replay; nothing is read or written before `execute`."""
        self._beside = StoreBeside(store, request)
        super().__init__(run, cast("RunStore", self._beside), runtime, options)
        self._request = request
        self._kept = store
        self._generator = None  # it is not called, so that it needs no session
        self._replayed = 0
        self._afresh = request.first is Stage.JUDGE  # else what judges said to the same prompts is used again

    async def execute(self) -> RunRecord:
        """Replay the run and return its row.

        Raises:
            UnknownRunError: the run is not in the store.
            RunBusyError: another process holds the run lock.
            NothingToReplayError: no case has its generations.
            ThemisError: the replay cannot go on; the run is as it was.
        """
        return await super().execute()

    async def _carry_out(self) -> RunRecord:
        stored = stored_snapshot(self._kept, self._run_id)
        self._run = self._run.with_seeds_of(stored)
        replayed = replayed_snapshot(stored, self._run.snapshot, self._request)
        act_on_own_edits(self._runtime.code_changes, replayed, self._run.snapshot)  # of what is kept
        with self._kept.transaction():
            is_new = self._kept.begin_replay(self._run_id, self._request.text(self._run.snapshot))
            if is_new and self._afresh:
                self._kept.forget_judge_calls(self._run_id, self._request.keeps)
        if self._judges:
            spends = partial(self._kept.spends, self._run_id)
            self._spending = spending_of(self._runtime, self._run.components.generator.live, self._judges, spends)
        self._progress.total = self._run.snapshot.total_cases
        span = await self._observers.run_started()
        try:
            with set_for_runs():
                await self._all_cases(WholeRun(self._store, self._run.snapshot, None, self._until), None)
                await aggregate(self._run, self._store, self._runtime, None)
            status = self._take_place(stored)
        except asyncio.CancelledError:
            await self._observers.run_ended(span, RunStatus.CANCELLED.value, None)
            raise
        except Exception as error:
            text = f"{type(error).__name__}: {message_of(error)}"
            await self._observers.run_ended(span, RunStatus.FAILED.value, text)
            raise
        await self._observers.run_ended(span, status.value, None)
        return self._record()

    def _take_place(self, stored: RunSnapshot) -> RunStatus:
        """Put the new results in their place; returns the run's status, which follows from them once it is complete."""
        refuse_copy(self._forks, "ending a replay")
        if not self._replayed:
            self._kept.drop_replay(self._run_id)
            raise NothingToReplayError(run=self._run_id[:16])
        snapshot = replayed_snapshot(stored, self._run.snapshot, self._request)
        keys = keys_after(snapshot, self._kept.lent_keys(self._run_id), self._request)
        with self._kept.transaction():
            self._kept.end_replay(self._run_id, self._request.keeps, snapshot, keys)
            for item, figures in self._beside.figures.items():
                self._kept.put_aggregate(self._run_id, item, figures)
            record = self._record()
            if self._kept.count_ends(self._run_id)[0] < record.total_cases:
                return record.status
            status, error = verdict(self._store, self._run_id, self._runtime.max_failed_share)
            through = None if status is RunStatus.FAILED else self._until
            self._kept.end_run(self._run_id, status, through=through, error=error)
        return status

    def _work(self, writer: OutcomeWriter) -> Iterator[CaseWork]:
        """Yield the cases that have all of their generations, each with the outcomes that stay as they are."""
        del writer
        cases, candidates = each_case(self._run), self._run.snapshot.candidate_count
        while page := list(islice(cases, PAGE)):
            left = self._left(page)
            for work in left:
                if work.is_answered(candidates):
                    self._replayed += 1
                    yield work
                else:
                    self._progress.done += 1

    def _left(self, page: list[CaseWork]) -> list[CaseWork]:
        """The cases of a page that were not replayed before an interruption."""
        first, stop = page[0].case_no, page[-1].case_no + 1
        ends = {end.case_no: end for end in self._kept.replayed_ends(self._run_id, first, stop)}
        self._replayed += len(ends)
        self._progress.done += len(ends)
        self._progress.resumed += len(ends)
        self._progress.failed += sum(end.failed for end in ends.values())
        works = {work.case_no: work for work in page if work.case_no not in ends}
        outcomes = self._kept.outcomes_between(self._run_id, first, stop)
        for case_no, of_case in groupby(outcomes, key=lambda outcome: outcome.case_no):
            if case_no in works:
                kept: Any = {(o.stage, o.item): o for o in of_case if self._request.keeps(o.stage, o.item)}
                works[case_no].stored.update(kept)
        left = list(works.values())
        if left and self._judges:
            add_judge_calls(left, self._kept, self._run_id)
        return left


async def replayed(
    run: CompiledRun, store: RunStore, runtime: RuntimeConfig, options: RunOptions, request: ReplayRequest
) -> RunResult:
    """Replay a run and return its result; raises as `ReplayExecution.execute`."""
    record = await ReplayExecution(run, store, runtime, options, request).execute()
    is_known = record.status is not RunStatus.RUNNING  # else it was interrupted before its replay
    return run_result(store, run.snapshot.run_id, record if is_known else None)
