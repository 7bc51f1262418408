"""Writes that change nothing when they are made a second time: repeated until the server has said that they are made.

A server that is restarted, or a standby that takes over, leaves open whether a commit that it has not answered was
made.
"""

from abc import ABC
from collections.abc import Mapping

from themis.core.outcomes.stages import Stage
from themis.core.results import RunStatus
from themis.core.stores.batch_rows import BatchRow
from themis.core.stores.job_rows import Fence
from themis.core.stores.judge_call_rows import JudgeCallRow
from themis.core.stores.postgres.database import PostgresDatabase
from themis.core.stores.shards.port import Finished
from themis.core.stores.sql.run_store import SqlRunStore


class RepeatedWrites(SqlRunStore, ABC):
    """Methods of a store that write such rows, but for `append`."""

    _database: PostgresDatabase

    def name_run(self, run_id: str, name: str, labels: Mapping[str, str]) -> None:
        """Give a run its name and labels, unless it has a name already."""
        self._database.again(lambda: super(RepeatedWrites, self).name_run(run_id, name, labels))

    def start_run(self, run_id: str, *, fence: Fence | None = None) -> None:
        """Mark a run as running."""
        self._database.again(lambda: super(RepeatedWrites, self).start_run(run_id, fence=fence))

    def begin_shard(self, run_id: str, fence: Fence) -> None:
        """Mark a run as running, unless it is, and a shard as not finished."""
        self._database.again(lambda: super(RepeatedWrites, self).begin_shard(run_id, fence))

    def finish_shard(self, run_id: str, through: Stage, fence: Fence) -> Finished:
        """Mark a shard as finished, with the counts of its cases."""
        found: list[Finished] = []
        finish = super().finish_shard
        self._database.again(lambda: found.append(finish(run_id, through, fence)))
        return found[-1]

    def end_run(
        self,
        run_id: str,
        status: RunStatus,
        *,
        through: Stage | None,
        error: str | None = None,
        fence: Fence | None = None,
    ) -> None:
        """Mark a run as ended; synced to disk before this returns."""
        end = super().end_run
        self._database.again(lambda: end(run_id, status, through=through, error=error, fence=fence))

    def lend_only(self, run_id: str, keys: Mapping[str, str], *, fence: Fence | None = None) -> None:
        """Register those reuse keys of a run that are valid for all of its outcomes, so that other runs find it."""
        self._database.again(lambda: super(RepeatedWrites, self).lend_only(run_id, keys, fence=fence))

    def put_spend(self, run_id: str, execution: int, spend: str, *, fence: Fence | None = None) -> None:
        """Save the spend of an execution of a run, in place of what was saved of it."""
        self._database.again(lambda: super(RepeatedWrites, self).put_spend(run_id, execution, spend, fence=fence))

    def put_aggregate(self, run_id: str, item: int, figures: str, *, fence: Fence | None = None) -> None:
        """Save the figures of a metric over a run, in place of what was saved of it."""
        self._database.again(lambda: super(RepeatedWrites, self).put_aggregate(run_id, item, figures, fence=fence))

    def save_batch(self, run_id: str, row: BatchRow, *, fence: Fence | None = None) -> None:
        """Add a batch, or replace its row; synced to disk before this returns."""
        self._database.again(lambda: super(RepeatedWrites, self).save_batch(run_id, row, fence=fence))

    def save_judge_calls(self, run_id: str, rows: list[JudgeCallRow], *, fence: Fence | None = None) -> None:
        """Save the responses of judges, all or none; a row of the same key is replaced."""
        self._database.again(lambda: super(RepeatedWrites, self).save_judge_calls(run_id, rows, fence=fence))
