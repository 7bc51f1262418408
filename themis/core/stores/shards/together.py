"""Jobs of one run as one: the job of a run in several shards, for those who look at the run as a whole."""

from collections.abc import Callable, Sequence

from themis.core.stores.job_rows import JobRow, job_key
from themis.core.stores.shards.rows import ShardRow, run_part, state_of

MOST_FOUND = 10_000
"""Rows of jobs of one run that are looked at: those of former numbers of shards are among them."""

FindJobs = Callable[[str, int], list[JobRow]]
"""Returns the first jobs whose key begins with a text, so many at most."""


def shards_jobs(shards: Sequence[ShardRow], find: FindJobs) -> dict[str, JobRow]:
    """Return the jobs of the shards of one run by their keys; one that is not in the store is left out."""
    if not shards:
        return {}
    keys = {shard.key for shard in shards}
    return {row.key: row for row in find(f"{run_part(shards[0].key)}.", MOST_FOUND) if row.key in keys}


def job_of_run(
    run_id: str, store_id: str, shards: Sequence[ShardRow], find: FindJobs, load: Callable[[str], JobRow | None]
) -> JobRow | None:
    """Return the job of a run, or its shards' jobs as one; None for a run that is in no queue."""
    if not shards:
        return load(job_key(run_id, store_id))
    return together(list(shards_jobs(shards, find).values()))


def together(jobs: Sequence[JobRow]) -> JobRow | None:
    """Return the jobs of one run's shards as one job; None without any.

    It has the part of the keys that they share, and the state of the most urgent one, whose row it is: of several that
    wait the one that is ready first, and of several that ended the last.
    """
    if not jobs:
        return None
    state = state_of({job.state for job in jobs})
    of_state = [job for job in jobs if job.state == state]
    chosen = min(of_state, key=_urgency)
    return chosen._replace(
        key=run_part(chosen.key),
        cancel_requested=any(job.cancel_requested for job in jobs),
        submitted_ns=min(job.submitted_ns for job in jobs),
        ended_ns=None if chosen.ended_ns is None else max(job.ended_ns or 0 for job in jobs),
    )


def _urgency(job: JobRow) -> tuple[int, int]:
    return job.ready_ns or 0, -(job.ended_ns or 0)
