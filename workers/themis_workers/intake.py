"""Intake of a worker: claims jobs, and stops claiming while a disk or a store fails."""

import time
from collections.abc import Mapping

from themis.core.errors import QueueError, StoreError
from themis.core.jobs.store_cache import StoreCache
from themis.core.queue import ClaimPolicy, ClaimResult
from themis.core.queue.model.predecessors import listed, waits_for
from themis.core.queue.port import JobClaim, Queue
from themis.core.queue.transitions.dependents import HeldJobs
from themis.core.shared_limits.full_providers import FullProviders
from themis.core.stores.job_rows import Owner
from themis_workers.disk import DiskGuard
from themis_workers.settings import WorkerSettings
from themis_workers.telemetry import logs

LOOK_AGAIN_S = 0.002

WAITS_FOR_RETRIES_S = 600.0
"""Seconds within which a job must become ready for a draining worker to wait for it; no backoff is longer."""

_NS = 1_000_000_000


class Intake:
    """Claims jobs, unless something prevents it.

    Attributes:
        settings: of the worker.
        claimed: number of jobs claimed so far.
        why_not: reason why no jobs are claimed, other than that there are none; None while they are.
    """

    def __init__(self, queue: Queue, stores: StoreCache, owner: Owner, settings: WorkerSettings) -> None:
        """Claim from `queue`, whose stores `stores` opens, for `owner`."""
        self.settings = settings
        self.claimed = 0
        self.why_not: str | None = None
        self._queue = queue
        self._stores = stores
        self._owner = owner
        self._found_nothing = False
        self._look_again_s: float | None = None
        self._disk = DiskGuard(queue, stores)
        self._full_providers = FullProviders()
        self._was_paused = False
        self._last: ClaimResult[JobClaim] = ClaimResult()
        self._said: dict[str, str] = {}

    def take_job(self) -> ClaimResult[JobClaim]:
        """Claim the next job, if there is one and it may be claimed now; the result also tells what was skipped."""
        self.look()
        if self.why_not is not None:
            return ClaimResult()
        try:
            full = self._full_providers()
            result = self._queue.claim(self._owner, allow=self._policy(), full_providers=full, patient=False)
        except (OSError, QueueError, StoreError) as error:
            self.note_outage(str(error))
            return ClaimResult()
        if not self._was_paused:  # else the queue was not listed
            self._note_left(result)
        claim = result.claim
        self._found_nothing = claim is None
        self._look_again_s = self._next_look_s() if claim is None and result.is_busy else None
        if claim is not None:
            self.claimed += 1
            if difference := claim.note_versions():
                logs.warn("versions differ", job=claim.key, why=difference)
        return result

    def look(self) -> None:
        """Check whether jobs may be claimed, and log what has changed, even when no slot is free."""
        why_not = self._disk.why_not(self.settings.min_free_mb)
        if why_not is None:
            try:
                self._look_at_pause()
            except StoreError as error:  # a queue in a store that is away
                self.note_outage(str(error))
                why_not = self._disk.why_not(self.settings.min_free_mb)
        if why_not != self.why_not:
            if why_not is None:
                logs.tell("jobs are taken again")
            else:
                logs.warn("no jobs are taken", why=why_not)
            self.why_not = why_not

    def note_outage(self, why: str) -> None:
        """Record that a disk or a store has failed: nothing is claimed until a write check passes again."""
        self._disk.note_outage(why)

    @property
    def look_again_s(self) -> float | None:
        """Seconds until a job that another process had locked is tried again; None without such a job."""
        return self._look_again_s

    @property
    def is_drained(self) -> bool:
        """Whether no job is left that this worker could claim now or soon."""
        if not self._found_nothing or self._look_again_s is not None or self.why_not is not None or self._was_paused:
            return False
        try:
            return not self._queue.becomes_ready(time.time_ns() + int(WAITS_FOR_RETRIES_S * _NS), self._policy())
        except StoreError:  # away: nobody knows
            return False

    @property
    def unusable(self) -> Mapping[str, str]:
        """Skipped jobs that no worker can claim at present: file name to reason."""
        return self._last.unusable

    @property
    def left_to_others(self) -> int:
        """Number of skipped jobs that are for workers with other tags or versions."""
        return len(self._last.skipped.keys() - self._last.unusable.keys())

    @property
    def why_drained(self) -> str:
        """Reason to end after --drain, once nothing is left that this worker could take."""
        try:
            held = self._queue.held(limit=1)
        except (OSError, QueueError, StoreError):
            held = HeldJobs(0, [])
        waits = f"{held.number:,} waiting for other jobs" if held.number else ""
        if others := self.left_to_others:
            also = f", and {waits}" if waits else ""
            return f"only jobs for other workers are left in the queue: {others:,}{also} (--drain)"
        if held.first:
            row = held.first[0]
            what = f"{row.key} runs after {listed(waits_for(row))}"
            return f"no job of the queue can be taken: {waits}, of which {what} (--drain)"
        return "nothing is left in the queue (--drain)"

    def _look_at_pause(self) -> None:
        pause = self._queue.paused
        if pause is not None and not self._was_paused:
            logs.tell("the queue is paused", by=pause.by, why=pause.reason)
        elif pause is None and self._was_paused:
            logs.tell("the queue is resumed")
        self._was_paused = pause is not None

    def _next_look_s(self) -> float:
        """Seconds until the next look, doubled each time: a submitter takes 1 ms, a stuck process may take hours."""
        self._queue.wake()
        return LOOK_AGAIN_S if self._look_again_s is None else self._look_again_s * 2

    def _policy(self) -> ClaimPolicy:
        return ClaimPolicy(self.settings.tags, self.settings.version_mismatch)

    def _note_left(self, result: ClaimResult[JobClaim]) -> None:
        """Log the skipped jobs, one line for each reason, as thousands may share one."""
        self._last, newly_left = result, result.newly_left
        names: dict[str, list[str]] = {}
        for name, why in newly_left.items():
            if self._said.get(name) != why:
                names.setdefault(why, []).append(name)
        for why, left in names.items():
            logs.warn("a file is skipped", file=left[0], more=len(left) - 1 or None, why=why)
        self._said = newly_left
