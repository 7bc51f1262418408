"""Lock of a run: an advisory lock of the server, which ends with the session that holds it.

As with the files of `themis.core.stores.run_locks`, workers share it among themselves, and a process that runs an
experiment without a queue has it alone. A session is lost with its process, its host or the server; a process whose
session is lost takes the lock again before its next commit, and stops if another has the run by then.
"""

import hashlib
import os
import socket
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any

import psycopg

from themis.core.errors import StoreError
from themis.core.stores.postgres import errors as postgres_errors
from themis.core.stores.postgres.database import PostgresDatabase
from themis.core.stores.postgres.session import Session
from themis.core.stores.run_locks import PATIENCE_S, RunHolder, busy_error

_PAUSE_S = 0.05
_TAKE = "SELECT pg_try_advisory_lock{shared}(?)"
_FREE = "SELECT pg_advisory_unlock_all()"
_NOTE = """
INSERT INTO run_holders (run_id, pid, host, since_ms, job) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (run_id) DO UPDATE SET pid = excluded.pid, host = excluded.host, since_ms = excluded.since_ms,
    job = excluded.job
"""
_FORGET = "DELETE FROM run_holders WHERE run_id = ? AND pid = ? AND host = ?"
_LOOK = """
SELECT pid, host, since_ms, job, EXISTS (
    SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1
        AND CAST(database AS bigint) = ? AND CAST(classid AS bigint) = ? AND CAST(objid AS bigint) = ?
) FROM (SELECT 1) one LEFT JOIN run_holders ON run_id = ?
"""
_HALF = 2**32


class RunLocks:
    """Locks of the runs that this process has now.

    Args:
        database: the database of the store.
    """

    def __init__(self, database: PostgresDatabase) -> None:
        """Hold nothing yet."""
        self._database = database
        self._held: dict[str, _Held] = {}

    @contextmanager
    def hold(self, run_id: str, *, job: str | None) -> Iterator[None]:
        """Hold the lock of a run for the length of a block; a `job` shares it with other workers.

        Raises:
            RunBusyError: another process has the run.
        """
        held = _Held(self, run_id, job)
        held.take()
        self._held[run_id] = held
        try:
            yield
        finally:
            del self._held[run_id]
            held.release()

    def check(self, run_id: str) -> None:
        """Take the lock of a run again, if this process had it and the session is lost.

        Raises:
            RunBusyError: another process has the run by now.
        """
        if (held := self._held.get(run_id)) is not None and held.is_lost:
            held.take()

    def look(self, run_id: str) -> RunHolder:
        """Return the holder of a run's lock, or its last holder if that was killed."""
        high, low = divmod(self.number(run_id) % 2**64, _HALF)
        values = (self._database.identity.database, high, low, run_id)
        pid, host, since_ms, job, is_held = self._database.query(_LOOK, values)[0]
        return RunHolder(is_held, pid=pid, host=host, since_ms=since_ms, job=job)

    def number(self, run_id: str) -> int:
        """Return the number of a run's lock, which is the database's: it differs by the schema, too."""
        text = f"themis run {self._database.identity.schema} {run_id}"
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big", signed=True)

    def note(self, run_id: str, job: str | None) -> None:
        """Write down that this process has a run, for people."""
        row = (run_id, *_me(), time.time_ns() // 1_000_000, job)

        def write() -> None:
            with self._database.transaction(synced=False) as session:
                session.execute(_NOTE, row)

        self._database.again(write)

    def forget(self, run_id: str) -> None:
        """Remove what this process has written down."""
        with self._database.transaction(synced=False) as session:
            session.execute(_FORGET, (run_id, *_me()))

    @property
    def label(self) -> str:
        """Location of the database."""
        return self._database.label

    def session(self) -> Session:
        """Make a session for a lock."""
        return self._database.connect()


class _Held:
    """Lock of one run, in a session of its own."""

    def __init__(self, locks: RunLocks, run_id: str, job: str | None) -> None:
        self._locks = locks
        self._run_id = run_id
        self._job = job
        self._session: Session | None = None

    @property
    def is_lost(self) -> bool:
        """Whether the session has ended, as far as this machine knows."""
        return self._session is None or self._session.was_closed

    def take(self) -> None:
        """Take the lock, in a new session."""
        if self._session is not None:
            self._session.close()
        number = self._locks.number(self._run_id)
        session = self._locks.session()
        try:
            is_taken = _taken(session, number, shared=self._job is not None)
        except psycopg.Error as error:
            session.close()
            postgres_errors.raise_translated(error, self._locks.label, is_lost=True)
        if not is_taken:
            session.close()
            raise busy_error(self._run_id, self._locks.look(self._run_id))
        try:
            self._locks.note(self._run_id, self._job)
        except BaseException:
            _free(session)  # else this process would keep out all others, and itself
            raise
        self._session = session

    def release(self) -> None:
        """Release the lock, and end its session."""
        if self._session is None:
            return
        with suppress(StoreError, psycopg.Error):
            self._locks.forget(self._run_id)
        _free(self._session)


def _taken(session: Session, number: int, *, shared: bool) -> bool:
    patient_until = time.monotonic() + PATIENCE_S
    statement = _TAKE.format(shared="_shared" if shared else "")
    while True:
        row: Any = session.execute(statement, (number,)).fetchone()
        if row[0] or time.monotonic() >= patient_until:
            return bool(row[0])
        time.sleep(_PAUSE_S)


def _free(session: Session) -> None:
    """Free the lock now; the end of the session frees it too, but only once the server has noticed."""
    with closing(session), suppress(StoreError, psycopg.Error):
        session.execute(_FREE)


def _me() -> tuple[int, str]:
    return os.getpid(), socket.gethostname()
