"""Strict conversion of JSON to a dataclass: each field by its annotation; fields of a newer version are ignored."""

import math
from dataclasses import MISSING, fields, is_dataclass
from enum import StrEnum
from functools import cache
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

from themis.core.errors import MessageError

_LARGEST_NUMBER = 2**53  # JSON keeps larger numbers exactly only in some programs


def checked(value: object, hint: Any, where: str) -> Any:
    """Convert a value to the type `hint`: a dataclass, a tuple of one type, a plain type, or one of these or None.

    Args:
        value: as JSON has it.
        hint: the annotation of the field at `where`.
        where: the name of the field, for the message.

    Raises:
        MessageError: it is of another type, or out of range.
    """
    wanted = get_args(hint) if isinstance(hint, UnionType) else (hint,)
    if value is None and NoneType in wanted:
        return None
    kind = wanted[0]
    if get_origin(kind) is tuple and isinstance(value, list):
        return tuple(checked(item, get_args(kind)[0], where) for item in value)
    if is_dataclass(kind) and isinstance(value, dict):
        return _made(kind, value, where)
    if _is_plain(value, kind):
        return value
    if isinstance(kind, type) and issubclass(kind, StrEnum) and isinstance(value, str) and value in set(kind):
        return kind(value)
    raise MessageError(detail=f"{where} is not valid")


def _made(kind: Any, document: dict[str, Any], where: str) -> Any:
    hints = hints_of(kind)
    if missing := next((name for name in _required(kind) if name not in document), None):
        raise MessageError(detail=f"{where} lacks {missing}")
    values = {name: checked(document[name], hints[name], f"{where}.{name}") for name in hints if name in document}
    try:
        return kind(**values)
    except ValueError as error:
        raise MessageError(detail=f"{where} is not valid: {error}") from None


@cache
def hints_of(kind: type) -> dict[str, Any]:
    """Return the annotation of each field of a dataclass; it is read once."""
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in fields(kind)}


@cache
def _required(kind: type) -> tuple[str, ...]:
    """Return the names of the fields without a default, which every version sends."""
    return tuple(one.name for one in fields(kind) if one.default is MISSING and one.default_factory is MISSING)


def _is_plain(value: object, kind: Any) -> bool:
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if kind is int:
        return isinstance(value, int) and type(value) is int and abs(value) <= _LARGEST_NUMBER
    return kind in {str, bool} and type(value) is kind
