"""Signals to a worker: recorded here, handled in its main loop."""

import os
import signal
from types import FrameType
from typing import Self


class Signals:
    """Records requests to end and to reload the settings; a context manager, for the main thread.

    Attributes:
        ends: number of SIGTERM and SIGINT signals received.
        last_end: the last of them, as people know it: `Ctrl-C` or `SIGTERM`.
        reload: whether SIGHUP was received; the handler of the request resets it.
        has_terminal: whether the process has a controlling terminal.
        terminal_lost: whether SIGHUP was received because that terminal was closed; reset in the same way.
    """

    def __init__(self) -> None:
        """Start with no signal received."""
        self.ends = 0
        self.last_end = ""
        self.reload = self.terminal_lost = False
        self.has_terminal = _has_terminal()
        self._before: dict[signal.Signals, object] = {}

    def __enter__(self) -> Self:
        """Install the signal handlers."""
        for number in (signal.SIGTERM, signal.SIGINT):
            self._before[number] = signal.signal(number, self._end)
        self._before[signal.SIGHUP] = signal.signal(signal.SIGHUP, self._hang_up)
        return self

    def __exit__(self, *_: object) -> None:
        """Restore the previous signal handlers."""
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # `signal` accepts what it returned

    def _end(self, number: int, frame: FrameType | None) -> None:
        del frame
        self.last_end = "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name
        self.ends += 1

    def _hang_up(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        if self.has_terminal and not _has_terminal():
            self.has_terminal = False
            self.terminal_lost = True
        else:
            self.reload = True


def _has_terminal() -> bool:
    """Whether this process has a controlling terminal; not after a hang-up."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK))
    except OSError:
        return False
    return True
