"""Shards of runs in the tables of a database."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from themis.core.outcomes.codec import now_ms
from themis.core.outcomes.stages import Stage
from themis.core.stores.base import BaseRunStore
from themis.core.stores.job_rows import Fence, job_key
from themis.core.stores.shards.port import Finished
from themis.core.stores.shards.rows import ShardRow, shard_row
from themis.core.stores.sql.database import SqlDatabase
from themis.core.stores.sql.jobs import SqlJobStore
from themis.core.stores.sql.shards import statements as sql


class Shards(BaseRunStore, ABC):
    """Methods of a store on these rows."""

    def lock_run(self, run_id: str) -> None:
        """Keep a run to the transaction that is open, until that ends."""
        self._locked_run_no(run_id)

    def put_shards(self, run_id: str, slices: Sequence[tuple[int, int]], *, reopens: bool) -> None:
        """Give a run these shards in place of others, none of which is finished."""
        store_id, total = self.jobs.store_id, len(slices)
        with self.transaction() as connection:
            run_no = self._locked_run_no(run_id)
            connection.execute(sql.DELETE_SHARDS, (run_no,))
            rows = [
                (run_no, number, total, first, stop, job_key(run_id, store_id, (number, total)))
                for number, (first, stop) in enumerate(slices, 1)
            ]
            connection.executemany(sql.INSERT_SHARD, rows)
            if reopens:
                connection.execute(sql.REOPEN_RUN, (run_no,))

    def shards(self, run_id: str) -> list[ShardRow]:
        """Return the shards of a run, in order; none for a run in one job, or that does not exist."""
        return [shard_row(row) for row in self._open().query(sql.SELECT_SHARDS, (run_id,))]

    def hosts_of_shards(self, run_id: str) -> int:
        """Return the number of hosts that run shards of a run now."""
        row = self._open().query_one(sql.COUNT_HOSTS, (run_id,))
        return int(row[0]) if row else 0

    def begin_shard(self, run_id: str, fence: Fence) -> None:
        """Mark a run as running, unless it is, and a shard as not finished."""
        with self.transaction() as connection:
            run_no = self._locked_run_no(run_id)  # before the job, as those do who end the job
            self.jobs.check_fence(fence)
            connection.execute(sql.START_SHARDED, (now_ms(), run_no))
            connection.execute(sql.BEGIN_SHARD, (run_no, fence.key))

    def finish_shard(self, run_id: str, through: Stage, fence: Fence) -> Finished:
        """Mark a shard as finished, with the counts of its cases."""
        run_no = self._run_no(run_id)
        # Only this claim writes them, so that they need not be counted while others wait for the run.
        counts = self._open().query_one(sql.COUNT_OF_SHARD, (Stage.SCORE, run_no, fence.key)) or (0, 0, 0)
        with self.transaction() as connection:
            self._locked_run_no(run_id)
            self.jobs.check_fence(fence)
            connection.execute(sql.FINISH_SHARD, (fence.version, *counts, int(through), run_no, fence.key))
            found = connection.execute(sql.SELECT_FINISHED, (run_no,)).fetchall()
        return Finished(tuple(version for (version,) in found))

    def failure_rows(self, run_id: str) -> str | None:
        """Return what the shards of a run tell each other of failures in a row; None for nothing."""
        row = self._open().query_one(sql.SELECT_FAILURE_ROWS, (run_id,))
        return row[0] if row else None

    def put_failure_rows(self, run_id: str, text: str, fence: Fence) -> None:
        """Save it, in place of what it was."""
        with self.transaction() as connection:
            run_no = self._locked_run_no(run_id)
            self.jobs.check_fence(fence)
            connection.execute(sql.PUT_FAILURE_ROWS, (text, run_no))

    @property
    @abstractmethod
    def jobs(self) -> SqlJobStore:
        """Jobs of queues, in the same database and the same transactions."""

    @abstractmethod
    def _open(self) -> SqlDatabase: ...

    @abstractmethod
    def _run_no(self, run_id: str) -> int: ...

    @abstractmethod
    def _locked_run_no(self, run_id: str) -> int: ...
