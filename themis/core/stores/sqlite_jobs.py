"""The rows of queues' jobs, in a SQLite file."""

import time
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

from themis.core.errors import ClaimLostError, StoreCorruptError
from themis.core.stores import moved_datasets
from themis.core.stores.job_rows import AttemptRow, Change, JobRow, Owner
from themis.core.stores.sql import jobs as sql
from themis.core.stores.sqlite_database import Database

STORE_ID = "store_id"
_PROBED = "probed_ns"
_AFTER_ANY_KEY = "\U0010ffff"

# Places in a row as it is selected.
_FIRST_CHANGING = 2
_VERSION = 4
_REQUEST = 16


class SqliteJobStore:
    """Keeps jobs in tables that `JOBS_SCHEMA` made.

    Raises:
        StoreError: on any use, when the database cannot be used; its subclasses say why.
    """

    def __init__(self, database: Database) -> None:
        """The jobs in `database`."""
        self._database = database
        self._store_id: str | None = None

    @property
    def store_id(self) -> str:
        """A UUID that this store was given once and keeps, wherever its file lies."""
        if self._store_id is None:
            row = self._database.query_one(sql.SELECT_META, (STORE_ID,))
            if row is None:
                with self.transaction() as connection:
                    connection.execute(sql.INSERT_META, (STORE_ID, str(uuid.uuid4())))
                row = self._database.query_one(sql.SELECT_META, (STORE_ID,))
            if row is None:
                raise StoreCorruptError(path=self._database.path, detail="its id was lost while it was read")
            self._store_id = str(row[0])
        return self._store_id

    def transaction(self, *, synced: bool = True) -> AbstractContextManager[Any]:
        """A block whose writes are committed together, or not at all; blocks nest."""
        return self._database.transaction(synced=synced)

    @property
    def is_in_place(self) -> bool:
        """Whether the file that was opened is still the one at its path."""
        return self._database.is_in_place

    def add(self, row: JobRow, manifest: str) -> bool:
        """Keep a new job; False, and nothing changed, when its key is there already."""
        with self.transaction() as connection:
            if connection.execute(sql.INSERT_JOB, _values(row)).rowcount == 0:
                return False
            connection.execute(sql.INSERT_MANIFEST, (manifest, row.key))
        return True

    def load(self, key: str) -> JobRow | None:
        """A job, or None."""
        found = self._database.query_one(sql.SELECT_JOB, (key,))
        return job_of(found) if found else None

    def manifest(self, key: str) -> str | None:
        """The text of a job's manifest, or None."""
        found = self._database.query_one(sql.SELECT_MANIFEST, (key,))
        return str(found[0]) if found else None

    def find(self, prefix: str, limit: int = 2) -> list[JobRow]:
        """The first jobs whose key begins with `prefix`, in order of their keys."""
        found = self._database.query(sql.SELECT_JOBS_BETWEEN, (prefix, prefix + _AFTER_ANY_KEY, limit))
        return [job_of(row) for row in found]

    def jobs_of(self, queue_id: str, *, after: str = "", limit: int = 1000) -> list[JobRow]:
        """The jobs of a queue whose keys come after `after`, in order of their keys."""
        return [job_of(row) for row in self._database.query(sql.SELECT_JOBS_OF_QUEUE, (queue_id, after, limit))]

    def counts(self, queue_id: str) -> dict[str, int]:
        """How many jobs of a queue are in each state."""
        return {str(state): int(count) for state, count in self._database.query(sql.COUNT_JOBS, (queue_id,))}

    def change(
        self,
        key: str,
        version: int,
        decide: Callable[[JobRow], Change | None],
        *,
        synced: bool = True,
        known: JobRow | None = None,
    ) -> Change | None:
        """Write what `decide` makes of a job, if its version is still `version`; None, and nothing written, if not.

        Args:
            key: the job.
            version: as it was read.
            decide: given the row as it stands inside the transaction; must have no effect of its own. None leaves it.
            synced: whether the change must survive a loss of power when this returns.
            known: the row of that version, if the caller has it and decides without regard to a request to cancel,
                the one thing in it that others may have changed: it is then not read again.
        """
        with self._database.transaction(synced=synced) as connection:
            if known is None:
                found = connection.execute(sql.SELECT_JOB, (key,)).fetchone()
                if found is None or found[_VERSION] != version:
                    return None
                known = job_of(found)
            change = decide(known)
            if change is None:
                return None
            after = change.row
            values = _values(after)
            changing = (*values[_FIRST_CHANGING:_REQUEST], *values[_REQUEST + 1 :])
            if connection.execute(sql.UPDATE_JOB, (*changing, key, version)).rowcount == 0:
                return None
            if known.cancel_requested and not after.cancel_requested:
                connection.execute(sql.CLEAR_REQUEST, (key,))
            if change.ended is not None:
                connection.execute(sql.INSERT_ATTEMPT, (*change.ended, key))
            if change.lease_ms is not None:
                connection.execute(sql.RENEW_LEASE, (change.lease_ms, key, after.version))
                lease_until_ms = connection.execute(sql.SELECT_LEASE, (key,)).fetchone()[0]
                change = replace(change, row=after._replace(lease_until_ms=lease_until_ms))
        return change

    def replace_manifest(self, key: str, manifest: str) -> None:
        """Keep another text as a job's manifest; a part of the change that makes it so."""
        with self.transaction() as connection:
            connection.execute(sql.UPDATE_MANIFEST, (manifest, key))

    def move_run(self, run_id: str, new_path: Callable[[str, str], str]) -> None:
        """Have a run, if it is there, read its datasets from where they are now; see `moved_datasets`."""
        moved_datasets.move_run(self._database, run_id, new_path)

    def attempts(self, key: str) -> list[AttemptRow]:
        """The attempts of a job that have ended, in order."""
        return [AttemptRow(*row) for row in self._database.query(sql.SELECT_ATTEMPTS, (key,))]

    def request_cancel(self, key: str) -> bool:
        """Ask whoever has a job to stop; synced, without changing its version. False when it has ended."""
        with self.transaction() as connection:
            return bool(connection.execute(sql.REQUEST_CANCEL, (key,)).rowcount)

    def note_process(self, key: str, version: int, pid: int, pid_started: int) -> bool:
        """Record the process group that runs a claimed job; False when the claim is no longer the owner's."""
        with self.transaction(synced=False) as connection:
            return bool(connection.execute(sql.NOTE_PROCESS, (pid, pid_started, key, version)).rowcount)

    def clock_ms(self) -> int:
        """The time by the database's clock, which leases go by: milliseconds since 1970 UTC."""
        return int(self._database.query(sql.SELECT_CLOCK)[0][0])

    def renew_lease(self, key: str, version: int, lease_ms: int) -> bool:
        """Let a claim's lease begin anew, without changing the version; False when the claim is lost."""
        # Not synced: forgotten in a loss of power, it ends sooner, and whoever lost the power has lost the claim.
        with self.transaction(synced=False) as connection:
            return bool(connection.execute(sql.RENEW_LEASE, (lease_ms, key, version)).rowcount)

    def check_fence(self, key: str, version: int) -> None:
        """See, inside a transaction, that a claim is still its owner's.

        Raises:
            ClaimLostError: the job has changed since; nothing may be written for it.
        """
        found = self._database.query_one(sql.SELECT_VERSION, (key,))
        if found is None or found[0] != version:
            raise ClaimLostError(key=key, version=version)

    def probe(self) -> None:
        """Commit something, synced: whether this store can be written."""
        with self.transaction() as connection:
            connection.execute(sql.TOUCH_META, (_PROBED, str(time.time_ns())))


def _values(row: JobRow) -> tuple[Any, ...]:
    owner = row.owner
    who: tuple[Any, ...] = (None,) * 7
    if owner is not None:
        who = (
            owner.worker,
            owner.host,
            owner.boot_id,
            owner.pid,
            owner.pid_started,
            owner.job_pid,
            owner.job_pid_started,
        )
    return (
        row.key,
        row.run_id,
        row.queue_id,
        row.queue_root,
        row.version,
        row.state,
        row.attempt,
        row.priority,
        row.submitted_ns,
        row.ready_ns,
        row.max_attempts,
        row.max_worker_lost,
        row.timeout_s,
        row.memory_limit_mb,
        row.failures,
        row.lost,
        int(row.cancel_requested),
        row.token,
        *who,
        row.cause,
        row.message,
        row.started_ns,
        row.ended_ns,
        row.updated_ns,
        row.lease_until_ms,
    )


def job_of(found: tuple[Any, ...]) -> JobRow:
    """A job from its row as `COLUMNS` selects it."""
    owner = None if found[18] is None else Owner(*found[18:25])
    values = (*found[:16], bool(found[16]), found[17], owner, *found[25:])
    return JobRow(*values)
