"""What the library and components log, where nobody has set logging up: messages like the command's own."""

import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from themis.cli.output import note, note_lines


class _Messages(logging.Handler):
    """Says warnings and errors on standard error, one line each, and below it the traceback that came with it."""

    def emit(self, record: logging.LogRecord) -> None:
        """Say it."""
        try:
            note(record.getMessage())
            if record.exc_info and record.exc_info[1] is not None:
                note_lines("".join(traceback.format_exception(record.exc_info[1])))
        except Exception:  # noqa: BLE001  # what cannot be said stops no work
            self.handleError(record)


@contextmanager
def logged_as_messages() -> Iterator[None]:
    """A block in which a warning that has no handler of its own is said like a message of the command."""
    before, logging.lastResort = logging.lastResort, _Messages(logging.WARNING)
    try:
        yield
    finally:
        logging.lastResort = before
