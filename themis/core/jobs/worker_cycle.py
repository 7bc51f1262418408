"""One worker cycle: claim a job from a queue folder, run it, settle it."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from themis.core.engine.calls.blocking import refuse_running_loop
from themis.core.engine.run_options import RunProgress
from themis.core.errors import ClaimLostError, OtherStoreError, StoreError, UnsettledError
from themis.core.jobs.claimed_job import JobOptions, execute_job, execute_job_async
from themis.core.jobs.precautions import precautions_under
from themis.core.jobs.self_imposed_limits import SelfImposedLimits
from themis.core.jobs.store_cache import StoreCache
from themis.core.queue.file_queue import FileQueue
from themis.core.queue.folder.processes import this_process
from themis.core.queue.leases import Leases
from themis.core.queue.model import outages
from themis.core.queue.model.claim_policy import ClaimPolicy, VersionMismatch
from themis.core.queue.model.manifest_file import Manifest
from themis.core.queue.model.queue_place import Place, queue_place
from themis.core.queue.model.states import AttemptOutcome, Cause
from themis.core.queue.opening import queue_at
from themis.core.queue.port import JobClaim, Queue
from themis.core.queue.unsettled import SETTLE_AGAIN_S, is_settled_again
from themis.core.queue.write_check import check_writable
from themis.core.results import RunResult
from themis.core.run_progress.display import shown
from themis.core.shared_limits.full_providers import full_providers
from themis.core.stores import projections
from themis.core.stores.protocol import RunStore

if TYPE_CHECKING:
    from themis.core.queue.model.store_address import StoreAddress

logger = logging.getLogger("themis.worker")

SETTLE_FOR_S = 30.0
"""Seconds for which an end that cannot be written is tried again: as long as a run waits for a server that is away."""


def run_worker_once(
    queue_root: "str | Place",
    *,
    allow_modules: Sequence[str] | None = None,
    progress: RunProgress | bool | None = None,
    tags: Collection[str] = (),
    version_mismatch: VersionMismatch = "run",
) -> RunResult | None:
    """Claim one job, run it, settle it; see `run_worker_once_async`.

    Raises:
        RunningLoopError: there is a running event loop, and this is not a cell of a notebook.
    """
    refuse_running_loop("run_worker_once")
    with _claimed(queue_root, ClaimPolicy(tags, version_mismatch)) as job:
        if job is None:
            return None
        with shown(progress) as kept_up, job.in_hand(allow_modules, kept_up) as options:
            for pause_s in job.settling(execute_job(job.claim.manifest, job.store, options)):
                time.sleep(pause_s)
        return job.result()


async def run_worker_once_async(
    queue_root: "str | Place",
    *,
    allow_modules: Sequence[str] | None = None,
    progress: RunProgress | bool | None = None,
    tags: Collection[str] = (),
    version_mismatch: VersionMismatch = "run",
) -> RunResult | None:
    """Claim one job, run it, settle it, and return its result; None when no job is ready.

    A job that fails is settled too, and its result has the status `failed`; a file that is not a manifest is
    quarantined, and the next job is claimed.

    Args:
        queue_root: the queue's folder; a missing folder is an empty queue. Or `store:` with the address of the results
            store that has the queue's rows, such as `store:env:THEMIS_DATABASE_URL`.
        allow_modules: prefixes of the modules that a job may import; None allows all.
        progress: True to show it, as `Experiment.run` does; or an object that is kept up to date during the run.
        tags: this worker's tags; it claims only jobs whose tags are all among them.
        version_mismatch: `run` runs a job that other versions of the library or of its components submitted, and logs
            a warning; `refuse` leaves it to another worker.

    Raises:
        TagError, InvalidArgumentError: the tags or the policy are invalid.
        QueueRootError: the folder is not a queue, or others can write to it, or there is a hostname clash: another
            machine of this name works there too.
        QueueError: the folder cannot be written now; nothing was claimed.
        UnsettledError: the end of the attempt could not be written for `SETTLE_FOR_S` seconds, as on a full disk; the
            job is given back, charged to nobody, and the next worker finds it.
        StoreError: the job's store cannot be read.
    """
    with _claimed(queue_root, ClaimPolicy(tags, version_mismatch)) as job:
        if job is None:
            return None
        with shown(progress) as kept_up, job.in_hand(allow_modules, kept_up) as options:
            for pause_s in job.settling(await execute_job_async(job.claim.manifest, job.store, options)):
                await asyncio.sleep(pause_s)
        return job.result()


@contextlib.contextmanager
def _claimed(queue_root: "str | Place", policy: ClaimPolicy) -> Iterator["_ClaimedJob | None"]:
    """Context with a claimed job of the queue, or None when no job is ready."""
    stores = StoreCache()
    queue = queue_at(queue_place(queue_root), stores, stores.jobs_at)
    try:
        worker = this_process()
        queue.refuse_hostname_clash(worker)
        allow = _WritableJobs(policy, queue, stores)
        found = queue.claim(worker, allow=allow, full_providers=full_providers())
        for why in dict.fromkeys(found.left.values()):
            logger.warning("skipped: %s", why)
        yield None if found.claim is None else _opened(found.claim, stores)
    finally:
        stores.close()


def _opened(claim: JobClaim, stores: StoreCache) -> "_ClaimedJob":
    try:
        return _ClaimedJob(claim, stores.run_store(claim.manifest.store))
    except BaseException:
        claim.excuse()  # nothing of it has begun
        claim.abandon()
        raise


def own_result(store: RunStore, run_id: str) -> RunResult:
    """Return a run's result in this process, or its current state when it did not end here."""
    record = store.load_run(run_id)
    return projections.run_result(store, run_id, None if record is None or record.ended_ms is None else record)


