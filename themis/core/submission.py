"""Submission of experiments to a queue or a batch folder, and their results."""

import logging
from collections.abc import Iterable
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from themis.core.base import FrozenModel
from themis.core.components.provenance import distribution_versions, themis_version
from themis.core.components.references import ComponentTarget
from themis.core.config import RuntimeConfig
from themis.core.configuration.default_paths import DEFAULT_BATCH_ROOT
from themis.core.engine.code_changes import act_on_edits_elsewhere, act_on_own_edits
from themis.core.engine.compiling.run_name import add_run
from themis.core.engine.limits import idle_limits
from themis.core.errors import (
    ConfigError,
    InvalidArgumentError,
    RunExistsError,
)
from themis.core.experiment import Experiment
from themis.core.jobs.batch_requests import run_batch_request, write_request
from themis.core.jobs.found_as import found_as
from themis.core.jobs.payload import JobPayload
from themis.core.jobs.store_cache import StoreCache
from themis.core.jobs.submittable import check_submittable, loaders_of
from themis.core.jobs.worker_cycle import open_queue, open_queue_at, run_worker_once, run_worker_once_async
from themis.core.queue.model.manifest_file import Limits
from themis.core.queue.model.ordering import DEFAULT_PRIORITY
from themis.core.queue.model.queue_place import Place, RowsPlace, place_in, queue_place
from themis.core.queue.model.states import JobState
from themis.core.queue.model.store_address import StoreAddress
from themis.core.queue.opening import queue_at
from themis.core.queue.transitions.submitting import NewJob, PathOfFile
from themis.core.snapshot import RunSnapshot
from themis.core.stores.job_store import JobStore
from themis.core.stores.protocol import RunStore
from themis.core.stores.registry import location_of
from themis.core.values.tags import checked

__all__ = [
    "SubmissionManifest",
    "open_queue",
    "open_queue_at",
    "run_batch_request",
    "run_worker_once",
    "run_worker_once_async",
    "submit_experiment",
]

logger = logging.getLogger("themis.submission")

Mode = Literal["worker_pool", "batch"]
NamedMode = Mode | Literal["worker-pool"]
"""A mode as it may be named; the command line has hyphens in its words."""

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
        status: `pending` once queued; else the state of the same job, which was submitted before.
    """

    run_id: str
    mode: Mode
    config_path: str | None = None
    manifest_path: PathOfFile
    snapshot: RunSnapshot
    execution_targets: dict[str, ComponentTarget] = Field(default_factory=dict)
    queue: str | None = None
    job: str | None = None
    status: str = "pending"
    name: str | None = None


def submit_experiment(
    experiment: Experiment,
    *,
    config_path: str | Path | None = None,
    mode: NamedMode = "worker_pool",
    priority: int = DEFAULT_PRIORITY,
    not_before: datetime | None = None,
    tags: Iterable[str] = (),
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

    Raises:
        InputError: it cannot be submitted; the message says why.
        RunExistsError: it exists and the policy is `error`.
        RunBusyError: it should start from scratch, but a process holds its run lock.
        UnavailableError: the store or the queue cannot be used now.
    """
    mode = mode_named(mode)
    if not_before is not None and not_before.tzinfo is None:
        raise InvalidArgumentError(argument="not_before", detail="has no time zone")
    needed = checked([*experiment.runtime.tags, *checked(tags)])
    targets = check_submittable(experiment, config_path)
    snapshot, components = experiment.compile(), experiment.compiled().components
    for text in idle_limits(experiment.runtime, components.providers):
        logger.warning("%s", text)
    location = location_of(experiment.storage)
    store = _persistent_store(experiment)
    address = StoreAddress(location.kind, location.path, store.jobs.store_id)
    path_text = None if config_path is None else str(Path(config_path).absolute())
    job = replace(
        _job(snapshot.run_id, address, experiment.runtime, _payload(experiment, mode, path_text)),
        priority=priority,
        not_before_ns=None if not_before is None else _nanoseconds(not_before),
        tags=needed,
        distributions=distribution_versions([*experiment.compiled().components.uses(), *loaders_of(snapshot)]),
    )
    if mode == "batch":
        _prepare(store, snapshot, experiment)
        root = Path(experiment.runtime.batch_root or DEFAULT_BATCH_ROOT).absolute()
        path: Path | None = write_request(root, job)
        status, place = "pending", None
    else:
        path, status, place = _submit_to_queue(experiment, store, snapshot, job)
    return SubmissionManifest(
        run_id=snapshot.run_id,
        mode=mode,
        config_path=path_text,
        manifest_path=path,
        snapshot=snapshot,
        execution_targets=targets,
        queue=None if place is None else str(place),
        job=None if place is None else job.key,
        status=status,
        name=_name_of(store, snapshot.run_id),
    )


