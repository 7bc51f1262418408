"""Fields of a case found in an object or a row of any shape, by dotted paths."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NoReturn

from themis.core.dataset_config import CHOICES, FieldPath, checked_fields
from themis.core.datasets.multiple_choice import with_choices
from themis.core.errors import DatasetError
from themis.core.text.nearest import nearest_hint
from themis.core.values.dataset_selection import AnswerAs

OTHERS = "*"
"""As the path of `metadata`: all that no other field names."""

_MAX_INDEX_DIGITS = 9
_LONGEST_SHOWN_KEY = 40
_ABSENT = object()

Row = Mapping[str, Any]


class Fields:
    """The paths of the fields of a case, and the values found by them."""

    def __init__(self, fields: Mapping[str, FieldPath], answer_as: AnswerAs = "auto") -> None:
        """Find each field of a case by its path in `fields`.

        Raises:
            DatasetError: a field is unknown, a path is empty, or `input` has none.
        """
        try:
            checked_fields(dict(fields))
        except ValueError as error:
            raise DatasetError(where="fields", detail=str(error)) from None
        named = {path for paths in fields.values() for path in _listed(paths)}
        self._finders = [(name, _finder(name, paths, named)) for name, paths in fields.items()]
        self._answer_as: AnswerAs = answer_as
        self._has_choices = CHOICES in fields

    def of(self, row: Row) -> dict[str, Any]:
        """Return the fields of a case in a row.

        Raises:
            ValueError: a value is not there, or an answer is none of the choices; the message says so.
        """
        found = {name: find(row) for name, find in self._finders}
        return with_choices(found, self._answer_as) if self._has_choices else found


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


def refuse(reason: str) -> NoReturn:
    """Raise a ValueError with a reason."""
    raise ValueError(reason)


def _listed(paths: FieldPath) -> list[str]:
    return paths if isinstance(paths, list) else [paths]


def _finder(name: str, paths: FieldPath, named: Iterable[str]) -> Callable[[Row], Any]:
    where = f"fields.{name}"
    if isinstance(paths, str):
        if name == "metadata" and paths == OTHERS:
            tops = {path.split(".")[0] for path in named} | set(named)
            return lambda row: {key: value for key, value in row.items() if key not in tops and value is not None}
        return _one(paths, where)
    found = [(path, _one(path, where)) for path in paths]
    if name == CHOICES:
        return lambda row: [find(row) for _, find in found]
    return lambda row: {path: value for path, find in found if (value := find(row)) is not None}


def _one(path: str, where: str) -> Callable[[Row], Any]:
    parts = path.split(".")

    def find(row: Row) -> Any:
        found = row.get(path, _ABSENT)  # a column may have a dot in its name
        return value_at(row, parts, where) if found is _ABSENT else found

    return find
