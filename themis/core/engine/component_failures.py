"""Errors that components raise: one line for the results, and a traceback for debugging."""

import functools
import logging
import os
import sysconfig
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from themis.core.base import JSONValue
from themis.core.engine.retry_policy import is_passing, message_of
from themis.core.errors import ThemisError
from themis.core.text.masking import mask

logger = logging.getLogger("themis.engine")

MOST_LOGGED = 20
"""Distinct tracebacks of a run that are logged; the store keeps the traceback of every failure."""

_MOST_KNOWN = 1_000
_MOST_FRAMES = 50
_MOST_CHARACTERS = 4_000

_Place = tuple[str, int]


_BUGS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    ImportError,
    LookupError,
    NameError,
    NotImplementedError,
    RecursionError,
    StopAsyncIteration,
    StopIteration,
    TypeError,
)
"""Errors that Python itself raises for wrong code, with terse messages; errors raised on purpose explain themselves."""


def line_of(error: BaseException) -> str:
    """The message of `error`; for a bug its class and location too: `KeyError: 'choices' (generators.py:12)`."""
    message = message_of(error)
    if not isinstance(error, _BUGS) or isinstance(error, ThemisError):
        return message
    name, place = type(error).__name__, place_of(error)
    return f"{name if message == name else f'{name}: {message}'}{f' ({place})' if place else ''}"


def place_of(error: BaseException) -> str | None:
    """The location in the user's code that raised `error`, or called what did: `generators.py:12`; None if unknown."""
    found = _blamed(_places(error.__traceback__))
    return f"{Path(found[0]).name}:{found[1]}" if found else None


@contextmanager
def bugs_logged() -> Iterator[None]:
    """Log the traceback of a bug in a component or dataset that cannot be loaded, beside the error of the block."""
    try:
        yield
    except ThemisError as error:
        bug = error.__cause__
        if isinstance(bug, _BUGS) and not isinstance(bug, ThemisError) and _reaches_others(bug):
            Tracebacks().details(bug, line_of(bug), "a bug in a component or a dataset")
        raise


class Tracebacks:
    """The tracebacks of one run: each distinct one is logged once."""

    def __init__(self) -> None:
        """Start with no failures."""
        self._known: dict[tuple[type, tuple[_Place, ...]], str] = {}
        self._logged = 0

    def details(self, error: BaseException, line: str, where: str) -> dict[str, JSONValue]:
        """The details stored with the `line` of `error`: its location; {} for our own errors and transient ones."""
        if isinstance(error, ThemisError) or is_passing(error) or hasattr(type(error), "status_code"):
            return {}
        key = (type(error), tuple(_places(error.__traceback__)))
        text = self._known.get(key)
        if text is None:
            text = _frames(error)
            if len(self._known) < _MOST_KNOWN:
                self._known[key] = text
            self._log(error, line, where)
        return {"at": place_of(error), "traceback": text} if text else {}

    def _log(self, error: BaseException, line: str, where: str) -> None:
        self._logged += 1
        if self._logged <= MOST_LOGGED:
            logger.error("%s: %s\n%s", where, _shortened(line), _shortened(_whole(error)))
        if self._logged == MOST_LOGGED:
            logger.error("more tracebacks are not shown; the store keeps the traceback of each failure in its details")


def _places(trace: TracebackType | None) -> list[_Place]:
    """The files and lines of the innermost frames, outermost first."""
    found = []
    while trace is not None:
        found.append((trace.tb_frame.f_code.co_filename, trace.tb_lineno))
        trace = trace.tb_next
    return found[-_MOST_FRAMES:]


def _blamed(places: list[_Place]) -> _Place | None:
    """The innermost place in code that is neither installed nor part of Themis; else the innermost outside Themis."""
    others = [place for place in places if not place[0].startswith(_our_folder())]
    own = [place for place in others if not _is_installed(place[0])]
    found = own or others
    return found[-1] if found else None


def _reaches_others(error: BaseException) -> bool:
    """Whether an error passed through code that is neither part of Themis nor Python's own."""
    files = [file for file, _ in _places(error.__traceback__) if not file.startswith(("<", _our_folder()))]
    return any(f"{os.sep}site-packages{os.sep}" in file or not _is_pythons_own(file) for file in files)


def _frames(error: BaseException) -> str:
    """The frames of a traceback outside Themis, innermost last."""
    frames = traceback.extract_tb(error.__traceback__, limit=-_MOST_FRAMES)
    theirs = [frame for frame in frames if not frame.filename.startswith(_our_folder())]
    text = "".join(traceback.format_list(theirs)).encode("utf-8", "backslashreplace").decode()
    return mask(text)[-_MOST_CHARACTERS:]


def _whole(error: BaseException) -> str:
    """A traceback with its causes, as text that UTF-8 can encode."""
    try:
        text = "".join(traceback.format_exception(error, limit=-_MOST_FRAMES))
    except Exception:  # noqa: BLE001  # formatting the error may itself fail
        text = "".join(traceback.format_tb(error.__traceback__, limit=-_MOST_FRAMES))
    return mask(text.rstrip().encode("utf-8", "backslashreplace").decode())


def _shortened(text: str) -> str:
    half = _MOST_CHARACTERS
    return text if len(text) <= 2 * half else f"{text[:half]} … {text[-half:]}"


@functools.cache
def _our_folder() -> str:
    return f"{Path(__file__).parents[2]}{os.sep}"


@functools.cache
def _is_installed(file: str) -> bool:
    if file.startswith("<") or f"{os.sep}site-packages{os.sep}" in file or f"{os.sep}dist-packages{os.sep}" in file:
        return True
    return _is_pythons_own(file)


def _is_pythons_own(file: str) -> bool:
    return file.startswith((sysconfig.get_path("stdlib") + os.sep, sysconfig.get_path("platstdlib") + os.sep))
