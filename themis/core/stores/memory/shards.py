"""Shards of runs in memory, and the end of their run with the last of them."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import partial
from typing import Any, Protocol

from themis.core.outcomes.codec import now_ms
from themis.core.outcomes.outcome import CaseEnd
from themis.core.outcomes.stages import Stage
from themis.core.results import RunStatus
from themis.core.stores.base import BaseRunStore, end_columns
from themis.core.stores.job_rows import Fence, JobRow, job_key
from themis.core.stores.memory.jobs import InMemoryJobStore
from themis.core.stores.memory.undo import Undo
from themis.core.stores.protocol import RunRecord
from themis.core.stores.shards.ending import EndOfShard, end_of
from themis.core.stores.shards.port import Finished
from themis.core.stores.shards.rows import ShardRow

_OF_ALL = "all shards"


class ShardedRun(Protocol):
    """A run that may have shards."""

    record: RunRecord
    ends: dict[int, CaseEnd]
    shards: dict[int, ShardRow]
    failure_rows: dict[str, str]


class Shards(BaseRunStore, ABC):
    """Methods of a store on these rows."""

    _undo: Undo

    def lock_run(self, run_id: str) -> None:
        """Check that there is the run: one thread at a time is in a transaction."""
        self._run(run_id)

    def put_shards(self, run_id: str, slices: Sequence[tuple[int, int]], *, reopens: bool) -> None:
        """Give a run these shards in place of others, none of which is finished."""
        shards, total = self._run(run_id).shards, len(slices)
        with self._undo.transaction():
            self._undo.note(partial(shards.update, dict(shards)))
            shards.clear()
            for number, (first, stop) in enumerate(slices, 1):
                key = job_key(run_id, self.jobs.store_id, (number, total))
                self._undo.put(shards, number, ShardRow(number, total, first, stop, key))
            if reopens:
                self._reopen(run_id)

    def shards(self, run_id: str) -> list[ShardRow]:
        """Return the shards of a run, in order; none for a run in one job, or that does not exist."""
        if self.load_run(run_id) is None:
            return []
        return list(self._run(run_id).shards.values())

    def hosts_of_shards(self, run_id: str) -> int:
        """Return the number of hosts that run shards of a run now."""
        rows = (self.jobs.load(shard.key) for shard in self.shards(run_id))
        return len({row.owner.host for row in rows if row is not None and row.owner is not None})

    def begin_shard(self, run_id: str, fence: Fence) -> None:
        """Mark a run as running, unless it is, and a shard as not finished."""
        run = self._run(run_id)
        with self._undo.transaction():
            self.jobs.check_fence(fence)
            if run.record.status is RunStatus.PENDING:
                self._update(run_id, status=RunStatus.RUNNING, started_ms=now_ms())
            self._change(run, fence.key, finished=0)

    def finish_shard(self, run_id: str, through: Stage, fence: Fence) -> Finished:
        """Mark a shard as finished, with the counts of its cases."""
        run = self._run(run_id)
        with self._undo.transaction():
            self.jobs.check_fence(fence)
            shard = _of_key(run, fence.key)
            if shard is not None:
                ends = [end for number, end in run.ends.items() if shard.first <= number < shard.stop]
                failed, answered = sum(end.failed for end in ends), sum(end.through >= Stage.SCORE for end in ends)
                counts = {"ended": len(ends), "failed": failed, "answered": answered}
                self._change(run, fence.key, finished=fence.version, through=int(through), **counts)
            return Finished(tuple(shard.finished for shard in run.shards.values()))

    def failure_rows(self, run_id: str) -> str | None:
        """Return what the shards of a run tell each other of failures in a row; None for nothing."""
        return None if self.load_run(run_id) is None else self._run(run_id).failure_rows.get(_OF_ALL)

    def put_failure_rows(self, run_id: str, text: str, fence: Fence) -> None:
        """Save it, in place of what it was."""
        with self._undo.transaction():
            self.jobs.check_fence(fence)
            self._undo.put(self._run(run_id).failure_rows, _OF_ALL, text)

    def _reopen(self, run_id: str) -> None:
        rows = self._run(run_id).failure_rows
        self._undo.note(partial(rows.update, dict(rows)))
        rows.clear()
        self._update(run_id, status=RunStatus.PENDING, error=None, started_ms=None, ended_ms=None)

    def _follow(self, before: JobRow, after: JobRow) -> None:
        """Write what a change of a shard's job means for its run: it may end, or be open again."""
        has_ended = after.ended_ns is not None
        if (before.ended_ns is not None) == has_ended or self.load_run(after.run_id) is None:
            return
        run = self._run(after.run_id)
        if _of_key(run, after.key) is None:
            return
        self._change(run, after.key, settled=has_ended)
        if not has_ended:
            self._change(run, after.key, finished=0)
            self._reopen(after.run_id)
        elif run.record.ended_ms is None and all(shard.settled for shard in run.shards.values()):
            jobs = [(shard, self.jobs.load(shard.key)) for shard in run.shards.values()]
            end = end_of([EndOfShard(shard, job.state, job.cause, job.message) for shard, job in jobs if job])
            through, error = end_columns(end.through, end.error)
            self._update(after.run_id, status=end.status, completed_through=through, error=error, ended_ms=now_ms())

    def _change(self, run: ShardedRun, key: str, **changes: Any) -> None:
        shard = _of_key(run, key)
        if shard is not None:
            self._undo.put(run.shards, shard.number, shard._replace(**changes))

    @property
    @abstractmethod
    def jobs(self) -> InMemoryJobStore:
        """Jobs of queues of this process."""

    @abstractmethod
    def _run(self, run_id: str) -> Any: ...

    @abstractmethod
    def _update(self, run_id: str, **changes: Any) -> None: ...


def _of_key(run: ShardedRun, key: str) -> ShardRow | None:
    return next((shard for shard in run.shards.values() if shard.key == key), None)
