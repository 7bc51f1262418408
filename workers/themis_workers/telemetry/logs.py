"""Log of a worker: one line per event on standard error, for people or for programs.

Modules log an event in a few words, with its facts beside it:

    logs.tell("attempt ended", key=key, cause="signal")

Texts from elsewhere (an error's message, the output of a hook) are facts, never the event: a newline in them starts no
line, an escape code moves no cursor, and neither a password in a URL nor a secret that this process resolved is shown.
"""

import json
import logging
import math
import traceback
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Literal, TextIO

from themis.core.configuration.secrets import redact_urls
from themis.core.text.lines import one_line
from themis.core.text.masking import mask

LogFormat = Literal["text", "json"]

INFO, WARNING, ERROR = logging.INFO, logging.WARNING, logging.ERROR
_LOGGER = logging.getLogger("workers")
_MAX_TEXT = 4_000
_MAX_ITEMS = 100
_MAX_DEPTH = 8
_BARE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-+:/@%,*~")


def tell(event: str, *, level: int = logging.INFO, **facts: Any) -> None:
    """Log an event; facts that are None are left out."""
    _LOGGER.log(level, "%s", event, extra={"facts": facts})


def warn(event: str, **facts: Any) -> None:
    """Log an event that an operator should look at, as a warning."""
    tell(event, level=logging.WARNING, **facts)


def configure(log_format: LogFormat, stream: TextIO, worker: str) -> None:
    """Write all logging of this process to `stream`, one line per event; a second call replaces the first.

    Other libraries only log warnings and errors.

    Args:
        log_format: `text` for people, `json` for one object per line.
        stream: usually standard error; lines that cannot be written are lost, without an error.
        worker: name of the worker, part of each JSON object.
    """
    root = logging.getLogger()
    for handler in [found for found in root.handlers if isinstance(found, _Handler)]:
        root.removeHandler(handler)
    handler = _Handler(stream)
    handler.setFormatter(_JsonLines(worker) if log_format == "json" else _TextLines())
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    _LOGGER.setLevel(logging.INFO)


class _Handler(logging.StreamHandler[TextIO]):
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  # logging's name
        """Ignore the error: a log that cannot be written must not stop the work."""


class _TextLines(logging.Formatter):
    """`<time> <level> <event> <name>=<value> …`; values other than plain words are quoted, to keep facts apart."""

    def format(self, record: logging.LogRecord) -> str:
        words = [_at(record), record.levelname.ljust(len("WARNING")), one_line(_event(record))]
        words += [f"{name}={_word(value)}" for name, value in _facts(record).items()]
        return " ".join(words)


class _JsonLines(logging.Formatter):
    """One JSON object per line, in ASCII, so that no text can break it."""

    def __init__(self, worker: str) -> None:
        super().__init__()
        self._worker = worker

    def format(self, record: logging.LogRecord) -> str:
        head = {"at": _at(record), "level": record.levelname.lower(), "event": _event(record), "worker": self._worker}
        facts = {name: value for name, value in _facts(record).items() if name not in head}
        return json.dumps(head | facts, separators=(",", ":"))


def _at(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _event(record: logging.LogRecord) -> str:
    return str(_plain(record.getMessage()))


def _facts(record: logging.LogRecord) -> dict[str, Any]:
    """Facts of an event as JSON values, including a logged exception."""
    facts = {name: _plain(value) for name, value in getattr(record, "facts", {}).items() if value is not None}
    if record.exc_info and record.exc_info[1] is not None:
        error = record.exc_info[1]
        facts["error"] = _plain(f"{type(error).__name__}: {error}")
        facts["traceback"] = mask(str(redact_urls("".join(traceback.format_exception(error)))))[-_MAX_TEXT:]
    return facts


def _plain(value: Any, depth: int = 0) -> Any:
    """`value` as JSON of limited size, without passwords in URLs and without secrets."""
    if value is None or isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    if isinstance(value, Mapping | list | tuple | set | frozenset):
        return "…" if depth == _MAX_DEPTH else _plain_items(value, depth + 1)
    text = mask(str(redact_urls(str(value))))
    return text if len(text) <= _MAX_TEXT else f"{text[:_MAX_TEXT]}…"


def _plain_items(value: Mapping[Any, Any] | Iterable[Any], depth: int) -> Any:
    if isinstance(value, Mapping):
        return {str(_plain(str(name))): _plain(item, depth) for name, item in islice(value.items(), _MAX_ITEMS)}
    return [_plain(item, depth) for item in islice(value, _MAX_ITEMS)]


def _word(value: Any) -> str:
    """A value as one word of a line."""
    text = one_line(value) if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
    bare = not isinstance(value, str) or (text and _BARE.issuperset(text))
    return text if bare else json.dumps(text, ensure_ascii=False)
