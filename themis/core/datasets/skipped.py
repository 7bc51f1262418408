"""Cases of a dataset that are skipped when it is read again, as they are done or are somebody else's."""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Skipped:
    """Cases that nobody wants, by their index in their dataset, from 0.

    Attributes:
        flags: a byte for each case, not 0 for one that is skipped; those behind its end are wanted.
        stop: index of the case before which the reading ends; None to read all.
    """

    flags: bytes | bytearray = b""
    stop: int | None = None

    def left(self, begin: int, end: int) -> Iterator[int]:
        """Yield the indices from `begin` to before `end` of the cases that are wanted, in order."""
        known = min(len(self.flags), end)
        index = begin
        while index < known and (index := self.flags.find(0, index, known)) >= 0:
            yield index
            index += 1
        yield from range(max(begin, known), end)

    def end(self, count: int) -> int:
        """Return the index before which the reading of so many cases ends."""
        return count if self.stop is None else min(self.stop, count)


NONE_SKIPPED = Skipped()
"""Every case is wanted."""
