"""Part of a store's port that keeps the shards of runs."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from themis.core.outcomes.stages import Stage
from themis.core.stores.job_rows import Fence
from themis.core.stores.shards.rows import ShardRow


class Finished(NamedTuple):
    """Answer of a store when all cases of a shard have ended.

    Attributes:
        versions: by shard, in order, the version of the claim under which it has finished; 0 for one that has not.
    """

    versions: tuple[int, ...]

    @property
    def is_last(self) -> bool:
        """Whether no shard has cases left."""
        return bool(self.versions) and all(self.versions)


class ShardStore(Protocol):
    """Keeps the shards of runs. A run with shards ends in the transaction in which the job of the last one ends."""

    def lock_run(self, run_id: str) -> None:
        """Keep a run to the transaction that is open, until that ends: no other one changes it, or ends its shards."""

    def put_shards(self, run_id: str, slices: Sequence[tuple[int, int]], *, reopens: bool) -> None:
        """Give a run these shards in place of others, none of which is finished; none at all for a run in one job.

        If that `reopens` it, it has not ended any more.
        """

    def shards(self, run_id: str) -> list[ShardRow]:
        """Return the shards of a run, in order; none for a run in one job, or that does not exist."""

    def hosts_of_shards(self, run_id: str) -> int:
        """Return the number of hosts that run shards of a run now."""

    def begin_shard(self, run_id: str, fence: Fence) -> None:
        """Mark a run as running, unless it is, and a shard as not finished.

        Raises:
            ClaimLostError: `fence` no longer holds; nothing is written.
        """

    def finish_shard(self, run_id: str, through: Stage, fence: Fence) -> Finished:
        """Mark a shard as finished, with the counts of its cases.

        Raises:
            ClaimLostError: `fence` no longer holds; nothing is written.
        """

    def failure_rows(self, run_id: str) -> str | None:
        """Return what the shards of a run tell each other of failures in a row; None for nothing."""

    def put_failure_rows(self, run_id: str, text: str, fence: Fence) -> None:
        """Save it, in place of what it was. It is forgotten when a job of the run is queued again after its end.

        Raises:
            ClaimLostError: `fence` no longer holds; nothing is written.
        """
