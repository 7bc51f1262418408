"""Pydantic's validation errors, worded for one line of an error message."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from pydantic import ValidationError

from themis.core.text.expectations import expectation
from themis.core.text.lines import one_line

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_OURS = "Value error, "

UNKNOWN_KEY, MISSING_KEY = "extra_forbidden", "missing"
"""Pydantic's names for the two problems that most callers word themselves."""

_NOT_FINITE = "finite_number"


def problems(error: ValidationError) -> list["ErrorDetails"]:
    """Return the problems; a mistyped key comes before the key that is missing because of it."""
    return sorted(error.errors(include_url=False), key=lambda problem: problem["type"] != UNKNOWN_KEY)


def in_a_line(error: ValidationError) -> str:
    """Return all problems of a value that a component made, and the kind that was expected."""
    found = problems(error)
    texts = [words(problem).replace(": ", " ", 1) if expectation(problem) else words(problem) for problem in found]
    if error.title == "Score":
        texts = [
            f"{text}; return a ScoreError where there is no score" if problem["type"] == _NOT_FINITE else text
            for text, problem in zip(texts, found, strict=True)
        ]
    return f"{error.title}: {'; '.join(texts)}"


def words(problem: "ErrorDetails", path: Iterable[int | str] | None = None) -> str:
    """Return `path.to.key: problem`, or the problem alone for the whole value; `path` replaces pydantic's own."""
    message = problem["msg"]
    if problem["type"] == MISSING_KEY:
        message = "is missing"
    elif message.startswith(_OURS):
        message = message.removeprefix(_OURS)
    else:
        message = expectation(problem) or message[:1].lower() + message[1:]
    place = one_line(".".join(map(str, problem["loc"] if path is None else path)))
    return f"{place}: {message}" if place else message
