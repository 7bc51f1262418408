"""Rows of queues' jobs, as a store keeps them; their meaning is defined by `themis.core.queue`.

The fields of `JobRow`, `Owner` and `AttemptRow` are the single list of a row's columns: `JOB_COLUMNS`, `flat` and
`unflat` are derived from them. A field that is added here is kept by every store, once its tables have a column of that
name.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from operator import attrgetter
from typing import Any, NamedTuple


@lru_cache(maxsize=1024)  # asked for several times while one job is submitted
def job_key(run_id: str, store_id: str, shard: tuple[int, int] | None = None) -> str:
    """Return the name of the job for a run and a store; of several shards, for number `shard[0]` of `shard[1]`."""
    digest = hashlib.sha256(f"{run_id}\n{store_id}".encode()).hexdigest()[:16]
    return digest if shard is None else f"{digest}.s{shard[0]:03d}of{shard[1]:03d}"


@dataclass(frozen=True, slots=True)
class Owner:
    """Process that runs an attempt.

    Attributes:
        worker: name of the worker.
        host: name of the machine.
        boot_id: id of the machine's current start; empty where the system does not say.
        pid: pid of the worker's process.
        pid_started: its start time, in clock ticks since the machine's start: a pid is reused, the pair is not.
        job_pid: the process group that runs the job; None while the job runs in the worker itself.
        job_pid_started: start time of its leader.
    """

    worker: str
    host: str
    boot_id: str
    pid: int
    pid_started: int
    job_pid: int | None = None
    job_pid_started: int | None = None


class Fence(NamedTuple):
    """State of a job that a write demands: with any other, nothing is written. A claim's results are written under it.

    The version says which change of the row is meant, and the token whose claim. A version alone can come back: a
    database that loses its last commits, by a crash or to a standby that did not have them yet, counts on from an
    earlier one.

    Attributes:
        key: the job.
        version: version of its row.
        token: token of the claim; None where nobody has claimed the job.
    """

    key: str
    version: int
    token: str | None


class JobRow(NamedTuple):
    """Job: its true state. Times are nanoseconds since 1970 UTC.

    A tuple, as a frozen dataclass with that many fields takes ten times as long to make and to change.

    Attributes:
        key: its name in the queue.
        run_id: the run that it carries out.
        queue_id, queue_root: its queue, and that queue's folder at the time of submission; the id is empty after
            pruning: then it is in no queue.
        version: grows with every change; a change requires the version that was read.
        state: a `JobState`.
        attempt: number of the last attempt; 0 before the first.
        priority: 0 (first) to 9.
        submitted_ns: its place in the order.
        ready_ns: time before which it is not claimed; None for at once.
        max_attempts, max_worker_lost: numbers of failures, and of lost workers, after which it fails.
        timeout_s, memory_limit_mb: limits of an attempt; None for none.
        failures, lost: failed attempts, and lost workers, since a person last queued it again.
        cancel_requested: whether its owner was asked to stop.
        token: random token of the owner's claim; None without an owner.
        owner: process that has it.
        cause, message: reason for the end of the last attempt, or of the job; a `Cause`, and text for people.
        started_ns, ended_ns: start of the last attempt, end of the job.
        updated_ns: time of the last change.
        lease_until_ms: time until which no other worker may take it from its owner, in milliseconds since 1970 UTC by
            the store's clock; None where locks reach all hosts, so that there are no leases. Any change of the job
            ends it.
        predecessors: jobs that it runs after, as text; see `themis.core.queue.model.predecessors`. None without any.
        awaited: marks of its links to dependents, see `themis.core.stores.queues.dependents`. They are set with these,
            at any time, and so not by a change of this job.
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
    case_losses: str | None = None
    predecessors: str | None = None
    awaited: int = 0

    @property
    def fence(self) -> Fence:
        """Key, version and token that a write demands which was decided by this row."""
        return Fence(self.key, self.version, self.token)


class AttemptRow(NamedTuple):
    """Ended attempt of a job, kept permanently; one that has not ended is in the job's own row.

    Attributes:
        attempt: its number, from 1.
        token: token of its claim.
        worker, host, pid: its process.
        started_ns, ended_ns: nanoseconds since 1970 UTC.
        cause: a `Cause`.
        message: text for people.
        exit_code: exit code of the job's process; None without one.
        in_flight: the cases that its process was on when it died, as text; None when it ended otherwise.
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
    in_flight: str | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """Change of a job, written whole or not at all.

    Attributes:
        row: the new row; its version is one more than before.
        ended: the attempt that ends with it.
        lease_ms: length of the lease that its owner gets, in milliseconds from now; None for none.
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
"""Columns of a job's row in a table, in the order of `flat`, with those of its owner in the owner's place."""

ATTEMPT_COLUMNS: tuple[str, ...] = AttemptRow._fields
"""Columns of an attempt's row in a table, except those that identify its job."""


def flat(row: JobRow) -> tuple[Any, ...]:
    """Return a job's values, one for each of `JOB_COLUMNS`: strings, numbers and None."""
    who = _NO_OWNER if row.owner is None else _owner_values(row.owner)
    # A plain int, as not every database has booleans.
    return (*row[:_REQUEST], +row.cancel_requested, *row[_REQUEST + 1 : _OWNER], *who, *row[_OWNER + 1 :])


def unflat(values: Sequence[Any]) -> JobRow:
    """Return the job with these values, as returned by `flat`."""
    who = values[_OWNER:_AFTER_OWNER]
    owner = None if who[0] is None else Owner(*who)
    request = bool(values[_REQUEST])
    before, between, after = values[:_REQUEST], values[_REQUEST + 1 : _OWNER], values[_AFTER_OWNER:]
    return JobRow._make((*before, request, *between, owner, *after))
