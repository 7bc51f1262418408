"""Rows of a queue in a store: the part of a store's port that a queue without a folder uses beside `JobStore`.

A job's state is in its row, as everywhere. Here is what a folder shows beside it: which job is next, who works, who
paused the queue, what happened to a job, and the end of its output. All times are those of the store's own clock.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol, runtime_checkable

from themis.core.stores.job_rows import Change, JobRow, Owner


class QueueRow(NamedTuple):
    """Queue in a store.

    Attributes:
        queue_id: its id.
        lease_ms: length of a claim's lease, in milliseconds.
        paused_by, paused_ns, pause_reason: who paused it, when (nanoseconds since 1970 UTC) and why; None while it is
            not paused.
    """

    queue_id: str
    lease_ms: int
    paused_by: str | None = None
    paused_ns: int | None = None
    pause_reason: str | None = None


class NextClaim(NamedTuple):
    """Claim to be made of the next job of a class.

    Attributes:
        queue_id: the queue.
        needs: the class, see `QueueRows.classes`.
        owner: process that claims.
        token: token of the claim.
        lease_ms: length of its lease, in milliseconds.
    """

    queue_id: str
    needs: str
    owner: Owner
    token: str
    lease_ms: int


class ClaimedRow(NamedTuple):
    """Job that was claimed: its row after the claim, the text of its manifest, and the store's time."""

    row: JobRow
    manifest: str
    now_ns: int


class JobClass(NamedTuple):
    """Queued jobs that need the same of a worker.

    Attributes:
        needs: name of the class.
        key: key of one of the jobs.
        manifest: text of its manifest.
    """

    needs: str
    key: str
    manifest: str


class JobEvent(NamedTuple):
    """One move of a job, for people.

    Attributes:
        at_ms: time, in milliseconds since 1970 UTC; 0 for the store's present time.
        move: name of the move.
        host, pid: process that made it.
        worker: name of the worker; None for a person's command.
        state, attempt, version: of the job after the move; None where it says nothing of them.
        why: reason, for people.
        exit_code: exit code of the job's process.
        duration_s: seconds that an attempt took.
    """

    at_ms: int
    move: str
    host: str
    pid: int
    worker: str | None = None
    state: str | None = None
    attempt: int | None = None
    version: int | None = None
    why: str | None = None
    exit_code: int | None = None
    duration_s: float | None = None


class LogRow(NamedTuple):
    """End of the output of an attempt, whose whole log is on the host that ran it.

    Attributes:
        attempt: its number.
        host, path: where its log is.
        size_bytes: size of the log when the attempt ended.
        tail: the last bytes of it.
    """

    attempt: int
    host: str
    path: str
    size_bytes: int
    tail: bytes


class WorkerRow(NamedTuple):
    """Registered worker.

    Attributes:
        worker: its name.
        owner: its process.
        silent_ms: milliseconds since its last heartbeat.
        report: its report, as JSON; empty before the first.
        stop_requested: whether it was asked to stop.
    """

    worker: str
    owner: Owner
    silent_ms: int
    report: str
    stop_requested: bool


class Listener(Protocol):
    """Connection on which a store says that something is new in a queue. It is a hint, and may be lost."""

    def fileno(self) -> int:
        """Return the descriptor that is readable when there is news."""

    def hear(self) -> None:
        """Read all news.

        Raises:
            StoreError: the connection is lost.
        """

    @property
    def is_lost(self) -> bool:
        """Whether the connection is lost."""

    def close(self) -> None:
        """Close the connection."""


