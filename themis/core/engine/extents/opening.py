"""Extent of an execution, by its options."""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from themis.core.config import RuntimeConfig
from themis.core.engine.breaking.rows import FailureRows
from themis.core.engine.compiling.compiled import CompiledRun
from themis.core.engine.extents.whole_run import WholeRun
from themis.core.engine.run_options import RunOptions
from themis.core.outcomes.stages import UNTIL_STAGES, Stage
from themis.core.outcomes.verdict import Verdict
from themis.core.results import RunStatus
from themis.core.stores.protocol import RunRecord, RunStore


class Extent(Protocol):
    """Part of a run that an execution carries out."""

    @property
    def total(self) -> int:
        """Number of its cases."""

    def spends(self) -> Mapping[int, str]:
        """Return the spends of the executions before this one, by their numbers; the next number is its own."""

    @property
    def read_others(self) -> Callable[[], Mapping[int, str]] | None:
        """Reads the spends of all executions, if others are carried out at the same time; None if there are none."""

    def start(self) -> None:
        """Mark the run as running."""

    @property
    def failures(self) -> FailureRows:
        """Its failures in a row."""

    def beside_others(self, runtime: RuntimeConfig, divide: Callable[[int], None]) -> AbstractAsyncContextManager[None]:
        """Context in which others may carry out the same run.

        `divide` is told into how many equal parts the limits of providers are divided. When another one stops the run,
        the block is cancelled, and the same error is raised.
        """

    async def finished(self, run: CompiledRun, runtime: RuntimeConfig, through: Stage) -> Verdict:
        """Say that all of its cases have ended; store the figures over the run if it has no others, and judge it."""

    def end(self, status: RunStatus, through: Stage | None, error: str | None) -> None:
        """Say how it ended."""

    def record(self) -> RunRecord:
        """Return the run's row, with how this execution ended."""


def extent_of(run: CompiledRun, store: RunStore, options: RunOptions, until: Stage) -> Extent:
    """Return what an execution of a run carries out, up to a stage."""
    if options.cases is not None and options.fence is not None:
        from themis.core.engine.extents.shard import Shard  # noqa: PLC0415  # few runs have shards

        return Shard(store, run.snapshot.run_id, options.fence, options.cases, until)
    return WholeRun(store, run.snapshot, options.fence, until)


def is_complete(record: RunRecord, until: Stage) -> bool:
    """Whether a run is complete through a stage: nothing of it is left to do."""
    return record.status is RunStatus.COMPLETED and UNTIL_STAGES[record.completed_through or "judge"] >= until
