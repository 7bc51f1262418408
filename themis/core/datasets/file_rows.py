"""Rows of a file that holds no cases: labels, scores, whatever is said about the cases of a dataset."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from themis.core.datasets.fields import Fields
from themis.core.datasets.file_source import records_of
from themis.core.errors import DatasetError

_ANY_COLUMNS = Fields({"input": "input"})
"""Paths that nobody looks up: with some, a table may have any columns."""


def rows_of(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield where each row stands, for messages, and its values by their names; None for an empty cell of a table.

    The file's format and packing are told by its name, as for a dataset.

    Raises:
        DatasetError: the file cannot be read, or a row holds no values by name; the message names file and place.
    """
    records = records_of(path, _ANY_COLUMNS)
    for place, record in records:
        where = records.where(place)
        try:
            row = records.row(record)
        except ValueError as error:
            raise DatasetError(where=where, detail=str(error)) from None
        yield where, row
