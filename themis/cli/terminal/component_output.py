"""For commands that have components in their process: what those print and log is neither a result nor hides one."""

import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import click

from themis.cli.terminal import streams
from themis.cli.terminal.output import note, note_lines


def expect_components() -> None:
    """Keep standard output for results, and say what is logged, until the command that is being carried out has ended.

    Raises:
        ClosedOutputError: standard output is closed.
    """
    context = click.get_current_context(silent=True)
    if context is not None and not streams.is_kept_apart():
        context.find_root().with_resource(streams.kept_apart())
        context.find_root().with_resource(_logged_as_messages())


class _Messages(logging.Handler):
    """Says warnings and errors on standard error, and below them the traceback that came with them."""

    def emit(self, record: logging.LogRecord) -> None:
        """Say it."""
        try:
            first, *rest = record.getMessage().splitlines() or [""]
            note(first)
            note_lines("\n".join(rest))
            if record.exc_info and record.exc_info[1] is not None:
                note_lines("".join(traceback.format_exception(record.exc_info[1])))
        except Exception:  # noqa: BLE001  # what cannot be said stops no work
            self.handleError(record)


@contextmanager
def _logged_as_messages() -> Iterator[None]:
    """A block in which a warning that has no handler of its own is a message like the command's own."""
    before, logging.lastResort = logging.lastResort, _Messages(logging.WARNING)
    try:
        yield
    finally:
        logging.lastResort = before
