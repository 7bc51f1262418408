"""Shards of a submission: the jobs that share the cases of its run, and what keeps them apart from other jobs of it.

The shards of a run are planned in the transaction that adds the first of their jobs. A run does not end before the job
of each planned shard has: so a submission that died half-way, or queues ended jobs again one by one, leaves a run that
is not over, and the same submission does the rest.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from themis.core.engine.extents import is_complete
from themis.core.errors import InvalidArgumentError, OtherShardsError, RunExistsError
from themis.core.experiment import Experiment
from themis.core.jobs.prepared_job import Mode, PreparedJob
from themis.core.queue.transitions.bulk_submitting import BulkJob
from themis.core.stores.job_rows import JobRow
from themis.core.stores.shards.rows import UNFINISHED, ShardRow, slices, state_of
from themis.core.values.bounds import MOST_SHARDS


def refuse_number(experiment: Experiment, mode: Mode, shards: int) -> None:
    """Refuse a number of shards that the run of an experiment cannot have.

    Raises:
        InvalidArgumentError: the number is out of range, or nothing of its kind can be divided.
    """
    cases = experiment.compile().total_cases
    detail = None
    if not 1 <= shards <= MOST_SHARDS:
        detail = f"{shards} is not 1 to {MOST_SHARDS}"
    elif shards > max(cases, 1):
        detail = f"{shards} shards are more than the {cases:,} cases of the run"
    elif shards > 1 and mode == "batch":
        detail = "a batch request is one job; leave out --mode batch, or the shards"
    elif shards > 1 and experiment.runtime.batch is not None:
        detail = "runtime.batch asks a provider for all cases of a run at once; leave it out, or the shards"
    if detail is not None:
        raise InvalidArgumentError(argument="shards", detail=detail)


def refuse_others(found: PreparedJob, shards: int) -> list[ShardRow]:
    """Refuse a run that is under way in another number of jobs; return the shards that it has.

    Raises:
        OtherShardsError: some of its jobs have not ended.
    """
    run_id, jobs = found.snapshot.run_id, found.store.jobs
    rows = found.store.shards(run_id)
    if shards > 1 and _is_unfinished(jobs.load(found.job.key)):
        raise OtherShardsError(run=run_id[:12], how="in one job", state="not over", now=shards)
    if len(rows) != shards:
        left = [row for row in rows if _is_unfinished(jobs.load(row.key))]
        if left:
            state = f"{len(left)} of which have not ended"
            raise OtherShardsError(run=run_id[:12], how=f"in {len(rows)} shards", state=state, now=shards)
    return rows


def refuse_existing(found: PreparedJob) -> None:
    """Refuse a run that has a job, or shards, if its policy says so.

    Raises:
        RunExistsError: it has one.
    """
    if found.policy != "error":
        return
    keys = [found.job.key, *(shard.key for shard in found.store.shards(found.snapshot.run_id))]
    rows = [row for key in keys if (row := found.store.jobs.load(key)) is not None]
    if rows:
        raise RunExistsError(run_id=found.snapshot.run_id, status=state_of({row.state for row in rows}))


def jobs_of(found: PreparedJob, shards: int) -> list[BulkJob]:
    """Return the jobs of a submission in so many shards; raises as `refuse_others`."""
    if shards > 1:
        return jobs_of_shards(found, shards)
    return [BulkJob(found.job, partial(write_whole_run, found), found.policy == "rerun")]


def write_whole_run(found: PreparedJob) -> None:
    """Write a run that is submitted in one job; raises as `refuse_others`."""
    if found.write_run():
        return
    found.store.lock_run(found.snapshot.run_id)
    if refuse_others(found, 1):
        found.store.put_shards(found.snapshot.run_id, [], reopens=False)


def jobs_of_shards(found: PreparedJob, shards: int) -> list[BulkJob]:
    """Return the jobs of a submission in several shards, as many as it can have; raises as `refuse_others`."""
    planned = refuse_others(found, shards)
    parts = slices(found.snapshot.total_cases, shards)
    is_planned = _slices_of(planned) == parts
    jobs = [replace(found.job, shard=(number, shards), cases=part) for number, part in enumerate(parts, 1)]
    present = [found.store.jobs.load(job.key) for job in jobs]
    is_afresh = found.policy == "rerun" and not any(map(_is_unfinished, present))
    write = _Once(lambda: _plan(found, parts, is_afresh=is_afresh))
    settled = [row.settled for row in planned] if is_planned else [False] * shards
    return [BulkJob(job, write, is_afresh or not done) for job, done in zip(jobs, settled, strict=True)]


def _plan(found: PreparedJob, parts: Sequence[tuple[int, int]], *, is_afresh: bool) -> None:
    """Write the run and its shards; part of the transaction that queues the first job."""
    found.write_run()
    store, run_id = found.store, found.snapshot.run_id
    store.lock_run(run_id)
    planned = refuse_others(found, len(parts))
    if is_afresh or _slices_of(planned) != list(parts):
        record = store.load_run(run_id)
        reopens = record is None or not is_complete(record, found.snapshot.last_stage)
        store.put_shards(run_id, parts, reopens=reopens)


class _Once:
    """Does something the first time that it is called."""

    def __init__(self, write: Callable[[], object]) -> None:
        self._write: Callable[[], object] | None = write

    def __call__(self) -> None:
        if self._write is not None:
            self._write()
            self._write = None


def _slices_of(shards: Sequence[ShardRow]) -> list[tuple[int, int]]:
    return [(shard.first, shard.stop) for shard in shards]


def _is_unfinished(job: JobRow | None) -> bool:
    return job is not None and job.state in UNFINISHED
