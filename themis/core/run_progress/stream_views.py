"""Progress on a stream: a bar on a terminal, or a line every few seconds."""

from collections.abc import Callable
from typing import Any, TextIO

from themis.core.run_progress.words import Progress, describe, rest, waits_for
from themis.core.text.messages import message

BAR_EVERY_S = 0.2
LINE_EVERY_S = 5.0


class Lines:
    """A line every few seconds, for logs and pipes."""

    def __init__(self, note: Callable[[str], None], unit: str = "cases") -> None:
        """Write each line by `note`."""
        self._note = note
        self._unit = unit
        self._said = ""

    def say(self, text: str) -> None:
        """Write a line."""
        self._note(text)

    def show(self, progress: Progress, rate: float) -> None:
        """Write how far it is, unless it is at its end."""
        left = progress.total - progress.done
        text = describe(progress, rate, self._unit)
        if left and not (text == self._said and waits_for(progress)):  # a wait lasts for hours, and is said once
            self._note(text)
        self._said = text

    def close(self) -> None:
        """Do nothing: the lines stay."""


class Bar:
    """A bar on a terminal."""

    def __init__(self, stream: TextIO | None) -> None:
        """Draw on `stream`."""
        from rich import progress  # noqa: PLC0415  # only terminals have bars
        from rich.console import Console  # noqa: PLC0415

        self._progress = progress.Progress(
            progress.BarColumn(),
            progress.MofNCompleteColumn(),
            progress.TextColumn("{task.description}"),
            console=Console(file=stream),
            auto_refresh=False,
        )
        self._task: Any = None

    def say(self, text: str) -> None:
        """Write a message above the bar, which is drawn again below it."""
        self._progress.console.print(message(text), markup=False, highlight=False, soft_wrap=True)

    def show(self, progress: Progress, rate: float) -> None:
        """Draw the bar."""
        if self._task is None:
            self._progress.start()
            self._task = self._progress.add_task("", total=progress.total)
        self._progress.update(
            self._task, total=progress.total, completed=progress.done, description=rest(progress, rate), refresh=True
        )

    def close(self) -> None:
        """Give the terminal back."""
        if self._task is not None:
            self._progress.stop()