def open_queue(queue_root: str | Path) -> FileQueue:
    """Open the queue in a folder, to inspect it and to use its job commands."""
    return FileQueue(queue_root, StoreCache())


def open_queue_at(queue_root: "str | Place") -> Queue:
    """Open the queue in a folder, or in the rows of a store, as `run_worker_once` names it."""
    stores = StoreCache()
    return queue_at(queue_place(queue_root), stores, stores.jobs_at)


class _WritableJobs:
    """Allows a job to be claimed when the policy does, after a write check of its queue and its store.

    A full disk must not spend a job's tries.

    A failed write check raises, which leaves the job or ends the claim, see `check_writable`. Its result is kept: many
    claims pay for it once.
    """

    def __init__(self, policy: ClaimPolicy, queue: Queue, stores: StoreCache) -> None:
        self._policy = policy
        self._queue = queue
        self._stores = stores
        self._written: set[StoreAddress] = set()

    def __call__(self, manifest: Manifest) -> str | None:
        why_not = self._policy(manifest)
        if why_not is None and manifest.store not in self._written:
            with contextlib.suppress(OtherStoreError):  # the claim itself handles that
                check_writable(self._queue, [self._stores(manifest.store)])
            self._written.add(manifest.store)
        return why_not


class _ClaimedJob:
    """A job that this process has claimed.

    Attributes:
        claim: of this process.
        store: its results store.
    """

    def __init__(self, claim: JobClaim, store: RunStore) -> None:
        self.claim = claim
        self.store = store
        self._limits = SelfImposedLimits()
        self._leases = Leases()
        self._outcome: AttemptOutcome | None = None

    @contextlib.contextmanager
    def in_hand(self, allow_modules: Sequence[str] | None, progress: RunProgress | None) -> Iterator[JobOptions]:
        """Context that runs and settles the job; whatever happens in it, the claim is over afterwards."""
        claim = self.claim
        try:
            self._leases.keep(claim)
            if remark := claim.note_versions():
                logger.warning(remark)
            yield JobOptions(
                allow_modules=allow_modules,
                cancelled=self._is_to_stop,
                fence=claim.fence,
                holds_lease=None if claim.lease is None else claim.lease.holds,
                progress=progress,
                precautions=precautions_under(claim.notes_path, claim.row),
            )
        except UnsettledError:
            raise
        except ClaimLostError:
            claim.lose()  # the job now belongs to another worker, which will settle it
        except (KeyboardInterrupt, asyncio.CancelledError):
            self._give_back()
            raise
        except BaseException as error:
            if isinstance(error, Exception) and outages.is_of_machine(error):
                claim.excuse()
            claim.abandon()
            raise
        finally:
            self._leases.close()

    def settling(self, outcome: AttemptOutcome, patience_s: float | None = None) -> Iterator[float]:
        """End the attempt; yields the seconds to wait before each further try, while the end cannot be written.

        If the experiment itself has limited this process so that it cannot write, that counts as killing its worker.

        Args:
            outcome: of the attempt.
            patience_s: seconds for which it is tried again; None for `SETTLE_FOR_S`.

        Raises:
            UnsettledError: it could not be written within that time.
        """
        claim = self.claim
        if self._leases.is_lost(claim) and outcome.cause is Cause.CANCELLED:
            outcome = AttemptOutcome(Cause.LEASE_LOST, "its lease was lost: another worker has the job")
        self._outcome = outcome
        until_s = time.monotonic() + (SETTLE_FOR_S if patience_s is None else patience_s)
        while True:
            try:
                claim.settle(outcome)
            except (StoreError, OSError) as error:
                if self._limits.why_not() is not None:
                    claim.abandon()
                if not claim.is_held or not is_settled_again(claim, error) or time.monotonic() >= until_s:
                    claim.abandon()
                    raise UnsettledError(key=claim.key, attempt=claim.attempt, detail=str(error)) from error
                logger.warning("job %s: its end cannot be written yet: %s", claim.key, error)
            else:
                return
            yield SETTLE_AGAIN_S

    def result(self) -> RunResult:
        """Return the stored result of the job's run."""
        return own_result(self.store, self.claim.manifest.run_id)

    def _give_back(self) -> None:
        """Settle an interrupted attempt, by one try, as an interrupt is not kept waiting."""
        outcome = self._outcome or AttemptOutcome(Cause.GIVEN_BACK, "the worker was interrupted")
        with contextlib.suppress(ClaimLostError):
            list(self.settling(outcome, patience_s=0.0))

    def _is_to_stop(self) -> bool:
        """Whether the job is lost or to be cancelled; a store that does not answer says neither."""
        claim = self.claim
        if claim.lease is not None:
            return self._leases.is_lost(claim) or self._leases.is_cancelled(claim)
        try:
            return claim.is_cancel_requested()
        except (StoreError, OSError) as error:
            logger.warning("job %s: cancel requests cannot be read: %s", claim.key, error)
            return False
