"""Regular expressions of instructions, some of which a dataset gives: their searches end."""

from functools import lru_cache

from themis.core.builtins.instructions.kinds import WrongArgumentError
from themis.core.builtins.patterns import Pattern
from themis.core.errors import InvalidArgumentError


def occurs(pattern: str, text: str, flags: str = "") -> bool:
    """Whether a pattern matches somewhere in a text.

    Raises:
        WrongArgumentError: it is not a regular expression.
        PatternTimeError: the search does not end in time.
    """
    return _compiled(pattern, flags).search(text) is not None


def found(pattern: str, text: str, flags: str = "") -> list[str]:
    """Return what a pattern matches in a text; raises as `occurs` does."""
    return [match[0] for match in _compiled(pattern, flags).matches(text)]


def count(pattern: str, text: str, flags: str = "") -> int:
    """Return the number of matches of a pattern in a text; raises as `occurs` does."""
    return sum(1 for _ in _compiled(pattern, flags).matches(text))


def parts(pattern: str, text: str) -> list[str]:
    """Return the parts of a text between the matches of a pattern; raises as `occurs` does."""
    between, place = [], 0
    for match in _compiled(pattern, "").matches(text):
        between.append(text[place : match.start()])
        place = match.end()
    return [*between, text[place:]]


@lru_cache(maxsize=1_024)
def _compiled(pattern: str, flags: str) -> Pattern:
    try:
        return Pattern(pattern, flags, component_id="builtin/ifeval")
    except InvalidArgumentError as error:
        raise WrongArgumentError(str(error)) from None
