"""Protocol of the records of a file."""

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from themis.core.models import Case


class Records(Protocol):
    """Records of one file in their order; it is read from its start with each iteration.

    A record is what the format makes of a case before it is one: the bytes of a line, the cells of a row. A place is
    the number of its line or row, from 1.
    """

    def __iter__(self) -> Iterator[tuple[int, Any]]:
        """Yield the place of each record, and the record.

        Raises:
            DatasetError: the file cannot be read, or holds something else; the message names file and place.
        """

    def where(self, place: int) -> str:
        """Return the file and place of a record, for messages."""

    def mark(self, record: Any) -> int:
        """Return 64 bits that differ for records that are different cases."""

    def row(self, record: Any) -> Mapping[str, Any]:
        """Return the values of a record by their names.

        Raises:
            ValueError: it has none.
        """

    def case(self, record: Any, case_number: int) -> Case:
        """Return the case in a record; without an id of its own it is `case-<case_number>`.

        Raises:
            ValueError: it does not hold a case; the message says why.
        """

    def case_again(self, record: Any, case_number: int) -> Case:
        """Return the case of a record that `case` has read before, without repeating its checks."""
