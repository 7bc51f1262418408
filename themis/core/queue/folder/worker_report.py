"""Report of a worker about itself, as its file in the queue says, and its check: anybody may have written that file."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, TypeAdapter

Whole = Annotated[int, Field(ge=0, lt=2**63)]
"""A number in a report, which anybody may have written: no larger than what can be reckoned with."""


@dataclass(frozen=True, slots=True)
class SlotReport:
    """Report of one slot of a worker. Times are nanoseconds since 1970 UTC.

    Attributes:
        slot: its number, from 0.
        key, run_id, attempt: the job; None while the slot is free.
        pid: of the job's process.
        started_ns: when the attempt began.
        total, done, failed: cases of the run, those that have ended, and those of them that failed.
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


@dataclass(frozen=True, slots=True)
class WorkerReport:
    """A worker, as its file says. Times are nanoseconds since 1970 UTC.

    Attributes:
        worker: its name.
        host, boot_id, pid, pid_started: where it is; see `Owner`.
        version: of the library.
        started_ns, heartbeat_ns: when it began, and when it last wrote this.
        state: `running`, `draining` (it takes no more jobs) or `waiting` (for a disk or a store that failed).
        why: why it takes no job though it could, if it does not.
        tags: the tags that it serves.
        slots: what each slot runs.
        claimed: jobs that it took since it began.
        ended: how many attempts ended, by cause.
        cases: cases that ended in its runs.
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

    @property
    def busy(self) -> int:
        """Number of slots that run something."""
        return sum(slot.key is not None for slot in self.slots)


_REPORT = TypeAdapter(WorkerReport)


def decode(data: bytes) -> WorkerReport:
    """The report that a file holds; fields that a newer worker added are ignored.

    Raises:
        ValueError: it does not hold one.
    """
    return _REPORT.validate_json(data)
