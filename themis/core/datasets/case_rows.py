"""Rows of a table as cases: by columns called like a case's fields, or by mapped ones."""

from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from themis.core.datasets.fields import Fields
from themis.core.models import Case
from themis.core.text.nearest import nearest_hint
from themis.core.text.pydantic_errors import problems, words
from themis.core.values.record_paths import Row, refuse

_LABEL = "metadata."
_OWN = ("case_id", "input", "expected_output")
_HINT = "map this file's columns with `fields`, as in `fields: {input: question}`"


class CaseRows:
    """Makes cases of rows, each a mapping of column to value, where None is a missing value.

    Without `fields` the columns are those of a case: `input`, and optionally `case_id`, `expected_output`, and labels
    as `metadata.<name>`.
    """

    def __init__(self, fields: Fields | None) -> None:
        """Find the fields of a case by the paths in `fields`; None: by the names of the columns."""
        self._fields = fields
        self._validate = Case.__pydantic_validator__.validate_python

    def check(self, columns: Sequence[str]) -> None:
        """Refuse the columns of a file.

        Raises:
            ValueError: two have one name; or there is no `fields`, and one is not called like a field of a case.
        """
        if twice := next((name for name in columns if columns.count(name) > 1), None):
            refuse(f"has two columns {twice[:80]!r}")
        if self._fields is not None:
            return
        for name in columns:
            if name not in _OWN and not (name.startswith(_LABEL) and name != _LABEL):
                refuse(f"unknown column {name[:80]!r}{nearest_hint(name, _OWN, then=_HINT)}")
        if "input" not in columns:
            refuse(f"has no column 'input'; {_HINT}")

    def case(self, row: Row, case_number: int) -> Case:
        """Return the case in a row; without a column of ids it is `case-<case_number>`.

        Raises:
            ValueError: it does not hold a case.
        """
        found = _own(row) if self._fields is None else self._fields.of(row)
        found.setdefault("case_id", f"case-{case_number}")
        for name in ("input", "case_id"):
            if found[name] is None:
                refuse(f"has no value for the case's {name}")
        try:
            case: Case = self._validate(found)
        except ValidationError as error:
            refuse(words(problems(error)[0]))
        return case


def _own(row: Row) -> dict[str, Any]:
    found: dict[str, Any] = {}
    labels: dict[str, Any] = {}
    for name, value in row.items():
        if name in _OWN:
            found[name] = value
        elif value is not None:
            labels[name.removeprefix(_LABEL)] = value
    if labels:
        found["metadata"] = labels
    return found
