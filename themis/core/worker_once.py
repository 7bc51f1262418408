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
from themis.core.queue.lease import LeaseKeeper
from themis.core.queue.processes import this_process
from themis.core.queue.states import Cause, Outcome
from themis.core.results import RunResult
from themis.core.store_cache import StoreCache
from themis.core.stores import projections
from themis.core.stores.protocol import Fence, RunStore


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
        QueueRootError: the folder is not a queue, or others can write to it, or another machine of this one's name
            works there too.
        StoreError: the job's store failed so that not even the attempt could be booked; the job is found again.
    """
    stores = StoreCache()
    queue = FileQueue(queue_root, stores)
    try:
        worker = this_process()
        queue.refuse_namesake(worker)
        claim = queue.claim(worker)
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
    lease = LeaseKeeper(claim.lease, lambda: queue.renew(claim))
    options = JobOptions(
        allow_modules=allow_modules,
        cancelled=lambda: lease.lost is not None or queue.is_cancel_requested(claim),
        fence=Fence(claim.key, claim.version),
        progress=progress,
    )
    try:
        with lease:
            outcome = await run_job(claim.manifest, store, options)
            if lease.lost is not None and outcome.cause is Cause.CANCELLED:
                outcome = Outcome(Cause.LEASE_LOST, f"its lease was lost: {lease.lost}")
            queue.settle(claim, outcome)
    except ClaimLostError:
        queue.lose(claim)  # the job is another worker's now, who will settle it
    except (KeyboardInterrupt, asyncio.CancelledError):
        queue.settle(claim, Outcome(Cause.GIVEN_BACK, "the worker was interrupted"))
        raise
    except BaseException:
        queue.abandon(claim)
        raise
