"""Rows of the shards of runs, and the end of a run that follows from them: values without side effects."""

from collections.abc import Collection, Sequence
from itertools import pairwise
from typing import NamedTuple

from themis.core.outcomes.stages import Stage
from themis.core.outcomes.verdict import verdict_of
from themis.core.results import RunStatus

MOST_SHARDS = 999
"""Shards of one run, at most: their keys have three digits."""

UNFINISHED = frozenset({"queued", "running"})
"""States of jobs that have not ended."""

_FAILED, _CANCELLED = "failed", "cancelled"
_FIRST_OF = ("running", "queued", _FAILED, _CANCELLED)
_OF_THE_RUN = frozenset({"failed cases", "budget"})  # causes whose message is about the run as a whole


class ShardRow(NamedTuple):
    """Shard: a job that has a slice of its run's cases.

    Attributes:
        number, total: its number, from 1, and the number of shards.
        first, stop: the numbers of its first case and of the one behind its last.
        key: key of its job.
        settled: whether its job has ended since it was last queued.
        finished: version of the claim under which all of its cases have ended; 0 while they have not.
        ended, failed, answered: how many of its cases have ended, failed, and reached their metrics, once finished.
        through: the last stage that it went through, once finished.
    """

    number: int
    total: int
    first: int
    stop: int
    key: str
    settled: bool = False
    finished: int = 0
    ended: int = 0
    failed: int = 0
    answered: int = 0
    through: int | None = None


class EndOfShard(NamedTuple):
    """Shard whose job has ended, with what its job's row says of that."""

    shard: ShardRow
    state: str
    cause: str | None
    message: str | None


class EndOfRun(NamedTuple):
    """How a run ends whose last shard has ended."""

    status: RunStatus
    through: Stage | None
    error: str | None


def is_shard(key: str) -> bool:
    """Whether a job's key is that of a shard."""
    return "." in key


def run_part(key: str) -> str:
    """Return the part of a job's key that all jobs of its run share."""
    return key.partition(".")[0]


def state_of(states: Collection[str]) -> str:
    """Return the state of several jobs of one run together, a state of a job."""
    return next((state for state in _FIRST_OF if state in states), "done")


def slices(total_cases: int, shards: int) -> list[tuple[int, int]]:
    """Return contiguous slices of the numbers of cases, as equal as can be: the first, and the one behind the last."""
    bounds = [total_cases * number // shards for number in range(shards + 1)]
    return list(pairwise(bounds))


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
