"""Rows of queues' jobs, as a store keeps them; what they mean is decided by `themis.core.queue`.

The fields of `JobRow`, `Owner` and `AttemptRow` are the one list of a row's columns: `JOB_COLUMNS`, `flat` and `unflat`
follow from them. A field that is added here is kept by every store, once its tables have a column of that name.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any, NamedTuple


def job_key(run_id: str, store_id: str, shard: tuple[int, int] | None = None) -> str:
    """Name of the job that does a run (or, of several shards, number `shard[0]` of `shard[1]`) for a store."""
    digest = hashlib.sha256(f"{run_id}\n{store_id}".encode()).hexdigest()[:16]
    return digest if shard is None else f"{digest}.s{shard[0]:03d}of{shard[1]:03d}"


@dataclass(frozen=True, slots=True)
class Owner:
    """Owner of an attempt: the process that runs it.

    Attributes:
        worker: the worker's name.
        host: the machine's name.
        boot_id: tells one start of the machine from the next; empty where the system does not say.
        pid: the worker's process.
        pid_started: when that started, in clock ticks since the machine did: a pid is used again, the pair is not.
        job_pid: the process group that runs the job; None while the job runs in the worker itself.
        job_pid_started: the same for its leader.
    """

    worker: str
    host: str
    boot_id: str
    pid: int
    pid_started: int
    job_pid: int | None = None
    job_pid_started: int | None = None


class Fence(NamedTuple):
    """The claim under which results are written: the job's key and the version that its row must still have."""

    key: str
    version: int


class JobRow(NamedTuple):
    """A job: the truth about it. Times are nanoseconds since 1970 UTC.

    A tuple, as a frozen dataclass of so many fields takes ten times as long to make and to change.

    Attributes:
        key: its name in the queue.
        run_id: the run that it does.
        queue_id, queue_root: the queue that it is in, and where that lay when it was submitted; the first is empty
            when it was pruned: then it is in none.
        version: grows with every change; each change demands the version that was read.
        state: a `JobState`.
        attempt: the number of the last attempt; 0 before the first.
        priority: 0 (first) to 9.
        submitted_ns: its place in the order.
        ready_ns: not to be claimed before; None when it may be at once.
        max_attempts, max_worker_lost: how many failures, and how many lost workers, end it.
        timeout_s, memory_limit_mb: limits of an attempt; None for none.
        failures, lost: failed attempts, and attempts whose worker was lost, since it was last sent back by a person.
        cancel_requested: somebody asked its owner to stop.
        token: what makes the owner's claim unlike any other; None while nobody has it.
        owner: who has it.
        cause, message: why the last attempt, or the job, ended as it did; a `Cause`.
        started_ns, ended_ns: of the last attempt, and of the job.
        updated_ns: of the last change.
        lease_until_ms: until when nobody else may take it from its owner, in milliseconds since 1970 UTC by the store's
            clock; None where locks reach everybody, so that there are no leases. Any change of the job ends it.
    """

    key: str
    run_id: str
    queue_id: str
    queue_root: str
    version: int
    state: str
    attempt: int
    priority: int
    submitted_ns: int
    ready_ns: int | None
    max_attempts: int
    max_worker_lost: int
    timeout_s: float | None
    memory_limit_mb: int | None
    failures: int = 0
    lost: int = 0
    cancel_requested: bool = False
    token: str | None = None
    owner: Owner | None = None
    cause: str | None = None
    message: str | None = None
    started_ns: int | None = None
    ended_ns: int | None = None
    updated_ns: int = 0
    lease_until_ms: int | None = None


class AttemptRow(NamedTuple):
    """An attempt of a job that has ended, kept for ever; one that has not is in the job's own row.

    Attributes:
        attempt: its number, from 1.
        token: of its claim.
        worker, host, pid: who ran it.
        started_ns, ended_ns: nanoseconds since 1970 UTC.
        cause: a `Cause`.
        message: for people.
        exit_code: of the job's own process; None when it had none.
    """

    attempt: int
    token: str
    worker: str
    host: str
    pid: int
    started_ns: int
    ended_ns: int
    cause: str
    message: str
    exit_code: int | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a job, written whole or not at all.

    Attributes:
        row: what the row becomes; its version is one more than before.
        ended: the attempt that ended with it.
        lease_ms: how long a lease its owner gets with it, in milliseconds from now; None for none.
    """

    row: JobRow
    ended: AttemptRow | None = None
    lease_ms: int | None = None


_OWNER = JobRow._fields.index("owner")
_REQUEST = JobRow._fields.index("cancel_requested")
_OWNER_COLUMNS = tuple(field.name for field in fields(Owner))
_AFTER_OWNER = _OWNER + len(_OWNER_COLUMNS)
_owner_values = attrgetter(*_OWNER_COLUMNS)
_NO_OWNER: tuple[Any, ...] = (None,) * len(_OWNER_COLUMNS)

JOB_COLUMNS: tuple[str, ...] = (*JobRow._fields[:_OWNER], *_OWNER_COLUMNS, *JobRow._fields[_OWNER + 1 :])
"""The fields of a job's row in a table, in the order of `flat`: those of its owner stand in the owner's place."""

ATTEMPT_COLUMNS: tuple[str, ...] = AttemptRow._fields
"""The fields of an attempt's row in a table, beside what says whose it is."""


def flat(row: JobRow) -> tuple[Any, ...]:
    """A job's values, one for each of `JOB_COLUMNS`: texts, numbers and None."""
    who = _NO_OWNER if row.owner is None else _owner_values(row.owner)
    # A plain int, as not every database has truth values.
    return (*row[:_REQUEST], +row.cancel_requested, *row[_REQUEST + 1 : _OWNER], *who, *row[_OWNER + 1 :])


def unflat(values: Sequence[Any]) -> JobRow:
    """The job whose values these are, as `flat` gave them."""
    who = values[_OWNER:_AFTER_OWNER]
    owner = None if who[0] is None else Owner(*who)
    request = bool(values[_REQUEST])
    before, between, after = values[:_REQUEST], values[_REQUEST + 1 : _OWNER], values[_AFTER_OWNER:]
    return JobRow._make((*before, request, *between, owner, *after))
