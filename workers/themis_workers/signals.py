"""What a worker is told by signals: noted, never acted upon here."""

import os
import signal
from types import FrameType
from typing import Self


class Signals:
    """Counts requests to end and to read the settings again; a context manager, in the main thread.

    Attributes:
        ends: how often SIGTERM or SIGINT came.
        reload: whether SIGHUP came; whoever acts on it sets it back.
        has_terminal: whether the process has a terminal of its own.
        terminal_lost: whether one came because the terminal is gone that the process was started on; set back, too.
    """

    def __init__(self) -> None:
        """None came yet."""
        self.ends = 0
        self.reload = self.terminal_lost = False
        self.has_terminal = _has_terminal()
        self._before: dict[signal.Signals, object] = {}

    def __enter__(self) -> Self:
        """From now on they are noted."""
        for number in (signal.SIGTERM, signal.SIGINT):
            self._before[number] = signal.signal(number, self._end)
        self._before[signal.SIGHUP] = signal.signal(signal.SIGHUP, self._hang_up)
        return self

    def __exit__(self, *_: object) -> None:
        """What was set before is set again."""
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # what `signal` gave, it takes

    def _end(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self.ends += 1

    def _hang_up(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        if self.has_terminal and not _has_terminal():
            self.has_terminal = False
            self.terminal_lost = True
        else:
            self.reload = True


def _has_terminal() -> bool:
    """Whether this process has a terminal of its own; after a hang-up it has none any more."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK))
    except OSError:
        return False
    return True
