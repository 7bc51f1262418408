"""Submission of experiments to a queue or a batch folder, and their results."""

from collections.abc import Iterable, Sequence
from contextlib import closing
from datetime import datetime
from functools import partial
from pathlib import Path

from pydantic import Field

from themis.core.base import FrozenModel
from themis.core.components.references import ComponentTarget
from themis.core.experiment import Experiment
from themis.core.jobs.batch_requests import run_batch_request
from themis.core.jobs.predecessors import after_of
from themis.core.jobs.prepared_job import Mode, NamedMode, PreparedJob, how_submitted, prepared, submit_request
from themis.core.jobs.queue_of_job import place_of, queue_of
from themis.core.jobs.sharding import jobs_of_shards, refuse_number, refuse_others, write_whole_run
from themis.core.jobs.store_cache import StoreCache
from themis.core.jobs.worker_cycle import open_queue, open_queue_at, run_worker_once, run_worker_once_async
from themis.core.queue.model.ordering import DEFAULT_PRIORITY
from themis.core.queue.model.predecessors import waits_for
from themis.core.queue.model.queue_place import Place
from themis.core.queue.model.states import JobState
from themis.core.queue.port import Queue
from themis.core.queue.transitions.new_job import PathOfFile
from themis.core.snapshot import RunSnapshot
from themis.core.stores.shards.rows import state_of

__all__ = [
    "SubmissionManifest",
    "open_queue",
    "open_queue_at",
    "run_batch_request",
    "run_worker_once",
    "run_worker_once_async",
    "submit_experiment",
]

STATUS_OF_STATE = {
    JobState.QUEUED: "pending",
    JobState.RUNNING: "running",
    JobState.DONE: "completed",
    JobState.FAILED: "failed",
    JobState.CANCELLED: "cancelled",
}


class SubmissionManifest(FrozenModel):
    """Summary of a submitted experiment.

    Attributes:
        manifest_path: its file; the file's name is not the run's. None in a queue of rows, which has no files.
        execution_targets: the import target of each component, by its path in the configuration.
        name: of the run: the one that it got when it was first stored.
        queue: its queue: a folder, or `store:` with the address of the store that has its rows; None for a batch.
        job: key of its job in that queue; None for a batch.
        shards: number of its jobs, each with a slice of its cases; None for one job. `manifest_path` is the file of the
            first of them then, and `job` names them all.
        status: `pending` once queued; else the state of the same job, which was submitted before.
        after: keys of the jobs that it runs after, while it waits for them.
    """

    run_id: str
    mode: Mode
    config_path: str | None = None
    manifest_path: PathOfFile
    snapshot: RunSnapshot
    execution_targets: dict[str, ComponentTarget] = Field(default_factory=dict)
    queue: str | None = None
    job: str | None = None
    shards: int | None = None
    status: str = "pending"
    name: str | None = None
    after: list[str] = Field(default_factory=list)


def submit_experiment(  # noqa: PLR0913  # what decides when and where it runs, all but the first by keyword
    experiment: Experiment,
    *,
    config_path: str | Path | None = None,
    mode: NamedMode = "worker_pool",
    priority: int = DEFAULT_PRIORITY,
    not_before: datetime | None = None,
    tags: Iterable[str] = (),
    shards: int = 1,
    after: Iterable[str] = (),
    after_ended: Iterable[str] = (),
) -> SubmissionManifest:
    """Write an experiment into its queue folder (or, with mode `batch`, its batch folder); it is on disk on return.

    Submitting the same experiment again gives the same job, whose state is returned; `runtime.existing_run_policy`
    decides about a job that has ended: `auto` leaves it, `error` refuses, `rerun` starts it from scratch.

    Args:
        experiment: with a store that outlives this process, and components that can be imported elsewhere.
        config_path: the file that it was read from, for people.
        mode: `worker_pool` (`worker-pool` is the same) or `batch`.
        priority: 0 (first) to 9.
        not_before: the earliest start time, with its time zone.
        tags: tags that a worker must have to take it, in addition to `runtime.tags`.
        shards: number of jobs that share its cases, and that different workers may run at the same time.
        after: jobs that must be done before it starts, each named by its key or as in commands; `group:NAME` stands for
            all of a group. If one of them fails or is cancelled, it is cancelled. Their results are in the same store.
        after_ended: jobs that must have ended before it starts, however.

    Raises:
        InputError: it cannot be submitted; the message says why.
        RunExistsError: it exists and the policy is `error`.
        OtherShardsError: it is under way with another number of shards.
        RunBusyError: it should start from scratch, but a process holds its run lock.
        UnavailableError: the store or the queue cannot be used now.
    """
    how = how_submitted(mode, priority, not_before, tags, after_of(after, after_ended))
    found = prepared(experiment, config_path, how)
    refuse_number(found.experiment, found.mode, shards)
    if found.mode == "batch":
        return summary_of(found, submit_request(found), "pending")
    found.find_datasets_again()
    with closing(StoreCache()) as others:
        place = place_of(found, others)
        queue = queue_of(place, {found.job.store: found.store.jobs}, others)
        if shards > 1:
            return _in_shards(found, shards, queue, place)
        refuse_others(found, 1)
        write = partial(write_whole_run, found)
        submission = queue.submit(found.job, prepare=write, rerun=found.policy == "rerun")
    found.refuse_existing(submission)
    return summary_of(found, submission.path, STATUS_OF_STATE[submission.state], place, waits_for(submission.row))


def _in_shards(found: PreparedJob, shards: int, queue: Queue, place: Place) -> SubmissionManifest:
    done = [one for part in queue.submit_all(jobs_of_shards(found, shards)) for one in part]
    found.refuse_existing(done[0])
    state = JobState(state_of({one.state for one in done}))
    summary = summary_of(found, done[0].path, STATUS_OF_STATE[state], place, waits_for(done[0].row))
    return summary.model_copy(update={"shards": shards})


def summary_of(
    found: PreparedJob, path: Path | None, status: str, place: Place | None = None, after: Sequence[str] = ()
) -> SubmissionManifest:
    """Return the summary of a submission whose job is in the file `path` now, in the queue at `place`."""
    record = found.store.load_run(found.snapshot.run_id)
    return SubmissionManifest(
        run_id=found.snapshot.run_id,
        mode=found.mode,
        config_path=found.config_path,
        manifest_path=path,
        snapshot=found.snapshot,
        execution_targets=found.targets,
        queue=None if place is None else str(place),
        job=None if place is None else found.job.key,
        status=status,
        name=None if record is None else record.name,
        after=list(after),
    )
