"""Progress of a run on standard error: a bar on a terminal, or a line every few seconds."""

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from themis.cli.terminal import streams
from themis.cli.terminal.output import how_long, message, note
from themis.core.monitor.recent_rate import RecentRate

BAR_EVERY_S = 0.2
LINE_EVERY_S = 5.0


class Progress(Protocol):
    """The progress of something: `done` of `total`.

    The progress of a run also has `failed`, `resumed` for cases that were done before, `waits_for`, and `stalled`,
    which returns the call that has stalled for longest.
    """

    total: int
    done: int


class _View(Protocol):
    """A display of progress."""

    every_s: float

    def say(self, text: str) -> None:
        """Print a message."""

    def show(self, progress: Progress, rate: float) -> None:
        """Show the present progress."""

    def close(self) -> None:
        """Restore the terminal."""


class _Lines:
    """A line every few seconds, for logs and pipes."""

    every_s = LINE_EVERY_S

    def __init__(self, unit: str) -> None:
        self._unit = unit
        self._said = ""

    def say(self, text: str) -> None:
        note(text)

    def show(self, progress: Progress, rate: float) -> None:
        left = progress.total - progress.done
        text = describe(progress, rate, self._unit)
        if left and not (text == self._said and _waits_for(progress)):  # a wait lasts for hours, and is said once
            note(text)
        self._said = text

    def close(self) -> None:
        pass


class _Bar:
    """A bar on a terminal."""

    every_s = BAR_EVERY_S

    def __init__(self) -> None:
        from rich import progress
        from rich.console import Console

        self._progress = progress.Progress(
            progress.BarColumn(),
            progress.MofNCompleteColumn(),
            progress.TextColumn("{task.description}"),
            console=Console(file=streams.messages()),
            auto_refresh=False,
        )
        self._task: Any = None

    def say(self, text: str) -> None:
        # Above the bar, which is drawn again below it.
        self._progress.console.print(message(text), markup=False, highlight=False, soft_wrap=True)

    def show(self, progress: Progress, rate: float) -> None:
        if self._task is None:
            self._progress.start()
            self._task = self._progress.add_task("", total=progress.total)
        self._progress.update(
            self._task, total=progress.total, completed=progress.done, description=_rest(progress, rate), refresh=True
        )

    def close(self) -> None:
        if self._task is not None:
            self._progress.stop()


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


def describe(progress: Progress, rate: float, unit: str = "cases") -> str:
    """Describe progress in words."""
    if (waits_for := _waits_for(progress)) is not None:
        return waits_for
    return f"{progress.done:,} of {progress.total:,} {unit}, {_rest(progress, rate)}"


@contextlib.contextmanager
def shown(progress: Progress, *, quiet: bool, unit: str = "cases") -> Iterator[None]:
    """Show `progress`, counted in `unit`, during the block, which keeps it up to date."""
    if quiet:
        yield
        return
    stop = threading.Event()
    thread = threading.Thread(target=_follow, args=(progress, stop, unit), name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _follow(progress: Progress, stop: threading.Event, unit: str) -> None:
    rate = RecentRate()
    rate.per_second(time.monotonic(), 0)
    view: _View | None = None
    stalls = _Stalls()
    is_bar = streams.has_terminal() and os.environ.get("TERM") != "dumb"
    every_s = BAR_EVERY_S if is_bar else LINE_EVERY_S
    while not stop.wait(every_s):
        if progress.total:
            view = view or (_Bar() if is_bar else _Lines(unit))
            stalls.look(progress, view.say)
            view.show(progress, rate.per_second(time.monotonic(), progress.done - _resumed(progress)))
    if view is not None:
        view.show(progress, rate.per_second(time.monotonic(), progress.done - _resumed(progress)))
        view.close()


def _rest(progress: Progress, rate: float) -> str:
    if (waits_for := _waits_for(progress)) is not None:
        return waits_for
    parts = [f"{rate:,.0f}/s" if rate >= 10 else f"{rate:.1f}/s"]  # noqa: PLR2004  # one more digit for low rates
    failed, resumed = getattr(progress, "failed", None), _resumed(progress)
    if failed is not None:
        parts.insert(0, f"{failed:,} failed")
    left = progress.total - progress.done
    if left and rate:
        parts.append(f"{how_long(max(left / rate, 1.0))} left")
    if resumed:
        parts.append(f"{resumed:,} were done before")
    return ", ".join(parts)


def _waits_for(progress: Progress) -> str | None:
    """What the whole of it waits for; None while it works."""
    return getattr(progress, "waits_for", None)


def _resumed(progress: Progress) -> int:
    """Number of cases that were done before, which do not count for the rate."""
    return getattr(progress, "resumed", 0)