def mode_named(name: str) -> Mode:
    """Return the mode with a name, which may have a hyphen.

    Raises:
        InvalidArgumentError: there is no such mode.
    """
    found = name.replace("-", "_")
    if found not in {"worker_pool", "batch"}:
        raise InvalidArgumentError(argument="mode", detail=f"{name!r} is neither worker_pool nor batch")
    return "batch" if found == "batch" else "worker_pool"


def _name_of(store: RunStore, run_id: str) -> str | None:
    record = store.load_run(run_id)
    return None if record is None else record.name


def _payload(experiment: Experiment, mode: Mode, config_path: str | None) -> dict[str, Any]:
    """Return what a worker needs beside the run; tags are in the manifest itself."""
    payload = JobPayload(
        mode=mode,
        runtime=experiment.runtime,
        config_path=config_path,
        import_from=[] if experiment.folder is None else [str(experiment.folder)],
    )
    return payload.model_dump(mode="json", exclude_defaults=True, exclude={"runtime": {"tags"}}) | {"mode": mode}


def _job(run_id: str, address: StoreAddress, runtime: RuntimeConfig, payload: dict[str, Any]) -> NewJob:
    """Return the job of a run with the limits of its `runtime`, without start time or place."""
    return NewJob(
        run_id=run_id,
        store=address,
        payload=payload,
        version=themis_version(),
        limits=Limits(
            max_attempts=runtime.max_attempts,
            max_worker_lost=runtime.max_worker_lost,
            timeout_s=runtime.timeout_s,
            memory_limit_mb=runtime.memory_limit_mb,
        ),
    )


def _submit_to_queue(
    experiment: Experiment, store: RunStore, snapshot: RunSnapshot, job: NewJob
) -> tuple[Path | None, str, Place]:
    policy = experiment.runtime.existing_run_policy
    _find_datasets_again(store, snapshot)
    with closing(StoreCache()) as others:
        own = job.store

        def open_store(address: StoreAddress) -> JobStore:
            return store.jobs if address == own else others(address)

        own_location = location_of(experiment.storage)
        place = queue_place(experiment.runtime.queue_root, own_location)
        if isinstance(place, RowsPlace) and place != place_in(own_location):
            _refuse_other_store(others.jobs_at(place.location), own)
        # The run and its job are written in one transaction, and so through one store.
        queue = queue_at(place, open_store, lambda _: store.jobs)
        submission = queue.submit(job, prepare=lambda: _prepare(store, snapshot, experiment), rerun=policy == "rerun")
    if policy == "error" and not submission.created:
        raise _run_exists(store, snapshot.run_id)
    return submission.path, STATUS_OF_STATE[submission.state], place


def _refuse_other_store(jobs: JobStore, own: StoreAddress) -> None:
    """Refuse a queue of rows in another store than that of the results."""
    if jobs.store_id != own.id:
        detail = "is another store than that of the results: a queue of rows is for its own store's runs; write `store`"
        raise ConfigError(where="runtime.queue_root", detail=detail)


def _find_datasets_again(store: RunStore, snapshot: RunSnapshot) -> None:
    """Make a stored run read its datasets from their current paths, if they were moved."""
    now = {dataset.dataset_id: dataset.path for dataset in snapshot.datasets if dataset.path is not None}
    if now:
        store.jobs.move_run(snapshot.run_id, lambda name, path: path if Path(path).exists() else now.get(name) or path)


def _prepare(store: RunStore, snapshot: RunSnapshot, experiment: Experiment) -> None:
    """Create the run, or apply the policy when it exists: once, not at each attempt."""
    runtime = experiment.runtime
    policy = runtime.existing_run_policy
    stored = store.load_snapshot(snapshot.run_id)
    if stored is not None and policy != "rerun":
        act_on_own_edits(runtime.code_changes, stored, snapshot)
    if policy != "rerun" and runtime.code_changes == "refuse":  # else its worker warns
        act_on_edits_elsewhere(runtime.code_changes, store, snapshot)
    created = add_run(store, snapshot, experiment.title)
    if stored is not None and (found_here := found_as(snapshot, stored)) != stored:
        store.replace_snapshot(found_here)
    if not created and policy == "error":
        raise _run_exists(store, snapshot.run_id)
    if not created and policy == "rerun":
        with store.hold_run(snapshot.run_id):  # its worker would have nothing to continue from
            store.clear_run(snapshot.run_id)


def _persistent_store(experiment: Experiment) -> RunStore:
    store = experiment.open_store()
    if not store.outlives_process:
        detail = f"{experiment.storage.store!r} keeps nothing that a worker in another process could find"
        raise ConfigError(where="storage.store", detail=detail)
    return store


def _run_exists(store: RunStore, run_id: str) -> RunExistsError:
    record = store.load_standing(run_id)
    return RunExistsError(run_id=run_id, status="queued" if record is None else record.status.value)


def _nanoseconds(when: datetime) -> int:
    return int(when.timestamp() * 1_000_000) * 1_000
