"""Log of a worker: one line per event on standard error, for people or for programs.

Modules log an event in a few words, with its facts beside it:

    logs.tell("attempt ended", key=key, cause="signal")

Texts from elsewhere (an error's message, the output of a hook) are facts, never the event: a newline in them starts no
line, an escape code moves no cursor, and neither a password in a URL nor a secret that this process resolved is shown.
"""

import json
import logging
import math
import os
import traceback
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from itertools import islice
from shutil import get_terminal_size
from typing import Any, Literal, TextIO

from themis.core.configuration.secrets import redact_urls
from themis.core.text.fitted_lines import flowed, wrapped
from themis.core.text.lines import one_line, printable
from themis.core.text.masking import mask
from themis.core.text.state_colours import OFF_VARIABLE, of_state, painted

LogFormat = Literal["words", "text", "json"]

INFO, WARNING, ERROR = logging.INFO, logging.WARNING, logging.ERROR
_LOGGER = logging.getLogger("workers")
_NOT_IN_WORDS = frozenset({"attempt begins", "attempt ended", "worker is ready"})
"""Events that the line of a job says, or that say nothing to people."""

_LAST = {"did": "; ", "why": ": ", "error": ": "}
_NAMELESS = frozenset({"how"})
"""Facts that say what they are."""
_INDENT = " " * len("09:22:06  ")
_USUAL_WIDTH, _NO_LIMIT = 80, 100_000
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
        log_format: `words` for people at a terminal, with a line for each job that has ended; `text` for facts as
            `name=value`; `json` for one object per line.
        stream: usually standard error; lines that cannot be written are lost, without an error.
        worker: name of the worker, part of each JSON object.
    """
    root = logging.getLogger()
    for handler in [found for found in root.handlers if isinstance(found, _Handler)]:
        root.removeHandler(handler)
    handler = _Handler(stream)
    handler.setFormatter(_formatter(log_format, stream, worker))
    if log_format == "words":
        handler.addFilter(_is_said_in_words)
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    _LOGGER.setLevel(logging.INFO)


def is_in_words() -> bool:
    """Whether the log of this process is in words, so that a job is worth a line of its own."""
    return any(isinstance(handler.formatter, _Words) for handler in logging.getLogger().handlers)


def tell_job(state: str, *rest: str) -> None:
    """Log in words how a job has ended: its state, and what else is to be said of it."""
    _LOGGER.info("%s", state, extra={"job_line": rest})


def _formatter(log_format: LogFormat, stream: TextIO, worker: str) -> logging.Formatter:
    if log_format == "words":
        return _Words(stream)
    return _JsonLines(worker) if log_format == "json" else _TextLines()


def _is_said_in_words(record: logging.LogRecord) -> bool:
    return record.getMessage() not in _NOT_IN_WORDS


class _Handler(logging.StreamHandler[TextIO]):
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  # logging's name
        """Ignore the error: a log that cannot be written must not stop the work."""


class _TextLines(logging.Formatter):
    """`<time> <level> <event> <name>=<value> …`; values other than plain words are quoted, to keep facts apart."""

    def format(self, record: logging.LogRecord) -> str:
        words = [_at(record), record.levelname.ljust(len("WARNING")), one_line(_event(record))]
        words += [f"{name}={_word(value)}" for name, value in _facts(record).items()]
        return " ".join(words)


class _Words(logging.Formatter):
    """A sentence with the local time, broken between words where the terminal would break it anywhere."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream
        is_dull = os.environ.get(OFF_VARIABLE) or os.environ.get("TERM") == "dumb"
        self._is_coloured = stream.isatty() and not is_dull

    def format(self, record: logging.LogRecord) -> str:
        clock = datetime.fromtimestamp(record.created).astimezone().strftime("%H:%M:%S  ")
        width = self._width()
        parts = getattr(record, "job_line", None)
        if parts is not None:
            state = _event(record)
            items = [state, *(printable(str(_plain(part))) for part in parts)]
            lines = flowed(items, width, first=clock, then=_INDENT)
            rest = lines[0].removeprefix(clock + state)
            return "\n".join([f"{clock}{self._painted(state)}{rest}", *lines[1:]])
        level = "" if record.levelno <= logging.INFO else f"{record.levelname.lower()}: "
        lines = wrapped(f"{level}{_sentence(_event(record), _facts(record))}", width - len(clock))
        return clock + f"\n{_INDENT}".join(lines)

    def _width(self) -> int:
        """Width of the terminal; elsewhere more than any line has."""
        return get_terminal_size((_USUAL_WIDTH, 0)).columns if self._stream.isatty() else _NO_LIMIT

    def _painted(self, state: str) -> str:
        return painted(state, of_state(state)) if self._is_coloured else state


def _sentence(event: str, facts: Mapping[str, Any]) -> str:
    """An event with its facts behind commas, and at its end the reason, or the command to type."""
    last = [f"{sign}{facts[name]}" for name, sign in _LAST.items() if name in facts]
    others = []
    for name, value in facts.items():
        words = name.removesuffix("_s").replace("_", " ")
        if str(value).startswith("themis "):
            last.append(f"; {words}: {value}")
        elif name not in {*_LAST, "traceback"}:
            shown = f"{_shown(value)}{' s' if name.endswith('_s') else ''}"
            others.append(shown if name in _NAMELESS else f"{words} {shown}")
    return one_line(", ".join([event, *others]) + "".join(last))


def _shown(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


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
