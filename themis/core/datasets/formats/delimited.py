"""Tables as text: CSV and TSV. The first row names the columns; a cell is a text, and only an empty one is missing."""

import csv
from collections.abc import Iterator
from pathlib import Path

from themis.core.datasets.case_rows import CaseRows
from themis.core.datasets.formats.packed_files import MAX_LINE_BYTES, lines_of, probable_packing
from themis.core.errors import DatasetError
from themis.core.models import Case

Cells = tuple[str, ...]

_MEANINGS = {
    "field larger": f"a cell is longer than {MAX_LINE_BYTES // 2**20} MiB: is a quote not closed?",
    "unexpected end of data": "it ends within a quoted cell",
    "expected after": "a quoted cell goes on after its quote: a quote within a cell is written twice",
    "new-line character": "a line ends with a carriage return alone",
}
"""What the csv module's messages mean, by a part of them."""


class DelimitedRows:
    """Rows of a CSV or TSV file in UTF-8, quoted as RFC 4180 says; a row's place is the line in which it begins."""

    def __init__(self, path: Path, cases: CaseRows, delimiter: str) -> None:
        """Read the file at `path` once, with `delimiter` between cells; it is not opened yet."""
        self.path = path
        self._cases = cases
        self._delimiter = delimiter
        self._columns: Cells = ()
        self._columns_hash = 0
        self.case_again = self.case

    def __iter__(self) -> Iterator[tuple[int, Cells]]:
        """Yield the line in which each row begins, and its cells.

        Raises:
            DatasetError: the file cannot be read, or is not a table; a column has no field of a case.
        """
        # The module's limit is one for the whole process, and lower than that of a line here.
        csv.field_size_limit(max(csv.field_size_limit(), MAX_LINE_BYTES))
        reader = csv.reader(self._texts(), delimiter=self._delimiter, strict=True)
        begins = 1
        try:
            for cells in reader:
                place, begins = begins, reader.line_num + 1
                if not cells:
                    continue
                if self._columns:
                    self._check_width(cells, place)
                    yield place, tuple(cells)
                else:
                    self._take_header(cells, place)
        except csv.Error as error:
            meaning = next((meaning for part, meaning in _MEANINGS.items() if part in str(error)), str(error))
            raise self._refusal(begins, f"is not CSV: {meaning}") from None

    def where(self, place: int) -> str:
        """Return the file and line."""
        return f"{self.path}:{place}"

    def mark(self, record: Cells) -> int:
        """Return a hash of a row under its columns."""
        return hash((self._columns_hash, record))

    def row(self, record: Cells) -> dict[str, str | None]:
        """Return the cells of a row by their columns; None for an empty one."""
        return {column: cell or None for column, cell in zip(self._columns, record, strict=True)}

    def case(self, record: Cells, case_number: int) -> Case:
        """Return the case in a row.

        Raises:
            ValueError: it does not hold a case.
        """
        return self._cases.case(self.row(record), case_number)

    def _texts(self) -> Iterator[str]:
        for number, line in lines_of(self.path):
            try:
                yield line.decode()
            except UnicodeDecodeError as error:
                hint = (number == 1 and probable_packing(line)) or "; save it as UTF-8"
                raise self._refusal(number, f"is not UTF-8 text (byte {error.start + 1}){hint}") from None

    def _take_header(self, cells: list[str], place: int) -> None:
        try:
            self._cases.check(cells)
        except ValueError as error:
            other = next((sign for sign in ";\t," if sign != self._delimiter and sign in cells[0]), None)
            hint = f"; are its cells separated by {other!r}? Here it must be {self._delimiter!r}"
            raise self._refusal(place, f"{error}{hint if other and len(cells) == 1 else ''}") from None
        self._columns = tuple(cells)
        self._columns_hash = hash(self._columns)

    def _check_width(self, cells: list[str], place: int) -> None:
        if len(cells) != len(self._columns):
            raise self._refusal(place, f"has {len(cells)} cells, and the header has {len(self._columns)}")

    def _refusal(self, place: int, detail: str) -> DatasetError:
        return DatasetError(where=self.where(place), detail=detail)
