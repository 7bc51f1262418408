"""How Python's interpreter is set while a run goes: for values that live on, and for a writer beside the event loop."""

import gc
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

YOUNG_OBJECTS = 100_000
"""New containers after which the youngest are looked through for garbage; Python's own default is 700 or 2,000."""

SWITCH_S = 0.001
"""Seconds after which a thread that computes makes way for one that waits; Python's own default is 0.005.

The event loop pauses for an instant more often than that (`task_pool.BREATH_S`), and each pause restarts the wait of a
waiting thread: this must be the shorter of the two, or the writer gets its turn only when everything waits for it.
"""


class _Settings:
    """What the interpreter is set to while any run of this process goes, and was set to before the first."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._runs = 0
        self._interval_s = 0.0
        self._thresholds = (0, 0, 0)

    def begin_run(self) -> None:
        with self._guard:
            self._runs += 1
            if self._runs == 1:
                self._interval_s, self._thresholds = sys.getswitchinterval(), gc.get_threshold()
                young, *older = self._thresholds
                if young:  # else somebody has switched collections off
                    gc.set_threshold(max(YOUNG_OBJECTS, young), *older)
                if self._interval_s > SWITCH_S:
                    sys.setswitchinterval(SWITCH_S)

    def end_run(self) -> None:
        with self._guard:
            self._runs -= 1
            if not self._runs:
                gc.set_threshold(*self._thresholds)
                if self._interval_s > SWITCH_S:
                    sys.setswitchinterval(self._interval_s)


_settings = _Settings()


@contextmanager
def set_for_runs() -> Iterator[None]:
    """A block in which collections are rarer and threads take turns sooner.

    What was set before is set again when the last of several such blocks, in whatever order they end, is over.
    """
    _settings.begin_run()
    try:
        yield
    finally:
        _settings.end_run()
