"""One attempt of a job in a slot: its claim, its process, its limits and its outcome."""

import time
from dataclasses import dataclass, field

from themis.core.queue import AttemptOutcome, Claim
from themis_workers.memory_limits import MemoryLimit
from themis_workers.slots.exits import JobExit, Reports, Stop, classify


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
    """

    claim: Claim
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
        if self.memory is not None:
            self.memory.close()

    def _limit(self) -> str:
        limits = self.claim.manifest.limits
        if self.stop is Stop.MEMORY_LIMIT:
            return f"{limits.memory_limit_mb} MiB"
        return f"{limits.timeout_s:g} s" if limits.timeout_s is not None else ""
