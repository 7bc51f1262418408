"""A thread that shows the progress of something while it goes."""

import contextvars
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from themis.core.monitor.recent_rate import RecentRate
from themis.core.run_progress.words import Progress, resumed


class View(Protocol):
    """A display of progress."""

    def say(self, text: str) -> None:
        """Show a message."""

    def show(self, progress: Progress, rate: float) -> None:
        """Show the present progress."""

    def close(self) -> None:
        """Leave the display as it is to stay."""


@contextmanager
def followed(progress: Progress, make_view: Callable[[], View], *, every_s: float) -> Iterator[None]:
    """Show `progress` every few seconds during the block, which keeps it up to date.

    The view is made when it is known how much there is to do; it is not, if the block ends before.
    """
    stop = threading.Event()
    context = contextvars.copy_context()  # a notebook finds the cell in it
    arguments = (_follow, progress, stop, make_view, every_s)
    thread = threading.Thread(target=context.run, args=arguments, name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _follow(progress: Progress, stop: threading.Event, make_view: Callable[[], View], every_s: float) -> None:
    rate = RecentRate()
    rate.per_second(time.monotonic(), 0)
    view: View | None = None
    stalls = _Stalls()
    while not stop.wait(every_s):
        if progress.total:
            view = view or make_view()
            stalls.look(progress, view.say)
            view.show(progress, rate.per_second(time.monotonic(), progress.done - resumed(progress)))
    if view is not None:
        view.show(progress, rate.per_second(time.monotonic(), progress.done - resumed(progress)))
        view.close()


class _Stalls:
    """The calls of a run that have stalled, each of which is named once."""

    def __init__(self) -> None:
        self._told: set[tuple[str, ...]] = set()

    def look(self, progress: Progress, say: Callable[[str], None]) -> None:
        """Name the call that has stalled for longest, unless it was named before."""
        stalled = getattr(progress, "stalled", None)
        call = stalled() if stalled is not None else None
        if call is not None and (name := (call.dataset_id, call.case_id, call.stage, call.component)) not in self._told:
            self._told.add(name)
            say(f"a call has stalled: {call.text}")
