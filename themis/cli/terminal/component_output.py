"""Output of components in a command's process: what they print and log never mixes with results."""

import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import click

from themis.cli.terminal import streams
from themis.cli.terminal.output import note, note_lines


def expect_components() -> None:
    """Reserve standard output for results, and print logged warnings, until the current command has ended.

    Raises:
        ClosedOutputError: standard output is closed.
    """
    context = click.get_current_context(silent=True)
    if context is not None and not streams.is_kept_apart():
        context.find_root().with_resource(streams.kept_apart())
        context.find_root().with_resource(_logged_as_messages())


class _Messages(logging.Handler):
    """Prints warnings and errors on standard error, with their tracebacks below them."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print a record."""
        try:
            first, *rest = record.getMessage().splitlines() or [""]
            note(first)
            note_lines("\n".join(rest))
            if record.exc_info and record.exc_info[1] is not None:
                note_lines("".join(traceback.format_exception(record.exc_info[1])))
        except Exception:  # noqa: BLE001  # a failed message must not stop work
            self.handleError(record)


@contextmanager
def _logged_as_messages() -> Iterator[None]:
    """Print warnings that no handler takes as messages of the command during the block."""
    before, logging.lastResort = logging.lastResort, _Messages(logging.WARNING)
    try:
        yield
    finally:
        logging.lastResort = before
