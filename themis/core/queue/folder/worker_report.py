"""Report of a worker about itself, as its file in the queue says, and its check: anybody may have written that file."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, TypeAdapter

from themis.core.values.provider_state import ProviderState
from themis.core.values.stalled_call import StalledCall

Whole = Annotated[int, Field(ge=0, lt=2**63)]
"""Number in a report, which any program may have written: limited to a range that is safe for arithmetic."""


@dataclass(frozen=True, slots=True)
class SlotReport:
    """Slot of a worker and what it runs. Times are nanoseconds since 1970 UTC.

    Attributes:
        slot: its number, from 0.
        key, run_id, attempt: the job; None while the slot is free.
        pid: pid of the job's process.
        started_ns: start of the attempt.
        total, done, failed: numbers of the run's cases, of those that have ended, and of those that failed.
        limits: the limits of the providers that the run asks, as they are now.
        stalled: the call of a component that has stalled for longest.
    """

    slot: Whole
    key: str | None = None
    run_id: str | None = None
    attempt: Whole | None = None
    pid: Whole | None = None
    started_ns: Whole | None = None
    total: Whole = 0
    done: Whole = 0
    failed: Whole = 0
    limits: tuple[ProviderState, ...] = ()
    stalled: StalledCall | None = None


@dataclass(frozen=True, slots=True)
class WorkerReport:
    """Report of a worker, as its file says. Times are nanoseconds since 1970 UTC.

    Attributes:
        worker: its name.
        host, boot_id, pid, pid_started: its process; see `Owner`.
        version: version of the library.
        started_ns, heartbeat_ns: its start, and the time of this report.
        state: `running`, `draining` (it takes no more jobs) or `waiting` (for a disk or a store that failed).
        why: reason for not taking jobs; None while it takes them.
        tags: tags that it serves.
        slots: its slots and what they run.
        claimed: number of jobs that it has taken.
        ended: number of ended attempts, by cause.
        cases: number of ended cases in its runs.
        preemptible: whether its host may be taken away while it runs jobs.
    """

    worker: str
    host: str
    boot_id: str
    pid: Whole
    pid_started: Whole
    version: str
    started_ns: Whole
    heartbeat_ns: Whole
    state: str = "running"
    why: str | None = None
    tags: tuple[str, ...] = ()
    slots: tuple[SlotReport, ...] = ()
    claimed: Whole = 0
    ended: dict[str, Whole] | None = None
    cases: Whole = 0
    preemptible: bool = False

    @property
    def busy(self) -> int:
        """Number of busy slots."""
        return sum(slot.key is not None for slot in self.slots)


_REPORT = TypeAdapter(WorkerReport)


def decode(data: bytes) -> WorkerReport:
    """The report that a file holds; fields that a newer worker added are ignored.

    Raises:
        ValueError: it does not hold one.
    """
    return _REPORT.validate_json(data)
