"""Fields of a case found in an object or a row of any shape, by dotted paths and rules."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from themis.core.dataset_config import CHOICES, FieldPath, checked_fields
from themis.core.datasets.multiple_choice import with_choices
from themis.core.datasets.ruled_fields import rule_finder
from themis.core.errors import DatasetError
from themis.core.values.dataset_selection import AnswerAs
from themis.core.values.field_rule import FieldRule
from themis.core.values.record_paths import Row, finder

OTHERS = "*"
"""As the path of `metadata`: all that no other field names."""


class Fields:
    """The paths of the fields of a case, and the values found by them.

    Attributes:
        paths: all of them; None when everything else in a row is wanted too.
    """

    def __init__(self, fields: Mapping[str, FieldPath], answer_as: AnswerAs = "auto") -> None:
        """Find each field of a case by its path or rule in `fields`.

        Raises:
            DatasetError: a field is unknown, a path is empty, a parser is not shipped, or `input` has no path.
        """
        try:
            checked_fields(dict(fields))
        except ValueError as error:
            raise DatasetError(where="fields", detail=str(error)) from None
        named = {path for paths in fields.values() for path in _listed(paths)}
        self.paths: frozenset[str] | None = None if OTHERS in named else frozenset(named)
        self._finders = [(name, _finder(name, paths, named)) for name, paths in fields.items()]
        self._answer_as: AnswerAs = answer_as
        self._has_choices = CHOICES in fields

    def of(self, row: Row) -> dict[str, Any]:
        """Return the fields of a case in a row.

        Raises:
            ValueError: a value is not there, or an answer is not one of the choices; the message says so.
        """
        found = {name: find(row) for name, find in self._finders}
        return with_choices(found, self._answer_as) if self._has_choices else found


def _listed(paths: FieldPath) -> list[str]:
    if isinstance(paths, FieldRule):
        return paths.paths
    return paths if isinstance(paths, list) else [paths]


def _finder(name: str, paths: FieldPath, named: Iterable[str]) -> Callable[[Row], Any]:
    where = f"fields.{name}"
    if isinstance(paths, FieldRule):
        return rule_finder(name, paths)
    if isinstance(paths, str):
        if name == "metadata" and paths == OTHERS:
            tops = {path.split(".")[0] for path in named} | set(named)
            return lambda row: {key: value for key, value in row.items() if key not in tops and value is not None}
        return finder(paths, where)
    found = [(path, finder(path, where)) for path in paths]
    if name == CHOICES:
        return lambda row: [find(row) for _, find in found]
    return lambda row: {path: value for path, find in found if (value := find(row)) is not None}
