"""Errors that components raise: one line for the results, and a traceback for debugging."""

import logging
import os
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from themis.core.base import JSONValue
from themis.core.engine.retry_policy import is_passing, message_of, said_by
from themis.core.errors import BadResultError, ThemisError
from themis.core.outcomes.stages import NAMES, Stage
from themis.core.python.blamed_place import (
    BUGS,
    MOST_FRAMES,
    Place,
    blamed_place,
    is_ours,
    is_pythons_own,
    places_of,
)
from themis.core.text.masking import mask

logger = logging.getLogger("themis.engine")

TRACEBACK_OF = "traceback_of"
"""Attribute of a log record whose lines after the first are a traceback: `COMPONENT` or `BESIDE_ERROR`."""
COMPONENT = "component"
"""Of a component that failed for a case: the record is all that is said of it at that time."""
BESIDE_ERROR = "error"
"""Of the cause of an error that is raised too."""

MOST_LOGGED = 20
"""Distinct tracebacks of a run that are logged; the store keeps the traceback of every failure."""

_BAD_RESPONSE = "bad_response"  # the provider's reply was not an answer
_INVALID_PARSE = "parse_invalid"
_MOST_KNOWN = 1_000
_MOST_CHARACTERS = 4_000
_WRONG_PATHS = (FileExistsError, FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError)
"""Errors that are tried again like any other of an operating system, but are mostly bugs."""


def line_of(error: BaseException) -> str:
    """The message of `error`; for a bug its class and location too.

    As in `KeyError: 'choices' (generators.py:12 in Model.generate)`.
    """
    message = message_of(error)
    if not isinstance(error, BUGS) or isinstance(error, ThemisError):
        return message
    name, place = type(error).__name__, blamed_place(error)
    return f"{name if message == name else f'{name}: {message}'}{f' ({place.text})' if place else ''}"


@contextmanager
def bugs_logged() -> Iterator[None]:
    """Log the traceback of a bug in a component or dataset that cannot be loaded, beside the error of the block."""
    try:
        yield
    except ThemisError as error:
        bug = error.__cause__
        if isinstance(bug, BUGS) and not isinstance(bug, ThemisError) and _reaches_others(bug):
            Tracebacks(beside_error=True).details(bug, line_of(bug), "a bug in a component or a dataset")
        raise


def category_of(stage: Stage, error: BaseException) -> str:
    """Return the category of the failure of a stage; see `StageFailure`."""
    if stage is Stage.PARSE and isinstance(error, BadResultError):
        return _INVALID_PARSE
    if stage is Stage.GENERATE and said_by(error, "category") == _BAD_RESPONSE:
        return _BAD_RESPONSE
    return NAMES[stage].failure_category


class Tracebacks:
    """The tracebacks of one run: each distinct one is logged once."""

    def __init__(self, *, beside_error: bool = False) -> None:
        """Start with no failures; `beside_error` says that an error is raised with the same cause."""
        self._known: dict[tuple[type, tuple[Place, ...]], str] = {}
        self._logged = 0
        self._kind = BESIDE_ERROR if beside_error else COMPONENT

    def details(self, error: BaseException, line: str, where: str) -> dict[str, JSONValue]:
        """The details stored with the `line` of `error`: its location; {} for our own errors and transient ones."""
        if isinstance(error, ThemisError) or _is_of_a_service(error):
            return {}
        key = (type(error), tuple(places_of(error)))
        text = self._known.get(key)
        if text is None:
            text = _frames(error)
            if len(self._known) < _MOST_KNOWN:
                self._known[key] = text
            self._log(error, line, where)
        return {**_place_details(error), "traceback": text} if text else {}

    def _log(self, error: BaseException, line: str, where: str) -> None:
        self._logged += 1
        if self._logged <= MOST_LOGGED:
            texts = (where, _shortened(_with_place(error, line)), _shortened(_whole(error)))
            logger.error("%s: %s\n%s", *texts, extra={TRACEBACK_OF: self._kind})
        if self._logged == MOST_LOGGED:
            logger.error("more tracebacks are not shown; the store keeps the traceback of each failure in its details")


def _with_place(error: BaseException, line: str) -> str:
    """The `line` of an error, with its class and place also where it was raised on purpose."""
    if isinstance(error, BUGS):
        return line
    place = blamed_place(error)
    return f"{type(error).__name__}: {line}{f' ({place.text})' if place else ''}"


def _is_of_a_service(error: BaseException) -> bool:
    """Whether an error says something of a service that was asked, and nothing of the code that asked it."""
    return hasattr(type(error), "status_code") or (is_passing(error) and not isinstance(error, _WRONG_PATHS))


def _place_details(error: BaseException) -> dict[str, JSONValue]:
    place = blamed_place(error)
    if place is None:
        return {"at": None}
    file = place.file.encode("utf-8", "backslashreplace").decode()
    return {"at": mask(place.text), "file": mask(file), "line": place.line, "function": mask(place.function)}


def _reaches_others(error: BaseException) -> bool:
    """Whether an error passed through code that is neither part of Themis nor Python's own."""
    files = [place.file for place in places_of(error) if not place.file.startswith("<") and not is_ours(place.file)]
    return any(f"{os.sep}site-packages{os.sep}" in file or not is_pythons_own(file) for file in files)


def _frames(error: BaseException) -> str:
    """The frames of a traceback outside Themis, innermost last."""
    frames = traceback.extract_tb(error.__traceback__, limit=-MOST_FRAMES)
    theirs = [frame for frame in frames if not is_ours(frame.filename)]
    text = "".join(traceback.format_list(theirs)).encode("utf-8", "backslashreplace").decode()
    return mask(text)[-_MOST_CHARACTERS:]


def _whole(error: BaseException) -> str:
    """A traceback with its causes, as text that UTF-8 can encode."""
    try:
        text = "".join(traceback.format_exception(error, limit=-MOST_FRAMES))
    except Exception:  # noqa: BLE001  # formatting the error may itself fail
        text = "".join(traceback.format_tb(error.__traceback__, limit=-MOST_FRAMES))
    return mask(text.rstrip().encode("utf-8", "backslashreplace").decode())


def _shortened(text: str) -> str:
    half = _MOST_CHARACTERS
    return text if len(text) <= 2 * half else f"{text[:half]} … {text[-half:]}"
