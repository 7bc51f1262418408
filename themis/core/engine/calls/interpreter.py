"""Settings of Python's interpreter during a run: rarer garbage collections, and shorter turns for threads."""

import gc
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

YOUNG_OBJECTS = 100_000
"""New containers after which the youngest generation is collected; Python's own default is 700 or 2,000."""

SWITCH_S = 0.001
"""Seconds after which a running thread yields to one that waits; Python's own default is 0.005.

The event loop pauses briefly every `task_pool.BREATH_S`, and each pause restarts the wait of a waiting thread: this
must be the shorter of the two, or the writer gets its turn only when everything waits for it.
"""


class _Settings:
    """The interpreter's settings while any run of this process is in progress, and those from before the first."""

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
                if young:  # otherwise collections are switched off
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
    """Make collections rarer and thread switches more frequent during the block.

    The previous settings are restored when the last of several such blocks ends, in whatever order they end.
    """
    _settings.begin_run()
    try:
        yield
    finally:
        _settings.end_run()
