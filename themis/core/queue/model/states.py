"""States of a job, the transitions between them and their causes: the only list, values without side effects.

                 claim                    settle
    submit → QUEUED ──────→ RUNNING ──────────────→ DONE
               ↑ │             │ └────────────────→ FAILED      budget used up, or nothing to be gained by repeating
               │ │ cancel      │ └────────────────→ CANCELLED
               │ └─→ CANCELLED │
               ├───────────────┘                    failed and retried, worker lost, given back
               ├── retry: FAILED, CANCELLED;  rerun: DONE too
               └── set: QUEUED, with another priority or time

Each function takes a row and returns its next version. None of them touches files: the folder follows the row.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from themis.core.processes.noted_cases import InFlight
from themis.core.queue.model import case_losses, retry_policy
from themis.core.queue.model.attempt_ends import ended_attempt, fate
from themis.core.queue.model.outages import Lack
from themis.core.stores.job_rows import Change, JobRow, Owner
from themis.core.text.lines import cut

NO_QUEUE = ""
"""Queue id of a pruned job: it is in no queue."""

_NS = 1_000_000_000


class JobState(StrEnum):
    """State of a job. A job that waits for a later time is queued."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


ENDED = frozenset({JobState.DONE, JobState.FAILED, JobState.CANCELLED})

MOVES: dict[JobState, frozenset[JobState]] = {
    JobState.QUEUED: frozenset({JobState.QUEUED, JobState.RUNNING, JobState.CANCELLED, JobState.FAILED}),
    JobState.RUNNING: frozenset({JobState.QUEUED, JobState.DONE, JobState.FAILED, JobState.CANCELLED}),
    JobState.DONE: frozenset({JobState.QUEUED}),
    JobState.FAILED: frozenset({JobState.QUEUED}),
    JobState.CANCELLED: frozenset({JobState.QUEUED}),
}
"""Allowed next states of each state."""


class Cause(StrEnum):
    """Cause of the end of an attempt or of a job."""

    DONE = "done"
    TRANSIENT = "transient"
    EXCEPTION = "exception"
    TIME_LIMIT = "time limit"
    MEMORY_LIMIT = "memory limit"
    EXIT_CODE = "exit code"
    SIGNAL = "signal"
    CONFIGURATION = "configuration"
    INVALID_MANIFEST = "invalid manifest"
    OTHER_STORE = "other store"
    WORKER_LOST = "worker lost"
    HOST_LOST = "host lost"
    OUTAGE = "outage"
    GIVEN_BACK = "given back"
    LEASE_LOST = "lease lost"
    RUN_IN_USE = "run in use"
    PROVIDER = "provider"
    BATCH = "batch"
    CANCELLED = "cancelled"
    BUDGET = "budget"
    AUTHENTICATION = "authentication"
    REPEATED = "repeated failure"
    FAILED_CASES = "failed cases"
    PREDECESSOR = "predecessor"


class Charge(StrEnum):
    """Budget of a job that an outcome is charged to."""

    ATTEMPTS = "max_attempts"
    WORKER_LOST = "max_worker_lost"
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class Policy:
    """Consequences of a cause.

    Attributes:
        charge: the budget that it is charged to.
        ends: the state that the job ends in at once; None when it is queued again while its budget lasts.
        backoff: whether the job waits before the next attempt.
        grows: whether that wait grows with each attempt, though none of them is charged.
        behind: whether it goes behind all jobs queued by then, so that it does not hold up the others.
    """

    charge: Charge = Charge.NOBODY
    ends: JobState | None = None
    backoff: bool = False
    grows: bool = False
    behind: bool = False


_TRIED_AGAIN = Policy(charge=Charge.ATTEMPTS, backoff=True)
_HOPELESS = Policy(ends=JobState.FAILED)
_NOBODYS_FAULT = Policy()

