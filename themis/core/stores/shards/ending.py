"""End of a run that follows from the ends of its shards: values without side effects."""

from collections.abc import Sequence
from typing import NamedTuple

from themis.core.outcomes.stages import Stage
from themis.core.outcomes.verdict import verdict_of
from themis.core.results import RunStatus
from themis.core.stores.shards.rows import ShardRow

_FAILED, _CANCELLED = "failed", "cancelled"
_OF_THE_RUN = frozenset({"failed cases", "budget"})  # causes whose message is about the run as a whole


class EndOfShard(NamedTuple):
    """Shard whose job has ended, with what its job's row says of that."""

    shard: ShardRow
    state: str
    cause: str | None
    message: str | None


class EndOfRun(NamedTuple):
    """End of a run whose last shard has ended."""

    status: RunStatus
    through: Stage | None
    error: str | None


def end_of(ends: Sequence[EndOfShard]) -> EndOfRun:
    """Return the end of a run: failed if a shard is, else cancelled if a shard is, else by its cases."""
    for state, status in ((_FAILED, RunStatus.FAILED), (_CANCELLED, RunStatus.CANCELLED)):
        of_state = [end for end in ends if end.state == state]
        if of_state:
            return EndOfRun(status, None, _said(of_state, is_asked=state == _CANCELLED))
    shards = [end.shard for end in ends]
    ended, failed = sum(shard.ended for shard in shards), sum(shard.failed for shard in shards)
    found = verdict_of(ended, failed, lambda: any(shard.answered for shard in shards), None)
    through = None if found.status is RunStatus.FAILED else min(Stage(shard.through or 0) for shard in shards)
    return EndOfRun(found.status, through, found.error)


def _said(ends: Sequence[EndOfShard], *, is_asked: bool) -> str | None:
    """Return what the shards say that decide how their run ends; nothing for one that was cancelled on request."""
    for end in ends:
        if end.cause in _OF_THE_RUN:
            return end.message
    if is_asked:
        return None
    first = ends[0]
    others = f", and {len(ends) - 1} more shards failed" if len(ends) > 1 else ""
    return f"shard {first.shard.number} of {first.shard.total}: {first.message or first.cause}{others}"
