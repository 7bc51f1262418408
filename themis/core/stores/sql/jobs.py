"""Rows of queues' jobs in a database."""

import time
import uuid
from abc import ABC
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from operator import itemgetter
from typing import Any

from themis.core.errors import ClaimLostError, StoreCorruptError
from themis.core.stores.job_rows import JOB_COLUMNS, AttemptRow, Change, Fence, JobRow, flat, unflat
from themis.core.stores.job_store import JobStore
from themis.core.stores.moved_datasets import with_moved_datasets
from themis.core.stores.sql import job_statements as sql
from themis.core.stores.sql import run_statements as runs
from themis.core.stores.sql.database import Dialect, SqlDatabase
from themis.core.stores.sql.dependents import SqlDependents
from themis.core.text.canonical import bytes_hash

STORE_ID = "store_id"
_PROBED = "probed_ns"

_changing = itemgetter(*(JOB_COLUMNS.index(name) for name in sql.CHANGING))


def changing(row: JobRow) -> tuple[Any, ...]:
    """Return the values of a job's row that a change writes, in the order of `CHANGING`."""
    found: tuple[Any, ...] = _changing(flat(row))
    return found


class SqlJobStore(SqlDependents, JobStore, ABC):
    """Keeps jobs in the `tables` of a database.

    Args:
        database: the database.
        dialect: its words.

    Raises:
        StoreError: on any use, when the database cannot be used; its subclasses say why.
    """

    _makes_id = True
    """Whether a store that no queue has used gets its id when it is asked for; else that is empty: it has no jobs."""

    def __init__(self, database: SqlDatabase, dialect: Dialect) -> None:
        """Keep jobs in `database`."""
        super().__init__(database, dialect)
        self._select_clock = sql.SELECT_CLOCK.format(clock_ms=dialect.clock_ms)
        self._renew_lease = sql.RENEW_LEASE.format(clock_ms=dialect.clock_ms)
        self._beat = sql.BEAT.format(clock_ms=dialect.clock_ms)
        self._select_fenced = sql.SELECT_FENCED + dialect.fence_lock
        self._select_to_change = sql.SELECT_JOB_FENCED + dialect.change_lock
        self._store_id: str | None = None

    @property
    def store_id(self) -> str:
        """UUID that this store was given once and keeps, wherever its file is."""
        if self._store_id is None:
            row = self._database.query_one(sql.SELECT_META, (STORE_ID,))
            if row is None and not self._makes_id:
                return ""
            if row is None:
                with self.transaction() as connection:
                    connection.execute(sql.INSERT_META, (STORE_ID, str(uuid.uuid4())))
                row = self._database.query_one(sql.SELECT_META, (STORE_ID,))
            if row is None:
                raise StoreCorruptError(path=self._database.label, detail="its id was lost while it was read")
            self._store_id = str(row[0])
        return self._store_id

    def transaction(self, *, synced: bool = True) -> AbstractContextManager[Any]:
        """Open a block whose writes are committed together, or not at all; blocks nest."""
        return self._database.transaction(synced=synced)

    def add(self, row: JobRow, manifest: str) -> bool:
        """Add a new job; False, and nothing changed, when its key exists already."""
        with self.transaction() as connection:
            if connection.execute(sql.INSERT_JOB, flat(row)).rowcount == 0:
                return False
            connection.execute(sql.INSERT_MANIFEST, (manifest, row.key))
        return True

    def load(self, key: str) -> JobRow | None:
        """Return a job; None when it does not exist."""
        found = self._database.query_one(sql.SELECT_JOB, (key,))
        return unflat(found) if found else None

    def manifest(self, key: str) -> str | None:
        """Return the text of a job's manifest; None when it does not exist."""
        found = self._database.query_one(sql.SELECT_MANIFEST, (key,))
        return str(found[0]) if found else None

    def find(self, prefix: str, limit: int = 2) -> list[JobRow]:
        """Return the first jobs whose key begins with `prefix`, in order of their keys."""
        found = self._database.query(sql.SELECT_JOBS_BETWEEN, (prefix, prefix + sql.AFTER_ANY_KEY, limit))
        return [unflat(row) for row in found]

    def jobs_of(self, queue_id: str, *, after: str = "", limit: int = 1000) -> list[JobRow]:
        """Return the jobs of a queue whose keys come after `after`, in order of their keys."""
        return [unflat(row) for row in self._database.query(sql.SELECT_JOBS_OF_QUEUE, (queue_id, after, limit))]

    def counts(self, queue_id: str) -> dict[str, int]:
        """Count the jobs of a queue in each state."""
        return {str(state): int(count) for state, count in self._database.query(sql.COUNT_JOBS, (queue_id,))}

    def change(
        self,
        fence: Fence,
        decide: Callable[[JobRow], Change | None],
        *,
        synced: bool = True,
        known: JobRow | None = None,
    ) -> Change | None:
        """Write the change that `decide` returns for a job; None, and nothing written, if it is not as `fence` says.

        Args:
            fence: the job, as it was read.
            decide: returns the change, given the row as read inside the transaction; must not have side effects.
                None leaves the row.
            synced: whether the change must survive a power loss when this returns.
            known: the row of that fence, if the caller has it and decides without regard to a request to cancel,
                which is all that others may have changed in it: it is then not read again.
        """
        with self.transaction(synced=synced) as connection:
            if known is None:
                found = connection.execute(self._select_to_change, _values(fence)).fetchone()
                if found is None:
                    return None
                known = unflat(found)
            change = decide(known)
            if change is None:
                return None
            written = connection.execute(sql.UPDATE_JOB, (*changing(change.row), *_values(fence))).fetchone()
            if written is None:
                return None
            after = change.row._replace(awaited=written[0])
            change = replace(change, row=after)
            if known.cancel_requested and not after.cancel_requested:
                connection.execute(sql.CLEAR_REQUEST, (fence.key,))
            if change.ended is not None:
                connection.execute(sql.INSERT_ATTEMPT, (*change.ended, fence.key))
            if change.lease_ms is not None:
                connection.execute(self._renew_lease, (change.lease_ms, *_values(after.fence)))
                lease_until_ms = connection.execute(sql.SELECT_LEASE, (fence.key,)).fetchone()[0]
                change = replace(change, row=after._replace(lease_until_ms=lease_until_ms))
        return change

    def replace_manifest(self, key: str, manifest: str) -> None:
        """Replace the text of a job's manifest, as a part of a change."""
        with self.transaction() as connection:
            connection.execute(sql.UPDATE_MANIFEST, (manifest, key))

    def move_run(self, run_id: str, new_path: Callable[[str, str], str]) -> None:
        """Update the locations from which a run, if it exists, reads its datasets."""
        found = self._database.query_one(runs.SELECT_SNAPSHOT, (run_id,))
        blob = None if found is None else self._database.query_one(runs.SELECT_BLOB, (found[0],))
        data = None if blob is None else with_moved_datasets(bytes(blob[0]), new_path)
        if data is not None:
            with self.transaction() as connection:
                connection.execute(runs.INSERT_BLOB, (bytes_hash(data), data))
                connection.execute(runs.UPDATE_SNAPSHOT, (bytes_hash(data), run_id))

    def attempts(self, key: str) -> list[AttemptRow]:
        """Return the ended attempts of a job, in order."""
        return [AttemptRow(*row) for row in self._database.query(sql.SELECT_ATTEMPTS, (key,))]

    def request_cancel(self, key: str) -> bool:
        """Ask a job's owner to stop; synced, without changing the version. False when it has ended."""
        with self.transaction() as connection:
            return bool(connection.execute(sql.REQUEST_CANCEL, (key,)).rowcount)

    def note_process(self, fence: Fence, pid: int, pid_started: int) -> bool:
        """Record the process group that runs a claimed job; False when the claim is lost."""
        with self._database.transaction(synced=False) as connection:
            return bool(connection.execute(sql.NOTE_PROCESS, (pid, pid_started, *_values(fence))).rowcount)

    def clock_ms(self) -> int:
        """Return the time by the database's clock, which leases use: milliseconds since 1970 UTC."""
        return int(self._database.query(self._select_clock)[0][0])

    def beat(self, fences: Sequence[Fence], lease_ms: int) -> dict[str, bool]:
        """Renew the leases of claims; return whether they are to be cancelled, by key, without those that are lost."""
        # Not synced: if lost with the power, it ends sooner, and a worker that lost its power has lost the claim.
        with self._database.transaction(synced=False) as connection:
            found = [connection.execute(self._beat, (lease_ms, *_values(fence))).fetchone() for fence in fences]
        return {key: bool(requested) for key, requested in filter(None, found)}

    def check_fence(self, fence: Fence) -> None:
        """Check, inside a transaction, that a claim is still valid.

        Raises:
            ClaimLostError: the job has changed since; nothing may be written for it.
        """
        if self._database.query_one(self._select_fenced, _values(fence)) is None:
            raise ClaimLostError(key=fence.key, version=fence.version)

    def probe(self) -> None:
        """Commit something, synced, to check that this store can be written."""
        with self.transaction() as connection:
            connection.execute(sql.TOUCH_META, (_PROBED, str(time.time_ns())))


def _values(fence: Fence) -> tuple[str, int, str]:
    """Return the values for the conditions of a statement on a job as `fence` says."""
    return fence.key, fence.version, fence.token or ""
