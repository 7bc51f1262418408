"""Connections of threads: closed with what holds them, whatever else is collected with it."""

import gc
import threading
from typing import Any

from themis.core.stores.sql.thread_connections import ThreadConnections


class Connection:
    """A connection that keeps whether it was closed before it was finalized."""

    def __init__(self, seen: list[bool]) -> None:
        self._seen = seen
        self.is_closed = False

    def close(self) -> None:
        self.is_closed = True

    def __del__(self) -> None:
        self._seen.append(self.is_closed)


class Holder:
    """What uses connections, as a store does."""

    connections: ThreadConnections[Connection]
    itself: Any = None


def used_by_two_threads(seen: list[bool]) -> Holder:
    holder = Holder()
    holder.connections = ThreadConnections(ValueError)
    holder.connections.get(lambda: Connection(seen))
    thread = threading.Thread(target=lambda: holder.connections.get(lambda: Connection(seen)))
    thread.start()
    thread.join()
    return holder


def test_connections_are_closed_with_what_holds_them() -> None:
    seen: list[bool] = []
    holder = used_by_two_threads(seen)
    del holder
    gc.collect()
    assert seen == [True, True]


def test_connections_of_a_cycle_are_closed_before_they_are_finalized() -> None:
    seen: list[bool] = []
    holder = used_by_two_threads(seen)
    holder.itself = holder
    del holder
    gc.collect()
    assert seen == [True, True]