POLICIES: dict[Cause, Policy] = {
    Cause.DONE: Policy(ends=JobState.DONE),
    **dict.fromkeys((Cause.TRANSIENT, Cause.EXCEPTION, Cause.EXIT_CODE, Cause.SIGNAL), _TRIED_AGAIN),
    **dict.fromkeys((Cause.TIME_LIMIT, Cause.MEMORY_LIMIT), _TRIED_AGAIN),
    **dict.fromkeys((Cause.CONFIGURATION, Cause.INVALID_MANIFEST, Cause.OTHER_STORE), _HOPELESS),
    **dict.fromkeys((Cause.AUTHENTICATION, Cause.REPEATED, Cause.FAILED_CASES), _HOPELESS),
    Cause.WORKER_LOST: Policy(charge=Charge.WORKER_LOST),
    Cause.OUTAGE: Policy(behind=True),
    Cause.HOST_LOST: _NOBODYS_FAULT,
    Cause.GIVEN_BACK: _NOBODYS_FAULT,
    Cause.LEASE_LOST: _NOBODYS_FAULT,
    **dict.fromkeys((Cause.RUN_IN_USE, Cause.BATCH), Policy(backoff=True)),
    Cause.PROVIDER: Policy(backoff=True, grows=True),
    **dict.fromkeys((Cause.CANCELLED, Cause.BUDGET, Cause.PREDECESSOR), Policy(ends=JobState.CANCELLED)),
}
"""Consequences of each cause: failures are classified once, as a value, before anything is written."""


@dataclass(frozen=True, slots=True)
class AttemptOutcome:
    """Outcome of an attempt.

    Attributes:
        cause: cause of its end, which decides the charge and the consequences.
        message: text for people; cut to `MESSAGE_BYTES`, so that it fits everywhere.
        retry_after_s: seconds before which it must not be retried, as the remote side asked; None when it did not.
        exit_code: exit code of the job's process, negative for a signal; None without one.
        lack: kind of the outage; None for other causes.
        in_flight: the cases that the job's process was on when it died; None if it ended otherwise, or noted none.
    """

    cause: Cause
    message: str = ""
    retry_after_s: float | None = None
    exit_code: int | None = None
    lack: Lack | None = None
    in_flight: InFlight | None = None

    def __post_init__(self) -> None:
        """Cut the message."""
        object.__setattr__(self, "message", cut(self.message))


DONE = AttemptOutcome(Cause.DONE)


def claimed(row: JobRow, owner: Owner, token: str, now_ns: int, lease_ms: int | None = None) -> Change:
    """Claim a queued job: it gets an owner, its next attempt and, where locks do not reach all hosts, a lease."""
    after = _next(
        row,
        now_ns,
        state=JobState.RUNNING,
        attempt=row.attempt + 1,
        token=token,
        owner=owner,
        ready_ns=None,
        started_ns=now_ns,
        ended_ns=None,
    )
    return Change(after, lease_ms=lease_ms)


def settled(row: JobRow, outcome: AttemptOutcome, now_ns: int, jitter: float) -> Change:
    """Settle a running job whose attempt has ended: the job ends too, or is queued again.

    Args:
        row: the running job.
        outcome: outcome of its attempt.
        now_ns: the current time.
        jitter: a random number from 0 to 1, which spreads the next attempts.
    """
    policy = POLICIES[outcome.cause]
    is_failure, is_lost = policy.charge is Charge.ATTEMPTS, policy.charge is Charge.WORKER_LOST
    charged = case_losses.charged(row, outcome.in_flight, is_failure=is_failure, is_lost=is_lost)
    state, ready_ns = policy.ends, None
    if state is None and charged.is_used_up:
        state = JobState.FAILED
    if state is None and policy.backoff and charged.culprit is None:
        tries = row.attempt if policy.grows else charged.failures
        ready_ns = now_ns + int(retry_policy.delay_s(tries, outcome.retry_after_s, jitter) * _NS)
    message = outcome.message + charged.remark
    after = _next(
        row,
        now_ns,
        state=state or JobState.QUEUED,
        token=None,
        owner=None,
        submitted_ns=now_ns if policy.behind else row.submitted_ns,
        failures=charged.failures,
        lost=charged.lost,
        cause=outcome.cause,
        message=message,
        ready_ns=ready_ns,
        ended_ns=None if state is None else now_ns,
        case_losses=charged.losses,
    )
    if state is None and row.cancel_requested:
        after = _cancelled(after, now_ns)
    return Change(after, ended=ended_attempt(row, outcome.cause, message, now_ns, outcome.exit_code, outcome.in_flight))


