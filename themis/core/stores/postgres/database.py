"""Postgres database with one connection for each thread.

Every commit is synced by the server unless its transaction says that it need not be. Transactions read what is
committed when each statement begins; a row that is read in order to be changed is locked.
"""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import psycopg

from themis.core.errors import StoreAwayError, StoreBusyError, StoreGoneError, StoreMissingError
from themis.core.stores.backend import BUSY_TIMEOUT_S
from themis.core.stores.postgres import errors as postgres_errors
from themis.core.stores.postgres.address import connection_parameters, label_of
from themis.core.stores.postgres.session import Identity, Session
from themis.core.stores.sql.database import Dialect
from themis.core.stores.sql.thread_connections import ThreadConnections
from themis.core.text.lines import is_storable

DIALECT = Dialect(
    numbers_text="string_agg(CAST({} AS TEXT), ',')",
    clock_ms="CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint)",
    fence_lock=" FOR SHARE",
    change_lock=" FOR NO KEY UPDATE",
)

_FIRST_DELAY_S = 0.05
_LONGEST_DELAY_S = 1.0

Value = TypeVar("Value")


class PostgresDatabase:
    """Database of a Postgres server.

    A connection that is lost is replaced, which is tried for `busy_timeout_s` seconds; the first one is not waited for,
    as an address may be wrong.

    Args:
        url: its address.
        busy_timeout_s: seconds for which a server that was there before is waited for.
        read_only: whether every statement that writes fails, and missing tables are a missing store.

    Raises:
        ConfigError: the address is invalid.
        StoreError: on any use, when the database cannot be used; its subclasses say why.
    """

    def __init__(self, url: str, *, busy_timeout_s: float = BUSY_TIMEOUT_S, read_only: bool = False) -> None:
        """Make a database on `url`; nothing is opened yet."""
        self._parameters = connection_parameters(url, psycopg.pq.version())
        if read_only:
            self._parameters["options"] += " -c default_transaction_read_only=on"
        self.label = label_of(self._parameters)
        self._busy_timeout_s = busy_timeout_s
        self._read_only = read_only
        self._connections = ThreadConnections[Session](psycopg.Error)
        self._identity: Identity | None = None
        self._is_gone = False

    @contextmanager
    def transaction(self, *, synced: bool = True) -> Iterator[Session]:
        """Open a block whose writes are committed together, or not at all; within another block it is a part of that.

        Args:
            synced: whether the commit is on the server's disk when the block ends; one that is not may be undone when
                the server crashes.

        Raises:
            StoreAwayError: the server was lost; after a commit had begun it may be done or not.
            StoreBusyError: another transaction kept a row locked.
            StoreError: the database cannot be written; its subclasses say why.
        """
        with self._connections.block(synced=synced, label=self.label) as is_outermost:
            if not is_outermost:
                yield self._session()
                return
            with self._translated(self._begun(synced=synced)) as session:
                yield session
                session.run("COMMIT")

    @contextmanager
    def statement(self) -> Iterator[Session]:
        """Open a block of one statement that writes: a transaction by itself, or a part of the one that is open.

        Raises:
            StoreError: as `transaction`; the server may be lost before or after it has done what it was asked.
        """
        session = self._session()
        if self.is_in_transaction:
            yield session
            return
        if session.was_closed:  # while it was idle, as by a restart of the server: nothing was asked of it yet
            self._connections.drop(session)
            session = self._session()
        with self._translated(session):
            yield session

    @property
    def is_in_transaction(self) -> bool:
        """Whether this thread is in a transaction."""
        return self._connections.local.depth > 0

    def query(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return all rows of a SELECT; none that is asked for by a text that no row can have."""
        if _cannot_be_kept(params):
            return []
        return self._answered(lambda session: session.execute(sql, params).fetchall())

    def query_one(self, sql: str, params: Sequence[Any] = ()) -> tuple[Any, ...] | None:
        """Return the first row of a SELECT; None without rows."""
        if _cannot_be_kept(params):
            return None
        return self._answered(lambda session: session.execute(sql, params).fetchone())

    def again(self, write: Callable[[], None]) -> None:
        """Repeat a write that changes nothing when it is done already, until the server has said that it is.

        Raises:
            StoreError: as `transaction`, after `busy_timeout_s` seconds.
        """
        patience = _Patience(self._busy_timeout_s)
        while True:
            try:
                return write()
            except (StoreAwayError, StoreBusyError):
                if self.is_in_transaction or not patience.wait():
                    raise

    @property
    def identity(self) -> Identity:
        """Identity of the place that was opened."""
        if self._identity is None:
            self.query("SELECT 1")
        if self._identity is None:
            raise StoreAwayError(path=self.label, detail="no connection was made")
        return self._identity

    @property
    def is_in_place(self) -> bool:
        """Whether the tables that were opened are still those at the address, as far as it was noticed."""
        return not self._is_gone

    def connect(self) -> Session:
        """Make a connection of its own, which nothing else uses."""
        return self._open()

    def close(self) -> None:
        """Close the connections of all threads; a later use opens new ones."""
        self._identity, self._is_gone = None, False
        self._connections.close()

    def _answered(self, ask: Callable[[Session], Value]) -> Value:
        if self.is_in_transaction:
            return ask(self._session())  # translated by the block
        patience = _Patience(self._busy_timeout_s)
        while True:
            session = self._session(patience)
            try:
                with self._translated(session):
                    return ask(session)
            except StoreAwayError:
                if not patience.wait():
                    raise

    def _begun(self, *, synced: bool) -> Session:
        begin = "BEGIN" if synced else "BEGIN; SET LOCAL synchronous_commit TO off"
        patience = _Patience(self._busy_timeout_s)
        while True:
            session = self._session(patience)
            try:
                session.run(begin)
            except psycopg.Error as error:
                self._connections.drop(session)
                if not patience.wait():
                    postgres_errors.raise_translated(error, self.label, is_lost=True)
            else:
                return session

    @contextmanager
    def _translated(self, session: Session) -> Iterator[Session]:
        """Translate errors of a session; undo what was not committed, and drop a session that is lost."""
        try:
            yield session
        except psycopg.Error as error:
            if postgres_errors.is_undefined_table(error):
                self._is_gone = True
                raise (StoreMissingError if self._read_only else StoreGoneError)(path=self.label) from error
            postgres_errors.raise_translated(error, self.label, is_lost=session.is_lost)
        finally:
            self._settle(session)

    def _settle(self, session: Session) -> None:
        if session.is_idle:
            return
        try:
            session.run("ROLLBACK")
        except psycopg.Error:
            self._connections.drop(session)

    def _session(self, patience: "_Patience | None" = None) -> Session:
        """Return the session of this thread; a server that was there before is waited for."""
        patience = patience or _Patience(self._busy_timeout_s)
        while True:
            try:
                return self._connections.get(self._open)
            except StoreAwayError as error:
                is_passing = self._identity is not None or postgres_errors.is_passing(str(error))
                if self.is_in_transaction or not is_passing or not patience.wait():
                    raise

    def _open(self) -> Session:
        try:
            session = Session(self._parameters)
        except psycopg.Error as error:
            raise postgres_errors.of_connecting(error, self.label) from error
        if self._identity is None:
            self._identity = session.identity
        elif session.identity != self._identity:
            session.close()
            self._is_gone = True
            raise StoreGoneError(path=self.label)
        return session


class _Patience:
    """Pauses between tries, which grow, for a limited time."""

    def __init__(self, seconds: float) -> None:
        self._until = time.monotonic() + seconds
        self._delay_s = _FIRST_DELAY_S

    def wait(self) -> bool:
        """Pause; False, at once, when the time is over."""
        if time.monotonic() + self._delay_s > self._until:
            return False
        time.sleep(self._delay_s * random.uniform(0.5, 1.0))  # noqa: S311  # jitter
        self._delay_s = min(self._delay_s * 2, _LONGEST_DELAY_S)
        return True


def _cannot_be_kept(params: Sequence[Any]) -> bool:
    return not all(is_storable(value) for value in params if isinstance(value, str))