class QueueRows(Protocol):
    """Keeps queues in a store, in the same transactions as jobs.

    Every method may raise a `StoreError`.
    """

    def queue(self, queue_id: str) -> QueueRow | None:
        """Return a queue; None before its first job."""

    def ensure_queue(self, queue: QueueRow) -> None:
        """Add a queue, unless it is there."""

    def pause(self, queue: QueueRow) -> QueueRow:
        """Pause a queue, as a row says; return it with the time."""

    def resume(self, queue_id: str) -> bool:
        """End the pause of a queue; False when it was not paused."""

    def clock_ns(self) -> int:
        """Return the time by the store's own clock, in nanoseconds since 1970 UTC."""

    def what_may_be_lost(self) -> str | None:
        """Return why a commit that was acknowledged may be lost, as far as the store's settings say so; else None."""

    # --- choosing

    def classes(self, queue_id: str) -> list[JobClass]:
        """Return one job of each class of queued jobs, whether or not their time has come."""

    def first_class(self, queue_id: str, needs: Sequence[str], later: Sequence[str] = ()) -> str | None:
        """Return the one of several classes that the next job is of; None when no job of them may be claimed now.

        Jobs of the classes in `later` come after the others of their priority.
        """

    def claim_next(self, claim: NextClaim) -> ClaimedRow | None:
        """Claim the next job of a class that may be claimed now, and that nobody else is changing.

        None without one, and while the queue is paused.

        The order is that of `themis.core.queue.model.ordering`, and the row is what `states.claimed` makes of it.
        """

    def becomes_ready(self, queue_id: str, before_ns: int) -> bool:
        """Whether a queued job may be claimed now, or before a time."""

    def count_ready(self, queue_id: str, needs: Sequence[str], limit: int) -> int:
        """Count the jobs of some classes that may be claimed now, up to `limit`."""

    def lost(self, queue_id: str, host: str, limit: int) -> list[tuple[JobRow, bool]]:
        """Return running jobs whose lease is over, and those of a host, each with whether its lease is over.

        After its own restart a store gives owners the length of a lease to renew theirs, before it says so of any.
        """

    # --- what belongs to a change of a job

    def set_needs(self, key: str, needs: str) -> None:
        """Set the class of a job."""

    def note(self, key: str, event: JobEvent) -> None:
        """Add to the history of a job."""

    def keep_log(self, key: str, log: LogRow) -> None:
        """Keep the end of an attempt's output."""

    def notify(self, queue_id: str) -> None:
        """Tell those who listen, when this transaction is committed, that something is new."""

    def settle(self, before: JobRow, change: Change, event: JobEvent, log: LogRow | None) -> bool:
        """Write a change that ends an attempt, its event and its output, in one statement; False: the claim is lost.

        Args:
            before: the job as its owner knows it; what others may have changed since is written again.
            change: the change.
            event: its event; time and process are those of the attempt.
            log: end of the attempt's output, to be kept.
        """

    def forget(self, key: str) -> None:
        """Remove the history and the output of a job."""

    # --- for people

    def events(self, key: str) -> list[JobEvent]:
        """Return the history of a job, oldest first; claims are in the attempts."""

    def logs(self, key: str) -> list[LogRow]:
        """Return the kept ends of a job's output, by attempt."""

    def counts(self, queue_id: str) -> dict[str, int]:
        """Count the jobs of a queue in each state; those whose time has not come are `waiting`."""

    def first(self, queue_id: str, state: str, limit: int | None) -> list[JobRow]:
        """Return the first jobs of a state, or all, in the order of claiming; ended ones by their keys."""

    def last_waiting(self, queue_id: str) -> JobRow | None:
        """Return the waiting job whose time comes last."""

    def held(self, queue_id: str, limit: int) -> tuple[int, list[JobRow]]:
        """Return how many jobs wait for others, and the first of them; see `dependents.HELD_NS`."""

    def oldest_s(self, queue_id: str) -> dict[str, float]:
        """Return the seconds that the oldest job has been queued, been due and been running; 0 without one."""

    def count_before(self, row: JobRow) -> int:
        """Count the jobs that will be claimed before a queued one."""

    # --- workers

    def workers(self, queue_id: str) -> list[WorkerRow]:
        """Return all registered workers, by name, also dead ones."""

    def register(self, queue_id: str, owner: Owner, is_dead: Callable[[WorkerRow], bool]) -> bool:
        """Register a process under its worker's name; False when that of another process is registered and lives."""

    def heartbeat(self, queue_id: str, owner: Owner, report: str) -> bool:
        """Write a worker's report; returns whether it was asked to stop."""

    def request_stop(self, queue_id: str, names: Sequence[str]) -> None:
        """Ask workers to stop."""

    def unregister(self, queue_id: str, names: Sequence[str]) -> None:
        """Remove workers."""

    def listen(self, queue_id: str) -> Listener:
        """Open a connection that hears of news; its caller closes it."""


@runtime_checkable
class KeepsQueues(Protocol):
    """Jobs of a store that keeps queues, too."""

    @property
    def queues(self) -> QueueRows:
        """Queues of the store."""
