"""JSON objects: one a line (JSONL), or the items of one list."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from themis.core.datasets.case_lines import CaseLines, object_in
from themis.core.datasets.formats import json_list
from themis.core.datasets.formats.packed_files import Watch, line_blocks, probable_packing
from themis.core.errors import DatasetError
from themis.core.models import Case

_ONE_A_LINE = "cases are JSON objects, one per line (JSONL)"


class JsonLines:
    """Lines of a file, each with one JSON object, in UTF-8; empty lines do not count."""

    def __init__(self, path: Path, cases: CaseLines, watch: Watch | None = None) -> None:
        """Read the lines of the file at `path` as `cases` does; it is not opened yet. `watch` see `line_blocks`."""
        self.path = path
        self._cases = cases
        self._watch = watch
        self.case_again = cases.case_again
        self.mark = hash

    def __iter__(self) -> Iterator[tuple[int, bytes]]:
        """Return the number of each line that is not empty, and the line.

        Raises:
            DatasetError: the file cannot be read, or a line is too long; raised by the iterator.
        """
        return ((place, line) for places, lines in self.blocks() for place, line in zip(places, lines, strict=True))

    def blocks(self) -> Iterator[tuple[Sequence[int], Sequence[bytes]]]:
        """Yield the same lines many at a time: the number of each, and each line.

        Raises:
            DatasetError: as for the iterator.
        """
        for first, lines in line_blocks(self.path, self._watch):
            places: Sequence[int] = range(first, first + len(lines))
            if not all(lines) or any(map(bytes.isspace, lines)):  # rare, and a call of each would take as long again
                places = [place for place, line in zip(places, lines, strict=True) if _is_written(line)]
                lines = list(filter(_is_written, lines))  # noqa: PLW2901
            yield places, lines

    def where(self, place: int) -> str:
        """Return the file and line."""
        return f"{self.path}:{place}"

    def row(self, record: bytes) -> dict[str, Any]:
        """Return the object in a line.

        Raises:
            ValueError: it holds something else.
        """
        return object_in(record)

    def case(self, record: bytes, case_number: int) -> Case:
        """Return the case in a line.

        Raises:
            ValueError: it does not hold a case.
        """
        try:
            return self._cases.case(record, case_number)
        except ValueError as error:
            hint = _hint(record) if case_number == 1 else ""
            msg = f"{error}{hint}"
            raise ValueError(msg) from None


class JsonFile(JsonLines):
    """A file with JSON objects: those of one list, else one a line. An item's place is the line in which it begins."""

    def __iter__(self) -> Iterator[tuple[int, bytes]]:
        """Yield the number of the line in which each object begins, and its text.

        Raises:
            DatasetError: the file cannot be read, or is neither.
        """
        lines = super().__iter__()
        first = next(lines, None)
        if first is None:
            return
        if not first[1].lstrip().startswith(b"["):
            yield first
            yield from lines
            return
        try:
            yield from json_list.items_of(self.path)
        except ValueError as error:
            raise DatasetError(where=str(self.path), detail=str(error)) from None


def _is_written(line: bytes) -> bool:
    """Whether a line is more than white space."""
    return bool(line) and not line.isspace()


def _hint(first_line: bytes) -> str:
    """Return the probable kind of a file whose first line is not a case, to end a message; empty when unknown."""
    if packing := probable_packing(first_line):
        return packing
    if first_line.lstrip().startswith(b"["):
        return f"; {_ONE_A_LINE}; let the name of a file with a list of them end in .json"
    return ""
