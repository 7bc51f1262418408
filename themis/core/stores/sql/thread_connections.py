"""Connections to a database, one for each thread, that a forked process does not share with its parent."""

import os
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Generic, Protocol, TypeVar

from themis.core.errors import StoreError


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


class _Opened(list[tuple[threading.Thread, Connection]]):
    """Open connections with the threads that they are for, and the process that opened them."""

    pid: int | None = None

    def close(self, error: type[Exception]) -> None:
        """Close them; those of the parent are kept open in a forked child."""
        connections = [connection for _, connection in self]
        self.clear()
        if self.pid != os.getpid():
            _inherited.extend(connections)
            return
        for connection in connections:
            with suppress(error):
                connection.close()


class ThreadConnections(Generic[Connection]):
    """Opens a connection for each thread that asks, and closes those of threads that have ended.

    All are closed when it is no longer used, also as a part of a cycle of objects: what closes them is not in the
    cycle, so no connection is finalized before it is closed.

    Args:
        error: errors of the library that are ignored when a connection is closed.
    """

    def __init__(self, error: type[Exception]) -> None:
        """Make an empty collection."""
        self.local: _Local[Connection] = _Local()
        self._error = error
        self._opened: _Opened[Connection] = _Opened()
        self._guard = threading.Lock()
        weakref.finalize(self, self._opened.close, error).atexit = False  # threads may still use them then

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
        with self._guard:
            ended = [pair for pair in self._opened if not pair[0].is_alive()]
            self._opened[:] = [pair for pair in self._opened if pair[0].is_alive()]
            self._opened.append((threading.current_thread(), connection))
            self._opened.pid = local.pid
        for _, unused in ended:
            unused.close()
        return connection

    @contextmanager
    def block(self, *, synced: bool, label: str) -> Iterator[bool]:
        """Open a block of a transaction of this thread; yields whether it is the outermost, which commits.

        Raises:
            StoreError: it must be `synced`, and the outermost is not.
        """
        local = self.local
        if local.depth and synced and not local.synced:
            raise StoreError(path=label, detail="a synced transaction cannot be a part of one that is not")
        if not local.depth:
            local.synced = synced
        local.depth += 1
        try:
            yield local.depth == 1
        finally:
            local.depth -= 1

    def drop(self, connection: Connection) -> None:
        """Close the connection of this thread, which is broken; its next use opens another."""
        self.local.connection = None
        with self._guard:
            self._opened[:] = [pair for pair in self._opened if pair[1] is not connection]
        with suppress(self._error):
            connection.close()

    def close(self) -> None:
        """Close the connections of all threads; a later use opens new ones."""
        with self._guard:
            self.local = _Local()
            self._opened.close(self._error)

    def _forget_inherited(self) -> None:
        self._opened.close(self._error)
        self._guard = threading.Lock()
        self.local = _Local()
