"""Parquet files, by the package pyarrow."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from themis.core.datasets.case_rows import CaseRows
from themis.core.datasets.formats.arrow_library import arrow_and_parquet
from themis.core.datasets.formats.arrow_values import json_of
from themis.core.datasets.formats.packed_files import opened, packing_of
from themis.core.errors import DatasetError
from themis.core.models import Case
from themis.core.text.lines import one_line

Values = tuple[Any, ...]

_ROWS = 1_000
"""Rows that are made Python values at once."""


class ParquetRows:
    """Rows of a Parquet file; a row's place is its number, from 1.

    Nulls and NaN are missing values; dates and times are texts as ISO 8601 writes them, decimal numbers as they are
    written; structs are objects. A column of bytes cannot be read.
    """

    def __init__(self, path: Path, cases: CaseRows) -> None:
        """Read the file at `path` once; it is not opened yet."""
        self.path = path
        self._cases = cases
        self._columns: tuple[str, ...] = ()
        self.case_again = self.case

    def __iter__(self) -> Iterator[tuple[int, Values]]:
        """Yield the number of each row, and its values.

        Raises:
            DatasetError: the file cannot be read, or is not a Parquet file; a column has no field of a case.
            MissingExtraError: pyarrow is not installed.
        """
        arrow, parquet = arrow_and_parquet(str(self.path))
        place = 0
        try:
            with _seekable(self.path) as file, parquet.ParquetFile(file) as table:
                self._take_columns(table.schema_arrow.names)
                for batch in table.iter_batches(_ROWS):
                    for values in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                        place += 1
                        yield place, values
        except arrow.ArrowException as error:
            reason = f"is not a Parquet file, or is damaged: {one_line(str(error))[:200]}"
            raise DatasetError(where=str(self.path), detail=reason) from None

    def where(self, place: int) -> str:
        """Return the file and row."""
        return f"{self.path}, row {place}"

    def mark(self, record: Values) -> int:
        """Return a hash of a row under its columns, in which 1 and 1.0 differ."""
        return hash((self._columns, repr(record)))

    def row(self, record: Values) -> dict[str, Any]:
        """Return the values of a row by their columns; None for a missing one."""
        return {
            column: value if type(value) is str else json_of(value)
            for column, value in zip(self._columns, record, strict=True)
        }

    def case(self, record: Values, case_number: int) -> Case:
        """Return the case in a row.

        Raises:
            ValueError: it does not hold a case.
        """
        return self._cases.case(self.row(record), case_number)

    def _take_columns(self, names: list[str]) -> None:
        try:
            self._cases.check(names)
        except ValueError as error:
            raise DatasetError(where=str(self.path), detail=str(error)) from None
        self._columns = tuple(names)


@contextmanager
def _seekable(path: Path) -> Iterator[IO[bytes]]:
    """Open a file for reading at any place: a packed one as a temporary copy."""
    with opened(path) as file:
        if not packing_of(path):
            yield file
            return
        with tempfile.TemporaryFile() as copy:
            shutil.copyfileobj(file, copy)
            copy.seek(0)
            yield copy
