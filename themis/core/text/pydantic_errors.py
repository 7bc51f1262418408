"""What pydantic refuses, in words that fit into a line of ours."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from pydantic import ValidationError

from themis.core.text.lines import one_line

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_OURS = "Value error, "

UNKNOWN_KEY, MISSING_KEY = "extra_forbidden", "missing"
"""What pydantic calls the two problems that most sites have words of their own for."""

_NOT_FINITE = "finite_number"


def problems(error: ValidationError) -> list["ErrorDetails"]:
    """What is wrong; a mistyped key before the one that is missing because of it."""
    return sorted(error.errors(include_url=False), key=lambda problem: problem["type"] != UNKNOWN_KEY)


def in_a_line(error: ValidationError) -> str:
    """All that is wrong with a value that a component made, and of what kind it was to be."""
    found = problems(error)
    texts = [words(problem) for problem in found]
    for place, problem in enumerate(found):
        if problem["type"] == _NOT_FINITE:
            texts[place] = f"{'.'.join(map(str, problem['loc']))} must be a finite number, not {problem['input']}"
            if error.title == "Score":
                texts[place] += "; return a ScoreError where there is no score"
    return f"{error.title}: {'; '.join(texts)}"


def words(problem: "ErrorDetails", path: Iterable[int | str] | None = None) -> str:
    """`path.to.key: what is wrong`, or that alone when all of it is; `path` stands in for pydantic's own."""
    message = problem["msg"]
    if problem["type"] == MISSING_KEY:
        message = "is missing"
    elif message.startswith(_OURS):
        message = message.removeprefix(_OURS)
    else:
        message = message[:1].lower() + message[1:]
    place = one_line(".".join(map(str, problem["loc"] if path is None else path)))
    return f"{place}: {message}" if place else message
