"""Values in a record of any shape, by dotted paths."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

from themis.core.text.nearest import nearest_hint

_MAX_INDEX_DIGITS = 9
_LONGEST_SHOWN_KEY = 40
_ABSENT = object()

Row = Mapping[str, Any]


def finder(path: str, where: str) -> Callable[[Row], Any]:
    """Return a function that gives the value at a dotted path of a record; `where` is the key of the config with it.

    A column whose name is the whole path comes first. The function raises ValueError when there is no such value.
    """
    parts = path.split(".")

    def find(row: Row) -> Any:
        found = row.get(path, _ABSENT)  # a column may have a dot in its name
        return value_at(row, parts, where) if found is _ABSENT else found

    return find


def value_at(row: Row, path: Sequence[str], named_by: str) -> Any:
    """Return the value at a path; a number picks an item of a list. `named_by` is the key of the config with the path.

    Raises:
        ValueError: there is none.
    """
    holder: Any = row
    for depth, key in enumerate(path):
        found = _ABSENT
        if isinstance(holder, Mapping):
            found = holder.get(key, _ABSENT)
        elif type(holder) is list and key.isdecimal() and len(key) <= _MAX_INDEX_DIGITS and int(key) < len(holder):
            found = holder[int(key)]
        if found is _ABSENT:
            known = (".".join([*path[:depth], known]) for known in short_keys(holder))
            sought = ".".join(path[: depth + 1])
            refuse(f"has no {sought!r}, which {named_by} names{nearest_hint(sought, known)}")
        holder = found
    return holder


def split_path(path: str) -> list[str]:
    """Return the parts of a dotted path.

    Raises:
        ValueError: one of them is empty.
    """
    parts = path.split(".")
    if not all(parts):
        refuse(f"{path!r} is not a dotted path such as answer.text")
    return parts


def short_keys(value: object) -> list[str]:
    """Return the keys of an object that a path can name and a message can show."""
    keys = value if isinstance(value, Mapping) else ()
    return [key for key in keys if len(key) <= _LONGEST_SHOWN_KEY and key.isprintable()]


def plain_text(value: Any) -> str:
    """Return the text by which a value is compared: `1` for 1.0, `true` for true, so that a cell of a CSV equals it."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def refuse(reason: str) -> NoReturn:
    """Raise a ValueError with a reason."""
    raise ValueError(reason)
