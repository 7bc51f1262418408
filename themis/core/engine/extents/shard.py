"""Slice of a run's cases that a job carries out by itself: the store ends the run with the last of these jobs.

Who is the last is decided when the cases of a shard have ended, before its job has: the figures over the run are
computed by that one, and the run is judged by it. A shard that runs again meanwhile, as its worker was lost before its
job ended, is the last one after that; one that computed before looks whether that happened, and computes again.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace

from themis.core.config import RuntimeConfig
from themis.core.cost.spend import Spend
from themis.core.engine.aggregating import aggregate
from themis.core.engine.breaking.rows import FailureRows
from themis.core.engine.cases.verdict import verdict
from themis.core.engine.compiling.compiled import CompiledRun
from themis.core.engine.extents.other_hosts import followed
from themis.core.engine.extents.other_shards import OtherShards, stopped_together
from themis.core.outcomes.stages import Stage
from themis.core.outcomes.verdict import Verdict
from themis.core.results import RunStatus
from themis.core.stores.job_rows import Fence
from themis.core.stores.protocol import RunRecord, RunStore
from themis.core.stores.shards.port import Finished


class Shard:
    """Carries out a slice of a run's cases."""

    def __init__(self, store: RunStore, run_id: str, fence: Fence, cases: tuple[int, int], until: Stage) -> None:
        """Carry out the cases numbered from `cases[0]` to before `cases[1]` up to a stage, under a claim."""
        self._store = store
        self._run_id = run_id
        self._fence = fence
        self._until = until
        self._ended = Verdict(RunStatus.RUNNING)
        self.total = cases[1] - cases[0]
        self.failures = FailureRows(is_shared=True)

    def spends(self) -> Mapping[int, str]:
        """Return the spends of earlier executions, by their numbers; the next number is this one's from now on."""
        with self._store.transaction():
            self._store.lock_run(self._run_id)
            found = self._store.spends(self._run_id)
            mine = max(found, default=0) + 1
            self._store.put_spend(self._run_id, mine, Spend(has_ended=True).text(), fence=self._fence)
        return found

    def read_others(self) -> Mapping[int, str]:
        """Return the spends of all executions, by their numbers."""
        return self._store.spends(self._run_id)

    def start(self) -> None:
        """Mark the run as running, unless another shard has, and this shard as not finished."""
        self._store.begin_shard(self._run_id, self._fence)

    @asynccontextmanager
    async def beside_others(self, runtime: RuntimeConfig, divide: Callable[[int], None]) -> AsyncIterator[None]:
        """Context in which hosts divide the limits of providers, and a shard that stops the run stops this one."""
        others = OtherShards(self._store, self._run_id, self._fence, self.failures)
        async with followed(self._store, self._run_id, runtime, divide), stopped_together(others):
            yield

    async def finished(self, run: CompiledRun, runtime: RuntimeConfig, through: Stage) -> Verdict:
        """Mark the shard as finished; the last one stores the figures over the run, and judges it."""
        found = self._store.finish_shard(self._run_id, through, self._fence)
        while found.is_last:
            if self._until >= Stage.SCORE:
                await aggregate(run, self._store, runtime, self._fence)
            now = Finished(tuple(shard.finished for shard in self._store.shards(self._run_id)))
            if now == found:
                return verdict(self._store, self._run_id, runtime.max_failed_share)
            found = now
        return Verdict(RunStatus.COMPLETED)

    def end(self, status: RunStatus, through: Stage | None, error: str | None) -> None:  # noqa: ARG002  # finished says it
        """Keep how the shard ended, for its job."""
        self._ended = Verdict(status, error)

    def record(self) -> RunRecord:
        """Return the run's row, with how the shard ended."""
        record = self._store.load_run(self._run_id)
        assert record is not None, "the run was just created"  # noqa: S101
        return replace(record, status=self._ended.status, error=self._ended.error)
