"""One job out of a queue folder: claimed, run, settled."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from themis.core.engine.run import RunProgress
from themis.core.errors import ClaimLostError
from themis.core.experiment import refuse_running_loop
from themis.core.job_run import JobOptions, run_job
from themis.core.queue.claims import Claim
from themis.core.queue.file_queue import FileQueue
from themis.core.queue.processes import this_process
from themis.core.queue.states import Cause, Outcome
from themis.core.results import RunResult
from themis.core.store_cache import StoreCache
from themis.core.stores import projections
from themis.core.stores.protocol import Fence, RunStore
from themis.core.time_limit import run_to_end


def run_worker_once(
    queue_root: str | Path, *, allow_modules: Sequence[str] | None = None, progress: RunProgress | None = None
) -> RunResult | None:
    """Claim one job, run it, settle it; see `run_worker_once_async`.

    Raises:
        RunningLoopError: there is a running event loop.
    """
    refuse_running_loop("run_worker_once")
    return run_to_end(run_worker_once_async(queue_root, allow_modules=allow_modules, progress=progress))


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


def open_queue(queue_root: str | Path) -> FileQueue:
    """The queue in a folder, for looking at it and asking things of it."""
    return FileQueue(queue_root, StoreCache())


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
