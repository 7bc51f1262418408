"""Rows of the shards of runs: values without side effects, and without the models that those who only look lack."""

from collections.abc import Collection, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

UNFINISHED = frozenset({"queued", "running"})
"""States of jobs that have not ended."""

_FIRST_OF = ("running", "queued", "failed", "cancelled")


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


def shard_row(row: Sequence[Any]) -> ShardRow:
    """Return the shard with these values of its columns."""
    found = ShardRow(*row)
    return found._replace(settled=bool(found.settled))


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
