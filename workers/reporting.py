"""What a worker says of itself: its file in the queue, with every heartbeat."""

import time
from dataclasses import dataclass, field
from pathlib import Path

from themis.core.provenance import themis_version
from themis.core.queue import Cause, Claim
from themis.core.stores.job_rows import JobRow, Owner
from workers.attempt import Attempt
from workers.intake import Intake
from workers.registry import HEARTBEAT_S, Registration, SlotReport, WorkerReport, forget_dead
from workers.settings import WorkerSettings
from workers.slot import Slot
from workers.slots import Slots
from workers.stopping import Stopping

BUSY_HEARTBEAT_S = 1.0
"""Seconds between heartbeats while something runs, whose progress people want to see."""

_LOOK_AT_MEMORY_S = 5.0
_MIB_IN_KIB = 1_024


@dataclass(slots=True)
class _Counts:
    claimed: int = 0
    cases: int = 0
    orphans: int = 0
    ended: dict[str, int] = field(default_factory=dict)


class Reporting:
    """Registers the worker, and tells of it."""

    def __init__(self, queue_root: Path, owner: Owner, settings: WorkerSettings) -> None:
        """Register `owner`.

        Raises:
            WorkerNameError: the name is none, or taken.
        """
        forget_dead(queue_root)
        self.settings = settings
        self._registration = Registration(queue_root, owner)
        self._owner = owner
        self._started_ns = time.time_ns()
        self._counts = _Counts()
        self._due_s = 0.0
        self._memory: tuple[float, float] = (0.0, 0.0)

    @property
    def stop_requested(self) -> bool:
        """Whether somebody asked this worker to stop."""
        return self._registration.stop_requested

    def note_claim(self, claim: Claim) -> None:
        """A job was taken."""
        del claim
        self._counts.claimed += 1
        self._due_s = 0.0

    def note_end(self, attempt: Attempt, cause: Cause, row: JobRow | None = None) -> None:
        """An attempt has ended; `row` is what its job is now, where this worker has decided that."""
        del row
        self._counts.ended[cause] = self._counts.ended.get(cause, 0) + 1
        self._counts.cases += attempt.reports.done
        self._due_s = 0.0

    def note_orphan(self) -> None:
        """A job that a dead worker had left was put right."""
        self._counts.orphans += 1

    def heartbeat(self, slots: Slots, intake: Intake, stopping: Stopping) -> None:
        """Say how it goes, if it is time to."""
        now_s = time.monotonic()
        if now_s < self._due_s:
            return
        busy = slots.running()
        self._due_s = now_s + (BUSY_HEARTBEAT_S if busy else HEARTBEAT_S)
        self._registration.write(self._report(slots, intake, stopping))

    def rss_mb(self, pids: list[int]) -> float:
        """MiB that this process and those of `pids` use, looked at every few seconds."""
        looked_s, found_mb = self._memory
        if time.monotonic() - looked_s > _LOOK_AT_MEMORY_S:
            found_mb = sum(map(_rss_mb, [self._owner.pid, *pids]))
            self._memory = (time.monotonic(), found_mb)
        return found_mb

    def close(self) -> None:
        """The worker is no more."""
        self._registration.close()

    def _report(self, slots: Slots, intake: Intake, stopping: Stopping) -> WorkerReport:
        owner, counts = self._owner, self._counts
        why = stopping.why or intake.why_not
        running = sum(slot.attempt.reports.done for slot in slots.running() if slot.attempt)
        return WorkerReport(
            worker=owner.worker,
            host=owner.host,
            boot_id=owner.boot_id,
            pid=owner.pid,
            pid_started=owner.pid_started,
            version=themis_version(),
            started_ns=self._started_ns,
            heartbeat_ns=time.time_ns(),
            state="draining" if stopping.why else "waiting" if intake.why_not else "running",
            why=why,
            tags=self.settings.tags,
            slots=tuple(map(_slot_report, slots)),
            claimed=counts.claimed,
            ended=dict(counts.ended),
            cases=counts.cases + running,
        )


def _slot_report(slot: Slot) -> SlotReport:
    attempt = slot.attempt
    if attempt is None:
        return SlotReport(slot.number)
    row, reports = attempt.claim.row, attempt.reports
    return SlotReport(
        slot=slot.number,
        key=row.key,
        run_id=row.run_id,
        attempt=row.attempt,
        pid=attempt.pid,
        started_ns=row.started_ns,
        total=reports.total,
        done=reports.done,
        failed=reports.failed,
    )


def _rss_mb(pid: int) -> float:
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    except OSError:
        return 0.0
    shares = next((line for line in text.splitlines() if line.startswith("Pss:")), "Pss: 0 kB")
    return int(shares.split()[1]) / _MIB_IN_KIB
