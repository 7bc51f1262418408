"""Jobs for a batch system: a folder of requests, each run by the command that names it."""

import time
from collections.abc import Sequence
from pathlib import Path

from themis.core.engine.calls.blocking import refuse_running_loop
from themis.core.engine.run_options import RunProgress
from themis.core.errors import ConfigError, QueueBusyError
from themis.core.files import durable
from themis.core.jobs.claimed_job import JobOptions, execute_job
from themis.core.jobs.store_cache import StoreCache
from themis.core.queue.folder import locks
from themis.core.queue.model import manifest_file
from themis.core.queue.model.manifest_file import Manifest
from themis.core.queue.model.states import Cause
from themis.core.queue.transitions.new_job import NewJob
from themis.core.results import RunResult
from themis.core.run_progress.display import shown
from themis.core.stores import projections
from themis.core.stores.job_rows import job_key


def write_request(batch_root: Path, job: NewJob) -> Path:
    """Write a job as a batch request, durably; returns its file, `<batch_root>/requests/<run_id>.json`."""
    text = manifest_file.encode(job.manifest(time.time_ns()))
    request = _folder(batch_root, "requests") / f"{job.run_id}.json"
    durable.publish(_folder(batch_root, "tmp") / f".{job.run_id}.json", request, text)
    return request


def run_batch_request(
    request_path: str | Path, *, allow_modules: Sequence[str] | None = None, progress: RunProgress | bool | None = None
) -> RunResult:
    """Run one batch request; once it is done its file moves from `requests/` to `completed/` beside it.

    One that fails stays where it is, to be run again.

    Raises:
        InputError: the file is not there, or not a request.
        QueueBusyError: another process is running it.
        RunBusyError: another process holds the run lock of its run.
        RunningLoopError: there is a running event loop, and this is not a cell of a notebook.
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
        with shown(progress) as kept_up:
            outcome = execute_job(manifest, store, JobOptions(allow_modules=allow_modules, progress=kept_up))
        if outcome.cause is Cause.DONE:
            completed = _folder(batch_root, "completed")
            durable.rename(request, completed / request.name)
            durable.fsync_folder(completed)
        return projections.run_result(store, manifest.run_id, store.load_run(manifest.run_id))
    finally:
        lock.release()
        stores.close()


def _read_request(request: Path) -> Manifest:
    try:
        manifest = manifest_file.read(str(request), key=None)
    except OSError as error:
        raise ConfigError(where=str(request), detail=f"cannot be read: {error.strerror}") from None
    if manifest.key != job_key(manifest.run_id, manifest.store.id, None):
        raise ConfigError(where=str(request), detail="is the manifest of a queue's job, not a batch request")
    return manifest


def _folder(root: Path, name: str) -> Path:
    folder = root / name
    durable.make_folder(folder, private=True)
    return folder
