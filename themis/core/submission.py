"""An experiment into a queue or a batch folder, and out of it into a result."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from themis.core import durable_files
from themis.core.base import FrozenModel
from themis.core.components import ComponentTarget
from themis.core.config_file import DEFAULT_BATCH_ROOT, DEFAULT_QUEUE_ROOT
from themis.core.engine.run import RunProgress
from themis.core.errors import (
    ClaimLostError,
    ConfigError,
    InvalidArgumentError,
    LiveComponentError,
    OtherStoreError,
    QueueBusyError,
    RunExistsError,
    StoreError,
)
from themis.core.experiment import Experiment, refuse_running_loop
from themis.core.job_payload import JobPayload
from themis.core.job_run import JobOptions, run_job
from themis.core.provenance import themis_version
from themis.core.queue import locks, manifest_file
from themis.core.queue.claims import Claim
from themis.core.queue.file_queue import FileQueue
from themis.core.queue.layout import job_key
from themis.core.queue.manifest_file import DEFAULT_PRIORITY, Limits, Manifest, StoreAddress
from themis.core.queue.processes import this_process
from themis.core.queue.states import Cause, JobState, Outcome
from themis.core.queue.submitting import NewJob
from themis.core.results import RunResult
from themis.core.snapshot import RunSnapshot
from themis.core.stores import projections
from themis.core.stores.protocol import Fence, RunStore
from themis.core.stores.sqlite import SqliteRunStore
from themis.core.stores.sqlite_jobs import SqliteJobStore

Mode = Literal["worker_pool", "batch"]

STATUS_OF_STATE = {
    JobState.QUEUED: "pending",
    JobState.RUNNING: "running",
    JobState.DONE: "completed",
    JobState.FAILED: "failed",
    JobState.CANCELLED: "cancelled",
}


class SubmissionManifest(FrozenModel):
    """What was submitted.

    Attributes:
        manifest_path: its file; its name is not the run's.
        execution_targets: where each component is loaded from, by its place in the configuration.
        status: `pending` once queued; else how far the same job, submitted before, has come.
    """

    run_id: str
    mode: Mode
    config_path: str | None
    manifest_path: Path
    snapshot: RunSnapshot
    execution_targets: dict[str, ComponentTarget]
    status: str


def submit_experiment(
    experiment: Experiment,
    *,
    config_path: str | Path | None = None,
    mode: Mode = "worker_pool",
    priority: int = DEFAULT_PRIORITY,
    not_before: datetime | None = None,
) -> SubmissionManifest:
    """Write an experiment into its queue folder (or, with mode `batch`, its batch folder); it is on disk on return.

    The same experiment again is the same job, whose state is returned; `runtime.existing_run_policy` says what becomes
    of one that has ended: `auto` leaves it, `error` refuses, `rerun` starts it afresh.

    Args:
        experiment: with a store that outlives this process, and components that can be imported elsewhere.
        config_path: the file that it comes from, for people.
        mode: `worker_pool` or `batch`.
        priority: 0 (first) to 9.
        not_before: a time, with its zone, before which it is not to start.

    Raises:
        InputError: it cannot be submitted; the message says why.
        RunExistsError: it exists and the policy is `error`.
        UnavailableError: the store or the queue cannot be used now.
    """
    if mode not in {"worker_pool", "batch"}:
        raise InvalidArgumentError(argument="mode", detail=f"{mode!r} is neither worker_pool nor batch")
    if not_before is not None and not_before.tzinfo is None:
        raise InvalidArgumentError(argument="not_before", detail="has no time zone")
    snapshot = experiment.compile()
    targets = _targets(snapshot)
    store = _persistent_store(experiment)
    address = StoreAddress(kind="sqlite", path=str(store.path), id=store.jobs.store_id)
    path_text = None if config_path is None else str(Path(config_path).absolute())
    payload = JobPayload(
        mode=mode,
        runtime=experiment.runtime,
        config_path=path_text,
        import_from=[] if experiment.folder is None else [str(experiment.folder)],
    )
    limits = Limits(
        max_attempts=experiment.runtime.max_attempts,
        max_worker_lost=experiment.runtime.max_worker_lost,
        timeout_s=experiment.runtime.timeout_s,
        memory_limit_mb=experiment.runtime.memory_limit_mb,
    )
    job = NewJob(
        run_id=snapshot.run_id,
        store=address,
        payload=payload.model_dump(mode="json", exclude_defaults=True) | {"mode": mode},
        version=themis_version(),
        limits=limits,
        priority=priority,
        not_before_ns=None if not_before is None else _nanoseconds(not_before),
    )
    if mode == "batch":
        path, status = _submit_batch(experiment, store, snapshot, job), "pending"
    else:
        path, status = _submit_to_queue(experiment, store, snapshot, job)
    return SubmissionManifest(
        run_id=snapshot.run_id,
        mode=mode,
        config_path=path_text,
        manifest_path=path,
        snapshot=snapshot,
        execution_targets=targets,
        status=status,
    )


def run_worker_once(
    queue_root: str | Path, *, allow_modules: Sequence[str] | None = None, progress: RunProgress | None = None
) -> RunResult | None:
    """Claim one job, run it, settle it; see `run_worker_once_async`.

    Raises:
        RunningLoopError: there is a running event loop.
    """
    refuse_running_loop("run_worker_once")
    return asyncio.run(run_worker_once_async(queue_root, allow_modules=allow_modules, progress=progress))


async def run_worker_once_async(
    queue_root: str | Path, *, allow_modules: Sequence[str] | None = None, progress: RunProgress | None = None
) -> RunResult | None:
    """Claim one job, run it, settle it, and return its result; None when no job is ready.

    A job that fails is settled too, and comes back with status `failed`; a file that is no manifest is set aside, and
    the next is taken.

    Args:
        queue_root: the queue's folder; one that is not there is an empty queue.
        allow_modules: prefixes of the modules that a job may import; None allows all.
        progress: kept up to date while the run goes.

    Raises:
        QueueRootError: the folder is not a queue, or others can write to it.
        StoreError: the job's store failed so that not even the attempt could be booked; the job is found again.
    """
    stores = StoreCache()
    queue = FileQueue(queue_root, stores)
    try:
        claim = queue.claim(this_process())
        if claim is None:
            return None
        store = stores.run_store(claim.manifest.store)
        await _carry_out(queue, claim, store, allow_modules, progress)
        return projections.run_result(store, claim.manifest.run_id)
    finally:
        stores.close()


def run_batch_request(
    request_path: str | Path, *, allow_modules: Sequence[str] | None = None, progress: RunProgress | None = None
) -> RunResult:
    """Run one batch request; once it is done its file moves from `requests/` to `completed/` beside it.

    One that fails stays where it is, to be run again.

    Raises:
        InputError: the file is not there, or not a request.
        QueueBusyError: another process is running it.
        RunningLoopError: there is a running event loop.
    """
    refuse_running_loop("run_batch_request")
    request = Path(request_path).absolute()
    manifest = _read_request(request)
    stores = StoreCache()
    batch_root = request.parent.parent
    lock = locks.acquire(_folder(batch_root, "locks"), manifest.key)
    if lock is None:
        raise QueueBusyError(path=batch_root, key=manifest.key)
    try:
        stores(manifest.store)
        store = stores.run_store(manifest.store)
        options = JobOptions(allow_modules=allow_modules, progress=progress)
        outcome = asyncio.run(run_job(manifest, store, options))
        if outcome.cause is Cause.DONE:
            completed = _folder(batch_root, "completed")
            durable_files.rename(request, completed / request.name)
            durable_files.fsync_folder(completed)
        return projections.run_result(store, manifest.run_id)
    finally:
        lock.release()
        stores.close()


def open_queue(queue_root: str | Path) -> FileQueue:
    """The queue in a folder, for looking at it and asking things of it."""
    return FileQueue(queue_root, StoreCache())


class StoreCache:
    """Opens the stores that manifests name, each once; it never makes one."""

    def __init__(self) -> None:
        """Nothing is opened yet."""
        self._stores: dict[str, SqliteRunStore] = {}

    def __call__(self, address: StoreAddress) -> SqliteJobStore:
        """The jobs of the store at an address.

        Raises:
            StoreError: it is not there.
            OtherStoreError: another one is.
        """
        if address.kind != "sqlite":
            raise StoreError(
                path=address.path, detail=f"is a store of kind {address.kind!r}, which workers cannot open"
            )
        if not Path(address.path).is_file():
            raise StoreError(path=address.path, detail="is not there")
        store = self.run_store(address)
        if store.jobs.store_id != address.id:
            raise OtherStoreError(path=address.path, found=store.jobs.store_id, expected=address.id)
        return store.jobs

    def run_store(self, address: StoreAddress) -> SqliteRunStore:
        """The store at an address."""
        return self._stores.setdefault(address.path, SqliteRunStore(address.path))

    def close(self) -> None:
        """Close them all."""
        for store in self._stores.values():
            store.close()
        self._stores.clear()


async def _carry_out(
    queue: FileQueue, claim: Claim, store: RunStore, allow_modules: Sequence[str] | None, progress: RunProgress | None
) -> None:
    """Run a claimed job and settle it; whatever happens, the claim is over afterwards."""
    options = JobOptions(
        allow_modules=allow_modules,
        cancelled=lambda: queue.is_cancel_requested(claim),
        fence=Fence(claim.key, claim.version),
        progress=progress,
    )
    try:
        outcome = await run_job(claim.manifest, store, options)
        queue.settle(claim, outcome)
    except ClaimLostError:
        queue.abandon(claim)  # the job is another worker's now, who will settle it
    except (KeyboardInterrupt, asyncio.CancelledError):
        queue.settle(claim, Outcome(Cause.GIVEN_BACK, "the worker was interrupted"))
        raise
    except BaseException:
        queue.abandon(claim)
        raise


def _submit_to_queue(
    experiment: Experiment, store: SqliteRunStore, snapshot: RunSnapshot, job: NewJob
) -> tuple[Path, str]:
    policy = experiment.runtime.existing_run_policy
    run_id = snapshot.run_id

    def prepare() -> None:
        """Within the transaction that brings the job in: what the policy asks for happens once, not at each attempt."""
        created = store.create_run(snapshot)
        if not created and policy == "error":
            raise _run_exists(store, run_id)
        if not created and policy == "rerun":
            store.clear_run(run_id)

    root = experiment.runtime.queue_root or DEFAULT_QUEUE_ROOT
    queue = FileQueue(root, lambda _: store.jobs)
    submission = queue.submit(job, prepare=prepare, rerun=policy == "rerun")
    if policy == "error" and not submission.created:
        raise _run_exists(store, run_id)
    return submission.path, STATUS_OF_STATE[submission.state]


def _submit_batch(experiment: Experiment, store: SqliteRunStore, snapshot: RunSnapshot, job: NewJob) -> Path:
    created = store.create_run(snapshot)
    policy = experiment.runtime.existing_run_policy
    if policy == "error" and not created:
        raise _run_exists(store, snapshot.run_id)
    if policy == "rerun" and not created:
        store.clear_run(snapshot.run_id)
    manifest = Manifest(
        key=job.key,
        run_id=job.run_id,
        store=job.store,
        limits=job.limits,
        priority=job.priority,
        submitted_ns=_nanoseconds(datetime.now(tz=UTC)),
        version=job.version,
        payload=job.payload,
    )
    root = Path(experiment.runtime.batch_root or DEFAULT_BATCH_ROOT).absolute()
    request = _folder(root, "requests") / f"{job.run_id}.json"
    durable_files.publish(_folder(root, "tmp") / f".{job.run_id}.json", request, manifest_file.encode(manifest))
    return request


def _read_request(request: Path) -> Manifest:
    try:
        manifest = manifest_file.read(str(request), key=None)
    except OSError as error:
        raise ConfigError(where=str(request), detail=f"cannot be read: {error.strerror}") from None
    if manifest.key != job_key(manifest.run_id, manifest.store.id, None):
        raise ConfigError(where=str(request), detail="is the manifest of a queue's job, not a batch request")
    return manifest


def _targets(snapshot: RunSnapshot) -> dict[str, ComponentTarget]:
    targets = {}
    for place, ref in snapshot.component_refs.all().items():
        if ref.target is None:
            raise LiveComponentError(where=place, reference=ref.component_id)
        targets[place] = ref.target
    return targets


def _persistent_store(experiment: Experiment) -> SqliteRunStore:
    name = experiment.storage.store
    store = experiment.open_store() if name != "memory" else None
    if not isinstance(store, SqliteRunStore):
        detail = f"{name!r} cannot be reached by a worker in another process; use sqlite to submit"
        raise ConfigError(where="storage.store", detail=detail)
    return store


def _run_exists(store: RunStore, run_id: str) -> RunExistsError:
    record = store.load_run(run_id)
    return RunExistsError(run_id=run_id, status="queued" if record is None else record.status.value)


def _folder(root: Path, name: str) -> Path:
    folder = root / name
    durable_files.make_folder(folder, private=True)
    return folder


def _nanoseconds(when: datetime) -> int:
    return int(when.timestamp() * 1_000_000) * 1_000
