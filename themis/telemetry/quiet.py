"""Silence of the exporting library: what it says about each batch is kept, and one remark is made of it in the end."""

import logging
import threading

from themis.core.text.masking import mask

_NAMES = ("opentelemetry.exporter", "opentelemetry.sdk")


class LastWords(logging.Handler):
    """Keeps the last warning of the library.

    Attributes:
        text: what it said; None while it has said nothing.
    """

    def __init__(self) -> None:
        """Nothing was said yet."""
        super().__init__(logging.WARNING)
        self.text: str | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Keep what is said."""
        self.text = mask(record.getMessage())


_lock = threading.Lock()
_listening: list[LastWords] = []
_passed_on: dict[str, bool] = {}


def listen() -> LastWords:
    """Keep what the library says, instead of showing it, until `leave` is called with what this returns."""
    words = LastWords()
    with _lock:
        for name in _NAMES:
            logger = logging.getLogger(name)
            if not _listening:
                _passed_on[name] = logger.propagate
                logger.propagate = False
            logger.addHandler(words)
        _listening.append(words)
    return words


def leave(words: LastWords) -> None:
    """Show again what the library says, if nobody else keeps it."""
    with _lock:
        if words not in _listening:
            return
        _listening.remove(words)
        for name in _NAMES:
            logger = logging.getLogger(name)
            logger.removeHandler(words)
            if not _listening:
                logger.propagate = _passed_on[name]