def recovered(
    row: JobRow, now_ns: int, *, excused: bool = False, in_flight: InFlight | None = None, host_lost: bool = False
) -> Change:
    """Recover a job whose file was found and that no living worker has: its owner, if it had one, is dead.

    `excused` means that its attempt had ended, and this could not be written; else it was on the cases `in_flight`.
    `host_lost` means that its worker was lost with a host that may be taken away.
    """
    if row.state == JobState.RUNNING:
        return settled(row, _end_of_lost(row, excused=excused, in_flight=in_flight, host_lost=host_lost), now_ns, 0.0)
    if row.state == JobState.QUEUED and row.cancel_requested:
        return cancelled(row, now_ns)
    return Change(_next(row, now_ns))


def _end_of_lost(row: JobRow, *, excused: bool, in_flight: InFlight | None, host_lost: bool) -> AttemptOutcome:
    """Return the outcome of the attempt of a worker that is dead."""
    if excused:
        return AttemptOutcome(Cause.OUTAGE, f"the end of attempt {row.attempt} could not be written")
    end = f"{fate(row)} in attempt {row.attempt}"
    if host_lost:
        return AttemptOutcome(Cause.HOST_LOST, f"{end}; its host may be taken away, so that nobody is charged")
    return AttemptOutcome(Cause.WORKER_LOST, end, in_flight=in_flight)


def cancelled(row: JobRow, now_ns: int) -> Change:
    """Cancel a queued job."""
    return Change(_cancelled(_next(row, now_ns), now_ns))


def refused(row: JobRow, outcome: AttemptOutcome, now_ns: int) -> Change:
    """Fail a job that nobody runs and that can never run, without an attempt."""
    if row.state == JobState.RUNNING:
        return settled(row, outcome, now_ns, 0.0)
    ended = {"state": JobState.FAILED, "ready_ns": None, "ended_ns": now_ns}
    return Change(_next(row, now_ns, cause=outcome.cause, message=outcome.message, **ended))


def sent_back(row: JobRow, now_ns: int, *, priority: int | None = None) -> Change:
    """Queue an ended job again: its budgets start over, its numbers continue."""
    after = _next(
        row,
        now_ns,
        state=JobState.QUEUED,
        priority=row.priority if priority is None else priority,
        submitted_ns=now_ns,
        ready_ns=None,
        failures=0,
        lost=0,
        case_losses=None,
        cancel_requested=False,
        token=None,
        owner=None,
        ended_ns=None,
    )
    return Change(after)


def rescheduled(row: JobRow, now_ns: int, *, priority: int | None = None, ready_ns: int | None = None) -> Change:
    """Change the priority of a queued job, or the time before which it is not claimed; None leaves a value unchanged.

    A time in the past clears the current one.
    """
    changes: dict[str, Any] = {} if priority is None else {"priority": priority}
    if ready_ns is not None:
        changes["ready_ns"] = ready_ns if ready_ns > now_ns else None
    return Change(_next(row, now_ns, **changes))


def pruned(row: JobRow, now_ns: int) -> Change:
    """Remove an ended job from its queue. The row stays, so that its end is known and its numbers never go back."""
    return Change(_next(row, now_ns, queue_id=NO_QUEUE))


def _next(row: JobRow, now_ns: int, **changes: Any) -> JobRow:
    return row._replace(version=row.version + 1, updated_ns=now_ns, lease_until_ms=None, **changes)


def _cancelled(row: JobRow, now_ns: int) -> JobRow:
    return row._replace(
        state=JobState.CANCELLED,
        ready_ns=None,
        cause=Cause.CANCELLED,
        message="cancelled on request",
        ended_ns=now_ns,
    )
