"""Rows of a split as records."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from themis.core.datasets.case_rows import CaseRows
from themis.core.datasets.hub.opened_split import OpenedSplit
from themis.core.datasets.hub.row_values import Convert, converter_of
from themis.core.errors import DatasetError, ThemisError
from themis.core.models import Case

Values = tuple[Any, ...]

_ROWS = 200
"""Rows that are made Python values at once: images may be among them."""


class HubRows:
    """Rows of a split; a row's place is its number, from 1.

    Nulls and NaN are missing values; labels are their texts, dates texts as ISO 8601 writes them; images, sounds and
    other files are texts with the hash of their content, see `themis.core.media`.
    """

    def __init__(
        self,
        title: str,
        opened: OpenedSplit,
        cases: CaseRows,
        columns: Sequence[str] | None,
        failure: Callable[[Exception], ThemisError],
    ) -> None:
        """Read `columns`, or all; `failure` says what follows from an error of the package that reads them."""
        self._title = title
        self._opened = opened
        self._cases = cases
        self._failure = failure
        self._wanted = columns
        self._columns = tuple(opened.features if columns is None else columns)
        self._converters = {name: converter_of(opened.features[name], opened) for name in self._columns}
        self.case_again = self.case

    def __iter__(self) -> Iterator[tuple[int, Values]]:
        """Yield the number of each row, and its values.

        Raises:
            DatasetError: they cannot be read; a column has no field of a case.
            HubUnavailableError: they are streamed, and the hub cannot be reached.
        """
        try:
            self._cases.check(self._columns)
        except ValueError as error:
            raise DatasetError(where=f"dataset {self._title!r}", detail=str(error)) from None
        place = 0
        batches = self._batches()
        while True:
            try:
                batch = next(batches, None)
            except Exception as error:
                raise self._failure(error) from error
            if batch is None:
                return
            for values in batch:
                place += 1
                yield place, values

    def where(self, place: int) -> str:
        """Return the split and row."""
        return f"dataset {self._title!r}, row {place}"

    def mark(self, record: Values) -> int:
        """Return a hash of a row under its columns."""
        return hash((self._columns, *map(_seen, record)))

    def row(self, record: Values) -> Mapping[str, Any]:
        """Return the values of a row by their columns, each converted when it is looked at; None for a missing one.

        Looking at one raises ValueError if it is not a value of JSON, or if the file that it names cannot be read.
        """
        return _Row(self._converters, dict(zip(self._columns, record, strict=True)))

    def case(self, record: Values, case_number: int) -> Case:
        """Return the case in a row.

        Raises:
            ValueError: it does not hold a case.
        """
        return self._cases.case(self.row(record), case_number)

    def _batches(self) -> Iterator[Iterator[Values]]:
        rows = self._opened.rows
        if self._wanted is not None:
            rows = rows.select_columns(list(self._wanted))
        for table in rows.iter(batch_size=_ROWS):
            columns = [table.column(name).to_pylist() for name in self._columns]
            yield zip(*columns, strict=True)


class _Row(Mapping[str, Any]):
    """Values of a row: a file among them is only read when it is wanted."""

    def __init__(self, converters: Mapping[str, Convert], values: Mapping[str, Any]) -> None:
        self._converters = converters
        self._values = values

    def __getitem__(self, name: str) -> Any:
        value = self._values[name]
        try:
            return self._converters[name](value)
        except (OSError, ValueError) as error:
            msg = f"column {name[:80]!r}: {error}"
            raise ValueError(msg) from error

    def __contains__(self, name: object) -> bool:
        return name in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


def _seen(value: Any) -> Any:
    """Return what tells a value from others: of a file its bytes and its path."""
    if isinstance(value, dict) and isinstance(value.get("bytes"), bytes):
        return value["bytes"], value.get("path")
    return repr(value)
