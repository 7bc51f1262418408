"""Experiment on its way into a queue or a batch folder: checked, compiled, and made into a job."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from themis.core.components.libraries import libraries_of
from themis.core.components.provenance import distribution_versions, python_version, themis_version
from themis.core.components.references import ComponentTarget
from themis.core.config import RuntimeConfig
from themis.core.configuration.default_paths import DEFAULT_BATCH_ROOT
from themis.core.configuration.provider_names import public_name
from themis.core.engine.code_changes import act_on_edits_elsewhere, act_on_own_edits
from themis.core.engine.compiling.run_name import add_run
from themis.core.engine.limits import idle_limits
from themis.core.errors import ConfigError, InvalidArgumentError, RunExistsError
from themis.core.experiment import Experiment
from themis.core.jobs.batch_requests import write_request
from themis.core.jobs.found_as import found_as
from themis.core.jobs.payload import JobPayload
from themis.core.jobs.predecessors import NOTHING, After, named_predecessors
from themis.core.jobs.submittable import check_submittable, loaders_of
from themis.core.queue.model.manifest_file import Limits
from themis.core.queue.model.predecessors import Predecessors
from themis.core.queue.model.store_address import StoreAddress
from themis.core.queue.transitions.new_job import NewJob, Submission
from themis.core.snapshot import RunSnapshot
from themis.core.stores.protocol import RunStore
from themis.core.stores.registry import location_of
from themis.core.values.tags import checked

logger = logging.getLogger("themis.submission")

Mode = Literal["worker_pool", "batch"]
NamedMode = Mode | Literal["worker-pool"]
"""A mode as it may be named; the command line has hyphens in its words."""


@dataclass(frozen=True, slots=True)
class HowSubmitted:
    """Options of a submission, see `submit_experiment`; `shards` are those of each run."""

    mode: Mode
    priority: int
    not_before_ns: int | None
    tags: tuple[str, ...]
    after: After = NOTHING
    shards: int = 1


@dataclass(frozen=True, slots=True)
class PreparedJob:
    """Experiment that was checked and compiled, with the job that it is submitted as; nothing is written yet.

    Attributes:
        targets: the import target of each component, by its path in the configuration.
        config_path: absolute path of the file that it was read from; None for one made in Python.
    """

    experiment: Experiment
    store: RunStore
    snapshot: RunSnapshot
    job: NewJob
    targets: dict[str, ComponentTarget]
    config_path: str | None
    mode: Mode

    @property
    def policy(self) -> str:
        """Policy for a job that exists."""
        return self.experiment.runtime.existing_run_policy

    def write_run(self) -> bool:
        """Create the run, or apply the policy when it exists, once, not at each attempt; returns whether it is new."""
        return _prepare(self.store, self.snapshot, self.experiment)

    def find_datasets_again(self) -> None:
        """Make a stored run read its datasets from their current paths, if they were moved."""
        _find_datasets_again(self.store, self.snapshot)

    def refuse_existing(self, submission: Submission) -> None:
        """Refuse a job that exists, if the policy says so.

        Raises:
            RunExistsError: it does.
        """
        if self.policy == "error" and not submission.created:
            raise _run_exists(self.store, self.snapshot.run_id)


def how_submitted(
    mode: NamedMode,
    priority: int,
    not_before: datetime | None,
    tags: Iterable[str],
    after: After = NOTHING,
    *,
    shards: int = 1,
) -> HowSubmitted:
    """Return the checked options of a submission.

    Raises:
        InvalidArgumentError, TagError: one is not valid.
    """
    if not_before is not None and not_before.tzinfo is None:
        raise InvalidArgumentError(argument="not_before", detail="has no time zone")
    not_before_ns = None if not_before is None else _nanoseconds(not_before)
    named = mode_named(mode)
    if named == "batch" and any(after):
        detail = "a batch request is in no queue, and cannot run after a job"
        raise InvalidArgumentError(argument="after", detail=detail)
    return HowSubmitted(named, priority, not_before_ns, checked(tags), after, shards)


def prepared(
    experiment: Experiment,
    config_path: str | Path | None,
    how: HowSubmitted,
    store: RunStore | None = None,
    after: Predecessors | None = None,
) -> PreparedJob:
    """Check and compile an experiment for its submission; its store, unless it is given, is opened, and may be made.

    `after` are the jobs that `how` names, if they are known already.

    Raises:
        InputError: it cannot be submitted; the message says why.
        UnavailableError: the store cannot be used now.
    """
    needed = checked([*experiment.runtime.tags, *how.tags])
    targets = check_submittable(experiment, config_path)
    snapshot, components = experiment.compile(), experiment.compiled().components
    for text in idle_limits(experiment.runtime, components.providers):
        logger.warning("%s", text)
    location = location_of(experiment.storage)
    store = store or persistent_store(experiment)
    address = StoreAddress(location.kind, location.path, store.jobs.store_id)
    path_text = None if config_path is None else str(Path(config_path).absolute())
    job = replace(
        _job(snapshot.run_id, address, experiment.runtime, _payload(experiment, how.mode, path_text)),
        priority=how.priority,
        not_before_ns=how.not_before_ns,
        after=named_predecessors(how.after, location) if after is None else after,
        tags=needed,
        distributions=distribution_versions(
            [*components.uses(), *loaders_of(snapshot)],
            [library for component in components.each() for library in libraries_of(component)],
        ),
        python=python_version(),
        providers=tuple(sorted({public_name(provider) for provider in components.providers if provider})),
    )
    return PreparedJob(experiment, store, snapshot, job, targets, path_text, how.mode)


def submit_request(found: PreparedJob) -> Path:
    """Write a job as a batch request, with its run; returns its file."""
    found.write_run()
    return write_request(Path(found.experiment.runtime.batch_root or DEFAULT_BATCH_ROOT).absolute(), found.job)


def mode_named(name: str) -> Mode:
    """Return the mode with a name, which may have a hyphen.

    Raises:
        InvalidArgumentError: there is no such mode.
    """
    found = name.replace("-", "_")
    if found not in {"worker_pool", "batch"}:
        raise InvalidArgumentError(argument="mode", detail=f"{name!r} is neither worker_pool nor batch")
    return "batch" if found == "batch" else "worker_pool"


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


def _find_datasets_again(store: RunStore, snapshot: RunSnapshot) -> None:
    """Make a stored run read its datasets from their current paths, if they were moved."""
    now = {dataset.dataset_id: dataset.path for dataset in snapshot.datasets if dataset.path is not None}
    if now:
        store.jobs.move_run(snapshot.run_id, lambda name, path: path if Path(path).exists() else now.get(name) or path)


def _prepare(store: RunStore, snapshot: RunSnapshot, experiment: Experiment) -> bool:
    """Create the run, or apply the policy when it exists: once, not at each attempt; returns whether it is new."""
    runtime = experiment.runtime
    policy = runtime.existing_run_policy
    stored = store.load_snapshot(snapshot.run_id)
    if stored is not None and policy != "rerun":
        act_on_own_edits(runtime.code_changes, stored, snapshot)
    if policy != "rerun" and runtime.code_changes == "refuse":  # else its worker warns
        act_on_edits_elsewhere(runtime.code_changes, store, snapshot)
    created = add_run(store, snapshot, experiment.title, experiment.compiled().known_files)
    if stored is not None and (found_here := found_as(snapshot, stored)) != stored:
        store.replace_snapshot(found_here)
    if not created and policy == "error":
        raise _run_exists(store, snapshot.run_id)
    if not created and policy == "rerun":
        with store.hold_run(snapshot.run_id):  # its worker would have nothing to continue from
            store.clear_run(snapshot.run_id)
    return created


def persistent_store(experiment: Experiment) -> RunStore:
    """Open the store of an experiment, which other processes must be able to find.

    Raises:
        ConfigError: they cannot.
    """
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
