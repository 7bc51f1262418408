"""Runs of a worker: starts, watches and settles the attempts of claimed jobs."""

import os
import time

from themis.core.errors import ClaimLostError, ManifestError, QueueError, StoreError
from themis.core.queue import AttemptOutcome, Cause, JobState
from themis.core.queue.leases import Leases
from themis.core.queue.model import manifest_file
from themis.core.queue.model.case_losses import CaseLosses
from themis.core.queue.port import JobClaim
from themis.core.queue.write_check import check_writable
from themis.core.stores.job_rows import JobRow
from themis_workers import capabilities
from themis_workers.memory_limits import MemoryLimit, WatchedLimit
from themis_workers.messages import RunJob
from themis_workers.settings import WorkerSettings
from themis_workers.slots import outages
from themis_workers.slots.attempt import Attempt
from themis_workers.slots.exits import Stop
from themis_workers.slots.slot import Slot
from themis_workers.telemetry import logs
from themis_workers.telemetry.job_line import line_of
from themis_workers.worker_context import WorkerContext

_MIB = 1_048_576
_NO_GRACE_S = 0.0


class Runs:
    """Starts, watches and settles the attempts of the jobs that a worker has claimed."""

    def __init__(self, context: WorkerContext) -> None:
        """Use the queue, stores and identity of `context`."""
        self._context = context
        self._leases = Leases(_tell_of_leases)

    def begin(self, slot: Slot, claim: JobClaim, settings: WorkerSettings) -> bool:
        """Start a claimed job in a slot; False when its manifest is invalid, with which the job is settled.

        Raises:
            StoreError, OSError: that could not be settled, or the system lacks memory; the claim is abandoned.
        """
        self._leases.keep(claim)
        try:
            text = manifest_file.encode(claim.manifest).decode()
        except ManifestError as error:
            self._refuse(claim, error)
            return False
        memory, notes = self._memory_limit(slot, claim), claim.notes_path
        losses = CaseLosses.read(claim.row.case_losses)
        order = RunJob(
            key=claim.key,
            version=claim.version,
            token=claim.row.token or "",
            manifest=text,
            log=str(self._context.queue.log_path(claim.key, claim.attempt)),
            log_limit_bytes=settings.log_limit_mb * _MIB,
            allow_modules=settings.allow_modules,
            device=settings.devices[slot.number] if settings.devices else None,
            cgroup=memory.cgroup if memory else None,
            notes=None if notes is None else str(notes),
            alone=losses.alone,
            lost=losses.ended,
        )
        lease = self._shared_lease(claim)
        try:
            slot.start(Attempt(claim, memory), order, lease)
        finally:
            if lease is not None:
                os.close(lease)
        logs.tell("attempt begins", job=claim.key, attempt=claim.attempt, slot=slot.number)
        return True

    def look_after(self, slot: Slot, job_grace_s: float) -> None:
        """Stop an attempt that is over a limit, cancelled, or lost to another worker."""
        attempt = slot.attempt
        if attempt is None or attempt.outcome is not None:
            return
        if self._leases.is_lost(attempt.claim):
            slot.stop(Stop.LEASE_LOST, _NO_GRACE_S)
        elif attempt.is_over_time:
            slot.stop(Stop.TIME_LIMIT, job_grace_s)
        elif attempt.memory is not None and slot.supervisor is not None and attempt.memory.is_exceeded(slot.supervisor):
            slot.stop(Stop.MEMORY_LIMIT, _NO_GRACE_S)
        elif attempt.stop is None and self._is_cancelled(attempt):
            slot.stop(Stop.CANCELLED, job_grace_s)

    def settle(self, slot: Slot) -> JobRow | None:
        """Settle an attempt that has ended; returns the job's new row, or None when the claim was lost.

        Raises:
            StoreError, OSError: it cannot be settled now.
        """
        attempt = slot.attempt
        assert attempt is not None  # noqa: S101  # by the caller
        assert attempt.outcome is not None  # noqa: S101
        claim = attempt.claim
        if not attempt.judged:
            attempt.outcome = outages.judged(attempt.outcome, claim.row.cause, lambda: self._can_write(claim))
            attempt.judged = True
        outcome = attempt.outcome
        try:
            row = claim.settle(outcome)
        except ClaimLostError as error:
            claim.lose()
            logs.warn("claim lost: fenced off", job=claim.key, attempt=claim.attempt, slot=slot.number, why=error)
            return None
        if logs.is_in_words():
            logs.tell_job(*line_of(row, claim.manifest.store.location, time.monotonic() - attempt.began_s))
        say = logs.tell if outcome.cause is Cause.DONE else logs.warn
        say(
            "attempt ended",
            job=row.key,
            attempt=row.attempt,
            slot=slot.number,
            state="waiting" if row.state == JobState.QUEUED and row.ready_ns else row.state,
            cause=outcome.cause,
            why=outcome.message or None,
        )
        return row

    def close(self) -> None:
        """Renew no more leases."""
        self._leases.close()

    def _shared_lease(self, claim: JobClaim) -> int | None:
        try:
            return None if claim.lease is None else claim.lease.share()
        except OSError:
            claim.excuse()
            claim.abandon()
            raise

    def _refuse(self, claim: JobClaim, error: ManifestError) -> None:
        logs.warn("a job cannot be started", job=claim.key, why=error)
        try:
            claim.settle(AttemptOutcome(Cause.INVALID_MANIFEST, f"invalid manifest: {error}"))
        except (ClaimLostError, StoreError, OSError):
            claim.abandon()
            raise

    def _can_write(self, claim: JobClaim) -> bool:
        """Whether this process can write to the queue and to a claim's store."""
        try:
            check_writable(self._context.queue, [claim.store])
        except (QueueError, StoreError):
            return False
        return True

    def note_process(self, attempt: Attempt) -> None:
        """Record the attempt's process in the job's row: recovering the orphan kills that process first."""
        if attempt.pid is None:
            return
        try:
            attempt.claim.note_process(attempt.pid)
        except ClaimLostError:
            pass  # the run notices that itself
        except StoreError as error:
            logs.warn("the PID of the attempt could not be recorded", job=attempt.claim.key, error=error)

    def _memory_limit(self, slot: Slot, claim: JobClaim) -> MemoryLimit | None:
        limit_mb = claim.manifest.limits.memory_limit_mb
        if limit_mb is None:
            return None
        if self._context.cgroups is not None:
            try:
                return self._context.cgroups.limit(f"themis-{self._context.owner.worker}-{slot.number}", limit_mb)
            except OSError as error:
                logs.warn("no cgroup could be created: the worker watches the memory instead", error=error.strerror)
        if not capabilities.shows_memory():
            logs.warn("memory limit not enforced: no cgroup can be created, and /proc is hidden", job=claim.key)
        return WatchedLimit(limit_mb)

    def _is_cancelled(self, attempt: Attempt) -> bool:
        if attempt.claim.lease is not None:
            return self._leases.is_cancelled(attempt.claim)
        try:
            return attempt.claim.is_cancel_requested()
        except (StoreError, OSError) as error:
            logs.warn("cancel requests cannot be read", job=attempt.claim.key, error=error)
            return False


def _tell_of_leases(event: str, *, jobs: int, error: Exception | None = None) -> None:
    logs.tell(event, level=logs.INFO if error is None else logs.WARNING, jobs=jobs, error=error)
