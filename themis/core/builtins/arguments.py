"""Checks of a component's arguments, which come from a configuration: each returns its value, or says what is wrong."""

import re
from typing import Any, TypeVar, get_args

from themis.core.errors import InvalidArgumentError

Value = TypeVar("Value")

_NAME = re.compile(r"[A-Za-z_][\w.:-]{0,63}")


def one_of(argument: str, value: Value, choices: Any) -> Value:
    """Return a value that a `Literal` allows.

    Raises:
        InvalidArgumentError: it is another one.
    """
    allowed = get_args(choices)
    if value not in allowed:
        *others, last = map(str, allowed)
        raise InvalidArgumentError(argument=argument, detail=f"must be {', '.join(others)} or {last}, not {value!r}")
    return value


def true_or_false(argument: str, value: object) -> bool:
    """Return a truth value.

    Raises:
        InvalidArgumentError: it is something else.
    """
    if not isinstance(value, bool):
        raise InvalidArgumentError(argument=argument, detail=f"must be true or false, not {value!r}")
    return value


def text(argument: str, value: object, *, example: str) -> str:
    """Return a text that is not blank.

    Raises:
        InvalidArgumentError: it is something else; the message shows the example.
    """
    if not isinstance(value, str) or not value.strip():
        raise InvalidArgumentError(argument=argument, detail=f"must be a text such as {example}, not {value!r}")
    return value


def tag_name(argument: str, value: object, *, example: str) -> str:
    """Return the name of a tag.

    Raises:
        InvalidArgumentError: it is something else; the message shows the example.
    """
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise InvalidArgumentError(argument=argument, detail=f"must be a name such as {example}, not {value!r}")
    return value
