"""Connections to a database, one for each thread, that a forked process does not share with its parent."""

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Generic, Protocol, TypeVar


class Closable(Protocol):
    """Connection of a database's own library."""

    def close(self) -> None:
        """Close it."""


Connection = TypeVar("Connection", bound=Closable)

# An inherited connection after a fork belongs to the parent: it may be neither used nor closed here.
_inherited: list[Closable] = []


class _Local(threading.local, Generic[Connection]):
    """Connection of one thread, the process that opened it, and the depth of the transaction that it is in."""

    connection: Connection | None = None
    pid = 0
    depth = 0
    synced = True


class ThreadConnections(Generic[Connection]):
    """Opens a connection for each thread that asks, and closes those of threads that have ended.

    Args:
        error: errors of the library that are ignored when a connection is closed.
    """

    def __init__(self, error: type[Exception]) -> None:
        """Make an empty collection."""
        self.local: _Local[Connection] = _Local()
        self._error = error
        self._opened: list[tuple[threading.Thread, Connection]] = []
        self._guard = threading.Lock()
        self._opened_by: int | None = None

    def get(self, make: Callable[[], Connection]) -> Connection:
        """Return the connection of this thread in this process, which `make` opens when there is none."""
        local = self.local
        if local.connection is not None:
            if local.pid == os.getpid():
                return local.connection
            self._forget_inherited()
            local = self.local
        connection = make()
        local.connection, local.pid = connection, os.getpid()
        self._opened_by = local.pid
        with self._guard:
            ended = [pair for pair in self._opened if not pair[0].is_alive()]
            self._opened = [pair for pair in self._opened if pair[0].is_alive()]
            self._opened.append((threading.current_thread(), connection))
        for _, unused in ended:
            unused.close()
        return connection

    def drop(self, connection: Connection) -> None:
        """Close the connection of this thread, which is broken; its next use opens another."""
        self.local.connection = None
        with self._guard:
            self._opened = [pair for pair in self._opened if pair[1] is not connection]
        with suppress(self._error):
            connection.close()

    def close(self) -> None:
        """Close the connections of all threads; a later use opens new ones."""
        with self._guard:
            opened, self._opened = self._opened, []
            self.local = _Local()
        for _, connection in opened:
            with suppress(self._error):
                connection.close()

    @property
    def are_own(self) -> bool:
        """Whether this process opened any: a copy of this in a forked child must close nothing."""
        return self._opened_by == os.getpid()

    def _forget_inherited(self) -> None:
        _inherited.extend(connection for _, connection in self._opened)
        self._opened = []
        self._guard = threading.Lock()
        self.local = _Local()
