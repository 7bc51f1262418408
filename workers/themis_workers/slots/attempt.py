"""One attempt of a job in a slot: its claim, its process, its limits and its outcome."""

import time
from dataclasses import dataclass, field

from themis.core.queue import AttemptOutcome, Cause
from themis.core.queue.port import JobClaim
from themis_workers.memory_limits import MemoryLimit
from themis_workers.slots.exits import JobExit, Reports, Stop, classify, was_asked_to_end

SAME_SIGNAL_S = 1.0
"""Seconds that the signal which ended a job has to reach its worker too, if it was sent to both."""


@dataclass(slots=True)
class Attempt:
    """A claimed job that a slot runs. Times are seconds of the monotonic clock.

    Attributes:
        claim: of this worker.
        memory: its memory limit; None without one.
        began_s: time at which the slot got it.
        reports: reports of its process so far.
        pid: of its process; None until that has started.
        stop: reason why the worker stops it; None while it does not.
        kill_s: time at which it is killed unless it has ended.
        asked: whether it was asked to end.
        killed: whether it was killed.
        outcome: to settle it with, once it has ended.
        judged: whether it has been decided if an outage was the attempt's own fault.
        undecided_until_s: time until which its worker may still get the signal that ended it; None for any other end.
    """

    claim: JobClaim
    memory: MemoryLimit | None = None
    began_s: float = field(default_factory=time.monotonic)
    reports: Reports = field(default_factory=Reports)
    pid: int | None = None
    stop: Stop | None = None
    kill_s: float | None = None
    asked: bool = False
    killed: bool = False
    outcome: AttemptOutcome | None = None
    judged: bool = False
    undecided_until_s: float | None = None

    @property
    def is_over_time(self) -> bool:
        """Whether its time limit has passed."""
        timeout_s = self.claim.manifest.limits.timeout_s
        return timeout_s is not None and time.monotonic() - self.began_s > timeout_s

    def ended(self, exit_code: int) -> None:
        """Decide the outcome, now that its process and all descendants are gone."""
        end = JobExit(
            exit_code=exit_code,
            reports=self.reports,
            stop=self.stop,
            was_deaf=self.asked and self.killed,
            limit=self._limit(),
            out_of_memory=self.memory is not None and self.memory.was_enforced(),
        )
        self.outcome = classify(end)
        if was_asked_to_end(end):
            self.undecided_until_s = time.monotonic() + SAME_SIGNAL_S
        if self.memory is not None:
            self.memory.close()

    def is_decided(self, *, worker_asked: bool) -> bool:
        """Whether an attempt that has ended can be settled now.

        One that a signal asked to end, beside its worker, is given back: somebody ends the worker with all its
        processes. The two may hear of it in any order, so that such an end is undecided for a moment.

        Args:
            worker_asked: whether a signal has asked the worker to end.
        """
        if self.undecided_until_s is None or self.outcome is None:
            return True
        if worker_asked:
            why = "a signal ended it together with its worker"
            self.outcome = AttemptOutcome(Cause.GIVEN_BACK, why, exit_code=self.outcome.exit_code)
            self.undecided_until_s = None
            return True
        return time.monotonic() >= self.undecided_until_s

    def _limit(self) -> str:
        limits = self.claim.manifest.limits
        if self.stop is Stop.MEMORY_LIMIT:
            return f"{limits.memory_limit_mb} MiB"
        return f"{limits.timeout_s:g} s" if limits.timeout_s is not None else ""
