"""Sleep of the main loop, which messages, signals, timeouts and other threads can end."""

import contextlib
import selectors
import signal
import socket
from collections.abc import Callable
from typing import Protocol, Self


class Listened(Protocol):
    """An object with a file descriptor."""

    def fileno(self) -> int:
        """Return the file descriptor."""


class Wake:
    """A sleep that signals and registered channels can end; a context manager.

    Enter it in the main thread: signals only wake that one.
    """

    def __init__(self) -> None:
        """Start with no channels registered."""
        self._selector = selectors.DefaultSelector()
        self._hears, self._calls = socket.socketpair()
        self._signals_before: int | None = None
        for end in (self._hears, self._calls):
            end.setblocking(False)  # noqa: FBT003  # positional only
        self._selector.register(self._hears, selectors.EVENT_READ, None)

    def __enter__(self) -> Self:
        """Let every handled signal end the sleep from now on."""
        self._signals_before = signal.set_wakeup_fd(self._calls.fileno(), warn_on_full_buffer=False)
        return self

    def __exit__(self, *_: object) -> None:
        """Stop waking for signals, and close everything."""
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
        """Stop listening to `channel`."""
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(channel)

    def sleep(self, seconds: float) -> None:
        """Return after `seconds`, or as soon as something wakes; by then the callbacks of `listen` have run."""
        for key, _ in self._selector.select(max(seconds, 0.0)):
            if key.data is not None:
                key.data()
        with contextlib.suppress(BlockingIOError):
            self._hears.recv(4_096)
