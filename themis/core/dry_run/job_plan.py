"""Plan of a submission: the queue, the job there that the experiment has already, and what its run would do."""

from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Literal

from themis.core.base import FrozenModel
from themis.core.configuration.default_paths import DEFAULT_BATCH_ROOT
from themis.core.dry_run.run_plan import RunPlan, opened, plan_run
from themis.core.dry_run.write_access import why_not_writable
from themis.core.errors import ConfigError, QueueUnwritableError, RunExistsError
from themis.core.experiment import Experiment
from themis.core.jobs.predecessors import NOTHING, After, named_predecessors
from themis.core.jobs.submittable import check_submittable
from themis.core.queue.folder.root import open_root
from themis.core.queue.model.queue_place import Place, queue_place
from themis.core.stores.job_rows import JobRow, job_key
from themis.core.stores.registry import location_of, reader_of
from themis.core.values.tags import checked


class JobPlan(FrozenModel):
    """Outline of a submission that is not made: where its job would be, and what its run would do.

    Attributes:
        run: what the run of its job would do.
        mode: `worker_pool` or `batch`.
        folder: the queue's, or that of batch requests; for a queue of rows, the store that has them.
        folder_exists: whether it is there already.
        job, job_state: the job that the experiment has already, and its state; None when there is none.
        tags: those that a worker must have.
        after: keys of the jobs that it would run after.
    """

    run: RunPlan
    mode: Literal["worker_pool", "batch"]
    folder: str
    folder_exists: bool
    job: str | None = None
    job_state: str | None = None
    tags: tuple[str, ...] = ()
    after: tuple[str, ...] = ()


def plan_submission(
    experiment: Experiment,
    config_path: Path | None,
    mode: Literal["worker_pool", "batch"],
    tags: Iterable[str] = (),
    after: After = NOTHING,
) -> JobPlan:
    """Return what a submission of an experiment would do; it is checked as `submit_experiment` checks it.

    Raises:
        InputError: it cannot be submitted; the message says why.
        RunExistsError: the run or its job exists, and `runtime.existing_run_policy` is `error`.
        QueueRootError: the folder is not a queue, or cannot be written.
        StoreError: its store cannot be used, or not be made.
    """
    needed = checked([*experiment.runtime.tags, *checked(tags)])
    check_submittable(experiment, config_path)
    run = plan_run(experiment)
    batched = mode == "batch"
    place = _place(experiment, batched=batched)
    if isinstance(place, Path):
        _check_folder(place, batched=batched)
    exists = place.exists() if isinstance(place, Path) else run.store_exists
    row = None if batched else _job_of(experiment, run.run_id)
    if row is not None and experiment.runtime.existing_run_policy == "error":
        raise RunExistsError(run_id=run.run_id, status=row.state)
    return JobPlan(
        run=run,
        mode=mode,
        folder=str(place),
        folder_exists=exists,
        job=None if row is None else row.key,
        job_state=None if row is None else row.state,
        tags=needed,
        after=named_predecessors(after, location_of(experiment.storage)).keys,
    )


def _place(experiment: Experiment, *, batched: bool) -> Place:
    """Return the place that a submission would go to."""
    if batched:
        return Path(experiment.runtime.batch_root or DEFAULT_BATCH_ROOT).absolute()
    return queue_place(experiment.runtime.queue_root, location_of(experiment.storage))


def _check_folder(folder: Path, *, batched: bool) -> None:
    """Refuse a folder that cannot be a queue, or be written, or that is none."""
    if batched:
        if folder.exists() and not folder.is_dir():
            raise ConfigError(where="runtime.batch_root", detail=f"{folder} is not a folder")
        return
    open_root(folder, write=False)
    if why_not := why_not_writable(folder):
        mend = "make it writable for this user, or use a queue of your own"
        raise QueueUnwritableError(path=folder, detail=why_not, mend=mend)


def _job_of(experiment: Experiment, run_id: str) -> JobRow | None:
    """Return the job of a run, if its store has one."""
    with opened(experiment) as store:
        if store is None:
            return None
        # By a reader: a store that no queue has used gets its id when it is asked for it, and that would be written.
        with closing(reader_of(location_of(experiment.storage))) as reader:
            return None if reader.store_id is None else reader.job(job_key(run_id, reader.store_id))
