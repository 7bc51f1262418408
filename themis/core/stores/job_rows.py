"""What a store keeps of a queue's jobs: plain rows, whose meaning `themis.core.queue` decides."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Owner:
    """Who runs an attempt.

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


@dataclass(frozen=True, slots=True)
class JobRow:
    """A job: the truth about it. Times are nanoseconds since 1970 UTC.

    Attributes:
        key: its name in the queue.
        run_id: the run that it does.
        queue_id, queue_root: the queue that it is in, and where that lay when it was submitted.
        version: grows with every change; whoever changes a job demands the version that it read.
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


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """One attempt of a job, kept for ever; `cause` is None until it has ended."""

    attempt: int
    token: str
    worker: str
    host: str
    pid: int
    started_ns: int
    ended_ns: int | None = None
    cause: str | None = None
    message: str | None = None
    exit_code: int | None = None


@dataclass(frozen=True, slots=True)
class AttemptEnd:
    """How the open attempt of a job ended."""

    cause: str
    message: str
    ended_ns: int
    exit_code: int | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a job, written whole or not at all.

    Attributes:
        row: what the row becomes; its version is one more than before.
        opened: the attempt that begins with it.
        ended: the end of the attempt that was open before.
    """

    row: JobRow
    opened: AttemptRow | None = None
    ended: AttemptEnd | None = None
