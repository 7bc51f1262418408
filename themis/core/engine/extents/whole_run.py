"""All cases of a run: its execution decides how the run ends."""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext

from themis.core.config import RuntimeConfig
from themis.core.engine.aggregating import aggregate
from themis.core.engine.breaking.rows import FailureRows
from themis.core.engine.cases.verdict import verdict
from themis.core.engine.compiling.compiled import CompiledRun
from themis.core.outcomes.stages import Stage
from themis.core.outcomes.verdict import Verdict
from themis.core.results import RunStatus
from themis.core.snapshot import RunSnapshot
from themis.core.stores.job_rows import Fence
from themis.core.stores.protocol import RunRecord, RunStore


class WholeRun:
    """Carries out all cases of a run."""

    def __init__(self, store: RunStore, snapshot: RunSnapshot, fence: Fence | None, until: Stage) -> None:
        """Carry out the run of `snapshot` up to a stage, under `fence` if there is one."""
        self._store = store
        self._run_id = snapshot.run_id
        self._fence = fence
        self._until = until
        self.total = snapshot.total_cases
        self.failures = FailureRows()

    read_others = None

    def spends(self) -> Mapping[int, str]:
        """Return the spends of earlier executions, by their numbers."""
        return self._store.spends(self._run_id)

    def start(self) -> None:
        """Mark the run as running."""
        self._store.start_run(self._run_id, fence=self._fence)

    def beside_others(self, runtime: RuntimeConfig, divide: Callable[[int], None]) -> AbstractAsyncContextManager[None]:  # noqa: ARG002  # there are no others
        """Context in which the limits of providers are all this execution's."""
        return nullcontext()

    async def finished(self, run: CompiledRun, runtime: RuntimeConfig, through: Stage) -> Verdict:  # noqa: ARG002  # its end says it
        """Store the figures over the run, and judge it."""
        if self._until >= Stage.SCORE:
            await aggregate(run, self._store, runtime, self._fence)
        return verdict(self._store, self._run_id, runtime.max_failed_share)

    def end(self, status: RunStatus, through: Stage | None, error: str | None) -> None:
        """End the run."""
        self._store.end_run(self._run_id, status, through=through, error=error, fence=self._fence)

    def record(self) -> RunRecord:
        """Return the run's row."""
        record = self._store.load_run(self._run_id)
        assert record is not None, "the run was just created"  # noqa: S101
        return record
