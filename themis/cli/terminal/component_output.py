"""Output of components in a command's process: what they print and log never mixes with results."""

import logging
import os
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import click

from themis.cli.terminal import streams
from themis.cli.terminal.output import DEBUG_VARIABLE, note, note_lines

_TRACEBACK_OF, _BESIDE_ERROR = "traceback_of", "error"
"""As in `themis.core.engine.component_failures`, whose import takes long."""


def expect_components(*, is_log: bool = False) -> None:
    """Reserve standard output for results, and print logged warnings, until the current command has ended.

    Args:
        is_log: whether standard error is the only log that a job has, so that tracebacks of components are printed
            there whether or not the environment sets THEMIS_DEBUG.

    Raises:
        ClosedOutputError: standard output is closed.
    """
    context = click.get_current_context(silent=True)
    if context is not None and not streams.is_kept_apart():
        context.find_root().with_resource(streams.kept_apart())
        context.find_root().with_resource(_logged_as_messages(tracebacks=is_log))


class _Messages(logging.Handler):
    """Prints warnings and errors on standard error, with their tracebacks below them.

    The traceback of a component's bug is only shown with THEMIS_DEBUG, or with `tracebacks`. Where an error with the
    same cause is raised, its own message says enough.
    """

    def __init__(self, *, tracebacks: bool) -> None:
        super().__init__(logging.WARNING)
        self._tracebacks = tracebacks

    def emit(self, record: logging.LogRecord) -> None:
        """Print a record."""
        try:
            kind = getattr(record, _TRACEBACK_OF, None)
            if kind == _BESIDE_ERROR and not self._tracebacks:
                return
            first, *rest = record.getMessage().splitlines() or [""]
            note(first)
            if kind is None or self._tracebacks or os.environ.get(DEBUG_VARIABLE):
                note_lines("\n".join(rest))
            if record.exc_info and record.exc_info[1] is not None:
                note_lines("".join(traceback.format_exception(record.exc_info[1])))
        except Exception:  # noqa: BLE001  # a failed message must not stop work
            self.handleError(record)


@contextmanager
def _logged_as_messages(*, tracebacks: bool) -> Iterator[None]:
    """Print warnings that no handler takes as messages of the command during the block."""
    before, logging.lastResort = logging.lastResort, _Messages(tracebacks=tracebacks)
    try:
        yield
    finally:
        logging.lastResort = before
