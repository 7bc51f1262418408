"""Checked fields of a manifest's JSON, which anybody may have written."""

from typing import Any, TypeVar

from themis.core.values.bounds import MOST_COUNT, MOST_SECONDS

_MAX_TEXT = 4_096

Field = TypeVar("Field")


def field_of(document: dict[str, Any], name: str, kind: type[Field]) -> Field:
    """Return a field of a kind; raises TypeError for another kind."""
    return _checked(name, document[name], kind)


def text_of(document: dict[str, Any], name: str) -> str:
    """Return a text; raises TypeError or ValueError for another value."""
    return checked_text(name, document[name])


def checked_text(name: str, value: Any) -> str:
    """Return a value that is called `name` and must be a text; raises TypeError or ValueError for another."""
    text = _checked(name, value, str)
    if not 0 < len(text) <= _MAX_TEXT:
        msg = f"{name} is empty or longer than {_MAX_TEXT} characters"
        raise ValueError(msg)
    text.encode()  # an unpaired surrogate, which JSON can contain, is refused like any other invalid value
    return text


def count_of(document: dict[str, Any], name: str) -> int:
    """Return a number of things, from 1; raises TypeError or ValueError for another value."""
    value = field_of(document, name, int)
    if not 0 < value <= MOST_COUNT:
        msg = f"{name} is not 1 to {MOST_COUNT}"
        raise ValueError(msg)
    return value


def seconds_of(document: dict[str, Any], name: str) -> float | None:
    """Return a number of seconds, or None; raises ValueError for another value."""
    value = document[name]
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= MOST_SECONDS:
        msg = f"{name} is not a positive number of at most {MOST_SECONDS:,.0f} seconds"
        raise ValueError(msg)
    return float(value)


def _checked(name: str, value: Any, kind: type[Field]) -> Field:
    # True is an int in Python, but not a number here.
    if not isinstance(value, kind) or isinstance(value, bool):
        msg = f"{name} is not a JSON {kind.__name__}"
        raise TypeError(msg)
    return value
