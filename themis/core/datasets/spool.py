"""Cases kept in a temporary file, and read in any order."""

import tempfile
from array import array
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Self

from themis.core.models import Case


class Spool:
    """Temporary file of cases, which has no name and ends with the process; only where each begins is in memory."""

    def __init__(self) -> None:
        """Create an empty file."""
        self._file = tempfile.TemporaryFile()  # noqa: SIM115  # closed by __exit__
        self._begins = array("q", [0])

    def __enter__(self) -> Self:
        """Return the spool."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove the file."""
        self._file.close()

    def add(self, case: Case) -> None:
        """Append a case."""
        text = case.model_dump_json().encode()
        self._file.write(text)
        self._begins.append(self._begins[-1] + len(text))

    def in_order(self, places: Sequence[int]) -> Iterator[Case]:
        """Yield the cases at some places, which count from 0 in the order in which they were added."""
        for place in places:
            begin, end = self._begins[place], self._begins[place + 1]
            self._file.seek(begin)
            yield Case.model_validate_json(self._file.read(end - begin))
