"""Choice of the display for the progress of a run that was begun in Python."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from themis.core.engine.run_options import RunProgress
from themis.core.python.notebook import in_a_notebook
from themis.core.text.messages import message

Wanted = RunProgress | bool | None
"""What a caller wants: True to see it, or an object of their own that is kept up to date."""


@contextmanager
def shown(progress: Wanted) -> Iterator[RunProgress]:
    """Yield the progress that a run keeps up to date; for True it is shown during the block.

    In a notebook it is an output of the cell, elsewhere a bar on standard error if that is a terminal, or else a line
    every few seconds.
    """
    if progress is None or progress is False:
        yield RunProgress()
    elif progress is not True:
        yield progress
    elif in_a_notebook():
        with _in_a_cell() as own:
            yield own
    else:
        with _on_standard_error() as own:
            yield own


@contextmanager
def _in_a_cell() -> Iterator[RunProgress]:
    from themis.core.run_progress.cell_view import CELL_EVERY_S, CellView  # noqa: PLC0415  # most runs show nothing
    from themis.core.run_progress.following import followed  # noqa: PLC0415  # as above

    own, view = RunProgress(), CellView()
    try:
        with followed(own, lambda: view, every_s=CELL_EVERY_S):
            yield own
    except BaseException:
        view.end(own, stopped=True)
        raise
    view.end(own, stopped=False)


@contextmanager
def _on_standard_error() -> Iterator[RunProgress]:
    from themis.core.run_progress.following import followed  # noqa: PLC0415  # as above
    from themis.core.run_progress.stream_views import (  # noqa: PLC0415  # as above
        BAR_EVERY_S,
        LINE_EVERY_S,
        Bar,
        Lines,
    )

    own, stream = RunProgress(), sys.stderr
    if stream is not None and stream.isatty() and os.environ.get("TERM") != "dumb":
        with followed(own, lambda: Bar(stream), every_s=BAR_EVERY_S):
            yield own
    else:
        with followed(own, lambda: Lines(_note), every_s=LINE_EVERY_S):
            yield own


def _note(text: str) -> None:
    if sys.stderr is not None:
        with suppress(OSError, ValueError):  # a lost message must not change what the run does
            sys.stderr.write(f"{message(text)}\n")
            sys.stderr.flush()
