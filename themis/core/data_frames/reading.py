"""Rows of a pandas DataFrame as mappings of a case's fields.

A process that has a DataFrame has imported pandas, so nothing is imported here: without pandas no value is one.
"""

import sys
from collections.abc import Iterator
from math import isnan
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from themis.core.text.nearest import nearest_hint

if TYPE_CHECKING:
    from typing_extensions import TypeIs  # Python has it from 3.13 on

_FIELDS = ("case_id", "input", "expected_output", "metadata")
_ID = "case_id"
_LABEL = "metadata."
_SHOWN = 80


class Frame(Protocol):
    """A pandas DataFrame."""

    @property
    def columns(self) -> Any:
        """Names of the columns."""

    @property
    def index(self) -> Any:
        """Names of the rows."""

    def reset_index(self) -> Any:
        """Return a copy in which the index is a column."""

    def __getitem__(self, name: Any) -> Any:
        """Return a column."""


def is_frame(value: Any) -> "TypeIs[Frame]":
    """Whether `value` is a pandas DataFrame."""
    kind = getattr(sys.modules.get("pandas"), "DataFrame", None)
    return kind is not None and isinstance(value, kind)


def rows_of(frame: Frame) -> Iterator[tuple[Any, dict[str, Any]]]:
    """Return the rows of a DataFrame: the index of each, and a mapping from the fields of a case to its values.

    Columns are called like the fields: `input`, and optionally `expected_output`, `case_id` (which may be the index),
    `metadata` with mappings, and labels as `metadata.<name>`. A missing value (NaN, None, NaT, NA) is left out.
    pandas keeps whole numbers with gaps as floats; here they are whole again. Values of numpy become Python's.

    Raises:
        ValueError: a column has another name, two have the same, or ids are missing; the message says which.
    """
    if frame.index.name == _ID and _ID not in frame.columns:
        frame = frame.reset_index()
    names = frame.columns.tolist()
    _check(names)
    columns = {name: _values(frame[name]) for name in names}
    if _ID in columns and None in columns[_ID]:
        _refuse(f"row {columns[_ID].index(None) + 1} has no case_id; fill the column, or leave it out")
    rows = (_row(dict(zip(names, row, strict=True))) for row in zip(*columns.values(), strict=True))
    return zip(frame.index.tolist(), rows, strict=True)


def _check(names: list[Any]) -> None:
    if twice := next((name for name in names if names.count(name) > 1), None):
        _refuse(f"has two columns {str(twice)[:_SHOWN]!r}")
    for name in names:
        if name not in _FIELDS and not (isinstance(name, str) and name.startswith(_LABEL) and name != _LABEL):
            _refuse(
                f"unknown column {str(name)[:_SHOWN]!r}{nearest_hint(str(name), _FIELDS)}; rename it, as in "
                "df.rename(columns={'question': 'input'}), or choose columns, as in df[['input', 'expected_output']]; "
                "a label is called metadata.<name>"
            )
    if "input" not in names:
        _refuse("has no column 'input'; rename one, as in df.rename(columns={'question': 'input'})")


def _values(column: Any) -> list[Any]:
    """Return the values of a column as Python's own; a missing one is None."""
    found = [None if _is_missing(value) else value for value in map(_plain, column.tolist())]
    numbers = [value for value in found if value is not None]
    is_plain_float = isinstance(column.dtype, sys.modules["numpy"].dtype) and column.dtype.kind == "f"
    if is_plain_float and len(numbers) < len(found) and all(value.is_integer() for value in numbers):
        return [None if value is None else int(value) for value in found]
    return found


def _is_missing(value: Any) -> bool:
    pandas = sys.modules["pandas"]
    return value is None or value is pandas.NA or value is pandas.NaT or (isinstance(value, float) and isnan(value))


def _plain(value: Any) -> Any:
    """Return a value with those of numpy in it as Python's own."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    numpy = sys.modules["numpy"]  # which pandas has imported
    return _plain(value.tolist()) if isinstance(value, numpy.ndarray | numpy.generic) else value


def _row(values: dict[str, Any]) -> dict[str, Any]:
    found = {name: value for name, value in values.items() if value is not None}
    labels = {
        name.removeprefix(_LABEL): found.pop(name) for name in values if name.startswith(_LABEL) and name in found
    }
    own = found.get("metadata", {})
    if labels and isinstance(own, dict):
        found["metadata"] = {**own, **labels}
    return found


def _refuse(detail: str) -> NoReturn:
    raise ValueError(detail)
