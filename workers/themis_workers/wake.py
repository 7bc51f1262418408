"""One place to wait in: for messages, for time, and for whoever wants to wake the loop."""

import contextlib
import selectors
import signal
import socket
from collections.abc import Callable
from typing import Protocol, Self


class Listened(Protocol):
    """Something that has a descriptor."""

    def fileno(self) -> int:
        """The number of it."""


class Wake:
    """A sleep that signals, and whatever it listens to, can break; a context manager.

    It must be entered in the main thread: signals wake that.
    """

    def __init__(self) -> None:
        """Nothing is registered yet."""
        self._selector = selectors.DefaultSelector()
        self._hears, self._calls = socket.socketpair()
        self._signals_before: int | None = None
        for end in (self._hears, self._calls):
            end.setblocking(False)  # noqa: FBT003  # a socket's own way
        self._selector.register(self._hears, selectors.EVENT_READ, None)

    def __enter__(self) -> Self:
        """From now on each signal that has a handler wakes."""
        self._signals_before = signal.set_wakeup_fd(self._calls.fileno(), warn_on_full_buffer=False)
        return self

    def __exit__(self, *_: object) -> None:
        """Signals wake nobody any more."""
        if self._signals_before is not None:
            signal.set_wakeup_fd(self._signals_before)
        self._selector.close()
        self._hears.close()
        self._calls.close()

    def call(self) -> None:
        """End the sleep, or the next one; from any thread."""
        with contextlib.suppress(BlockingIOError, OSError):
            self._calls.send(b"!")

    def listen(self, channel: Listened, hear: Callable[[], None]) -> None:
        """Call `hear`, in the thread that sleeps, whenever `channel` has something to read."""
        self._selector.register(channel, selectors.EVENT_READ, hear)

    def forget(self, channel: Listened) -> None:
        """Listen to `channel` no more."""
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(channel)

    def sleep(self, seconds: float) -> None:
        """Return after so many seconds, or as soon as something wakes; what was heard is handled by then."""
        for key, _ in self._selector.select(max(seconds, 0.0)):
            if key.data is not None:
                key.data()
        with contextlib.suppress(BlockingIOError):
            self._hears.recv(4_096)
