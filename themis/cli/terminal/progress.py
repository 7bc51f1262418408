"""Progress of a run on standard error: a bar on a terminal, or a line every few seconds."""

import contextlib
import os
from collections.abc import Iterator

from themis.cli.terminal import streams
from themis.cli.terminal.output import note
from themis.core.run_progress.following import followed
from themis.core.run_progress.stream_views import BAR_EVERY_S, LINE_EVERY_S, Bar, Lines
from themis.core.run_progress.words import Progress, describe

__all__ = ["BAR_EVERY_S", "LINE_EVERY_S", "Progress", "describe", "shown"]


@contextlib.contextmanager
def shown(progress: Progress, *, quiet: bool, unit: str = "cases") -> Iterator[None]:
    """Show `progress`, counted in `unit`, during the block, which keeps it up to date."""
    if quiet:
        yield
    elif streams.has_terminal() and os.environ.get("TERM") != "dumb":
        with followed(progress, lambda: Bar(streams.messages()), every_s=BAR_EVERY_S):
            yield
    else:
        with followed(progress, lambda: Lines(note, unit), every_s=LINE_EVERY_S):
            yield
