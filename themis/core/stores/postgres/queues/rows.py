"""Queues without a folder, as rows of a Postgres database."""

from collections.abc import Callable, Sequence

from themis.core.stores.job_rows import Change, JobRow, Owner, unflat
from themis.core.stores.postgres.database import PostgresDatabase
from themis.core.stores.postgres.queues import statements as sql
from themis.core.stores.postgres.queues.listener import PostgresListener, channel_of
from themis.core.stores.queues.port import (
    ClaimedRow,
    JobClass,
    JobEvent,
    LogRow,
    NextClaim,
    QueueRow,
    QueueRows,
    WorkerRow,
)
from themis.core.stores.sql.job_statements import CHANGING
from themis.core.stores.sql.jobs import changing

_NS = 1e9
_NOTED_APART = frozenset({"job_pid", "job_pid_started", "lease_until_ms"})


class PostgresQueueRows(QueueRows):
    """Keeps queues in the tables of a database.

    Raises:
        StoreError: on any use, when the database cannot be used; its subclasses say why.
    """

    def __init__(self, database: PostgresDatabase) -> None:
        """Keep queues in `database`."""
        self._database = database

    def queue(self, queue_id: str) -> QueueRow | None:
        """Return a queue; None before its first job."""
        found = self._database.query_one(sql.QUEUE, (queue_id,))
        return None if found is None else QueueRow(*found)

    def ensure_queue(self, queue: QueueRow) -> None:
        """Add a queue, unless it is there."""
        with self._database.transaction() as session:
            session.execute(sql.ENSURE_QUEUE, queue)

    def pause(self, queue: QueueRow) -> QueueRow:
        """Pause a queue, as a row says; return it with the time."""
        with self._database.transaction() as session:
            values = (queue.queue_id, queue.lease_ms, queue.paused_by, queue.pause_reason)
            (found,) = session.execute(sql.PAUSE, values).fetchall()
            self.notify(queue.queue_id)
        return QueueRow(*found)

    def resume(self, queue_id: str) -> bool:
        """End the pause of a queue; False when it was not paused."""
        with self._database.transaction() as session:
            was_paused = bool(session.execute(sql.RESUME, (queue_id,)).rowcount)
            self.notify(queue_id)
        return was_paused

    def clock_ns(self) -> int:
        """Return the time by the server's clock, in nanoseconds since 1970 UTC."""
        return int(self._database.query(sql.CLOCK)[0][0])

    def what_may_be_lost(self) -> str | None:
        """Return why a commit that was acknowledged may be lost: in a crash, or when a standby takes over."""
        ((commits, synchronous, standbys),) = self._database.query(sql.DURABILITY)
        if commits == "off":
            return "commits are acknowledged before they are on disk (synchronous_commit is off)"
        if standbys and not synchronous:
            return "a standby follows that may lack acknowledged commits (synchronous_standby_names is empty)"
        return None

    # --- choosing

    def classes(self, queue_id: str) -> list[JobClass]:
        """Return one job of each class of queued jobs, whether or not their time has come."""
        return [JobClass(*row) for row in self._database.query(sql.CLASSES, (queue_id,) * 3)]

    def first_class(self, queue_id: str, needs: Sequence[str], later: Sequence[str] = ()) -> str | None:
        """Return the one of several classes that the next job is of; None when no job of them may be claimed now.

        Jobs of the classes in `later` come after the others of their priority.
        """
        found = self._database.query_one(sql.FIRST_CLASS, (list(needs), queue_id, list(later)))
        return None if found is None else str(found[0])

    def claim_next(self, claim: NextClaim) -> ClaimedRow | None:
        """Claim the next job of a class that may be claimed now, in one statement; None without one."""
        owner = claim.owner
        who = (owner.worker, owner.host, owner.boot_id, owner.pid, owner.pid_started)
        values = (claim.token, *who, claim.lease_ms, claim.queue_id, claim.needs, claim.queue_id)
        with self._database.statement() as session:
            found = session.repeated(sql.CLAIM_NEXT, values)
        if not found:
            return None
        *columns, manifest, now_ns = found[0]
        return ClaimedRow(unflat(columns), str(manifest), int(now_ns))

    def becomes_ready(self, queue_id: str, before_ns: int) -> bool:
        """Whether a queued job may be claimed now, or before a time."""
        needs = [found.needs for found in self.classes(queue_id)]
        return bool(self._database.query(sql.BECOMES_READY, (needs, queue_id, before_ns))[0][0])

    def count_ready(self, queue_id: str, needs: Sequence[str], limit: int) -> int:
        """Count the jobs of some classes that may be claimed now, up to `limit`."""
        return int(self._database.query(sql.COUNT_READY, (queue_id, list(needs), limit))[0][0])

    def lost(self, queue_id: str, host: str, limit: int) -> list[tuple[JobRow, bool]]:
        """Return running jobs whose lease is over, and those of a host, each with whether its lease is over."""
        found = self._database.query(sql.LOST, (queue_id, host, limit))
        return [(unflat(columns), bool(is_over)) for *columns, is_over in found]

    # --- what belongs to a change of a job

    def set_needs(self, key: str, needs: str) -> None:
        """Set the class of a job."""
        with self._database.transaction() as session:
            session.execute(sql.SET_NEEDS, (needs, key))

    def note(self, key: str, event: JobEvent) -> None:
        """Add to the history of a job."""
        with self._database.transaction() as session:
            session.execute(sql.NOTE, (*event, key))

    def keep_log(self, key: str, log: LogRow) -> None:
        """Keep the end of an attempt's output."""
        with self._database.transaction() as session:
            session.execute(sql.KEEP_LOG, (*log, key))

    def notify(self, queue_id: str) -> None:
        """Tell those who listen, when this transaction is committed, that something is new."""
        with self._database.transaction() as session:
            session.execute(sql.NOTIFY, (channel_of(queue_id),))

    def settle(self, before: JobRow, change: Change, event: JobEvent, log: LogRow | None) -> bool:
        """Write a change that ends an attempt, its event and its output, in one statement; False: the claim is lost."""
        written, cleared, values = _differences(before, change.row)
        demanded = (before.key, before.version, before.token or "")
        ended = () if change.ended is None else change.ended
        told = (event.move, event.why, event.duration_s, *(log or ()))
        statement = sql.settle(written, cleared, has_log=log is not None)
        with self._database.statement() as session:
            ((count, awaited),) = session.repeated(statement, (*values, *demanded, *ended, *told))
        if awaited:  # a hint, as always: by itself, since few ends are waited for
            self.notify(before.queue_id)
        return bool(count)

    def forget(self, key: str) -> None:
        """Remove the history and the output of a job."""
        with self._database.transaction() as session:
            for statement in sql.FORGET:
                session.execute(statement, (key,))

    # --- for people

    def events(self, key: str) -> list[JobEvent]:
        """Return the history of a job, oldest first."""
        return [JobEvent(*row) for row in self._database.query(sql.EVENTS, (key,))]

    def logs(self, key: str) -> list[LogRow]:
        """Return the kept ends of a job's output, by attempt."""
        return [LogRow(*row)._replace(tail=bytes(row[-1])) for row in self._database.query(sql.LOGS, (key,))]

    def counts(self, queue_id: str) -> dict[str, int]:
        """Count the jobs of a queue in each state; those whose time has not come are `waiting`."""
        return {str(state): int(count) for state, count in self._database.query(sql.COUNTS, (queue_id,))}

    def first(self, queue_id: str, state: str, limit: int | None) -> list[JobRow]:
        """Return the first jobs of a state, or all, in the order of claiming; ended ones by their keys."""
        return self._jobs(sql.FIRST[state], (queue_id, limit))

    def last_waiting(self, queue_id: str) -> JobRow | None:
        """Return the waiting job whose time comes last."""
        return next(iter(self._jobs(sql.LAST_WAITING, (queue_id,))), None)

    def held(self, queue_id: str, limit: int) -> tuple[int, list[JobRow]]:
        """Return how many jobs wait for others, and the first of them."""
        ((count,),) = self._database.query(sql.COUNT_HELD, (queue_id,))
        return int(count), self._jobs(sql.HELD, (queue_id, limit)) if limit else []

    def oldest_s(self, queue_id: str) -> dict[str, float]:
        """Return the seconds that the oldest job has been queued, been due and been running; 0 without one."""
        found = {str(state): int(ns or 0) / _NS for state, ns in self._database.query(sql.OLDEST, (queue_id,))}
        return {state: max(found.get(state, 0.0), 0.0) for state in ("queued", "waiting", "running")}

    def count_before(self, row: JobRow) -> int:
        """Count the jobs that will be claimed before a queued one."""
        place = row.submitted_ns if row.ready_ns is None else row.ready_ns
        return int(self._database.query(sql.COUNT_BEFORE, (row.queue_id, row.priority, place, row.key))[0][0])

    # --- workers

    def workers(self, queue_id: str) -> list[WorkerRow]:
        """Return all registered workers, by name, also dead ones."""
        return [_worker(row) for row in self._database.query(sql.WORKERS, (queue_id,))]

    def register(self, queue_id: str, owner: Owner, is_dead: Callable[[WorkerRow], bool]) -> bool:
        """Register a process under its worker's name; False when that of another process is registered and lives."""
        process = (owner.host, owner.boot_id, owner.pid, owner.pid_started)
        with self._database.transaction() as session:
            if session.execute(sql.REGISTER, (queue_id, owner.worker, *process)).rowcount:
                return True
            found = session.execute(sql.LOCK_WORKER, (queue_id, owner.worker)).fetchone()
            if found is not None and not is_dead(_worker(found)):
                return False
            session.execute(sql.REPLACE_WORKER, (*process, queue_id, owner.worker))
        return True

    def heartbeat(self, queue_id: str, owner: Owner, report: str) -> bool:
        """Write a worker's report; returns whether it was asked to stop."""
        values = (report, queue_id, owner.worker, owner.host, owner.pid, owner.pid_started)
        with self._database.transaction() as session:
            found = session.execute(sql.HEARTBEAT, values).fetchone()
        return found is not None and bool(found[0])

    def request_stop(self, queue_id: str, names: Sequence[str]) -> None:
        """Ask workers to stop."""
        with self._database.transaction() as session:
            session.execute(sql.REQUEST_STOP, (queue_id, list(names)))
            self.notify(queue_id)

    def unregister(self, queue_id: str, names: Sequence[str]) -> None:
        """Remove workers."""
        with self._database.transaction() as session:
            session.execute(sql.UNREGISTER, (queue_id, list(names)))

    def listen(self, queue_id: str) -> PostgresListener:
        """Open a connection that hears of news; its caller closes it."""
        return PostgresListener(self._database, queue_id)

    def _jobs(self, statement: str, values: Sequence[object]) -> list[JobRow]:
        return [unflat(row) for row in self._database.query(statement, values)]


def _differences(before: JobRow, after: JobRow) -> tuple[tuple[str, ...], tuple[str, ...], list[object]]:
    """Return the columns in which two versions of a job differ: those with a value, those without, and the values."""
    pairs = zip(CHANGING, changing(before), changing(after), strict=True)
    # The process of a job is noted in its row alone.
    found = [(name, new) for name, old, new in pairs if old != new or name in _NOTED_APART]
    written = tuple(name for name, new in found if new is not None)
    cleared = tuple(name for name, new in found if new is None)
    return written, cleared, [new for _, new in found if new is not None]


def _worker(row: Sequence[object]) -> WorkerRow:
    worker, host, boot_id, pid, pid_started, silent_ms, report, stop = row
    owner = Owner(str(worker), str(host), str(boot_id), int(str(pid)), int(str(pid_started)))
    return WorkerRow(owner.worker, owner, int(str(silent_ms)), str(report), bool(stop))
