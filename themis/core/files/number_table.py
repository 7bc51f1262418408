"""Table of numbers by keys, in a temporary file: what it needs of memory does not grow with its rows."""

import heapq
import os
import tempfile
from array import array
from collections.abc import Iterable, Iterator
from itertools import accumulate, islice, pairwise
from types import TracebackType
from typing import Self

ROWS_IN_MEMORY = 50_000
"""Rows that are sorted at a time."""

_NUMBER_BYTES = 8
_BUCKET_BYTES = 2
_BLOCK_ROWS = 2_000


class NumberTable:
    """Numbers of at least 0 by keys, in a temporary file, which has no name and ends with the process.

    Its rows are sorted by their keys. Those of one bucket, whose keys begin with the same two bytes, are read together;
    so these have to differ from key to key as those of a hash do.
    """

    def __init__(self, rows: Iterable[tuple[bytes, int]], key_bytes: int) -> None:
        """Make a table of `rows`, each a key of that length and its number; no key occurs twice.

        Raises:
            OSError: the file cannot be written.
        """
        self._key_bytes = key_bytes
        self._row_bytes = key_bytes + _NUMBER_BYTES
        self._begins = array("Q", bytes(8 * (1 + 256**_BUCKET_BYTES)))
        self._file = tempfile.TemporaryFile()  # noqa: SIM115  # closed by __exit__
        try:
            self._write(iter(rows))
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        """Return the table."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove the file."""
        self._file.close()

    def get(self, key: bytes) -> int | None:
        """Return the number of a key; None when it has none."""
        bucket, width = int.from_bytes(key[:_BUCKET_BYTES]), self._row_bytes
        begin, end = self._begins[bucket], self._begins[bucket + 1]
        rows = os.pread(self._file.fileno(), (end - begin) * width, begin * width)
        for start in range(0, len(rows), width):
            if rows.startswith(key, start):
                return int.from_bytes(rows[start + self._key_bytes : start + width])
        return None

    def _write(self, rows: Iterator[tuple[bytes, int]]) -> None:
        """Sort the rows part by part, and merge the parts."""
        with tempfile.TemporaryFile() as parts:
            begins = [0]
            while part := sorted(key + number.to_bytes(_NUMBER_BYTES) for key, number in islice(rows, ROWS_IN_MEMORY)):
                parts.write(b"".join(part))
                begins.append(begins[-1] + len(part))
            parts.flush()
            each = [self._between(parts.fileno(), *of_one) for of_one in pairwise(begins)]
            merged = heapq.merge(*each)
            while block := list(islice(merged, _BLOCK_ROWS)):
                self._file.write(b"".join(block))
                for row in block:
                    self._begins[int.from_bytes(row[:_BUCKET_BYTES]) + 1] += 1
        self._begins = array("Q", accumulate(self._begins))
        self._file.flush()

    def _between(self, descriptor: int, begin: int, end: int) -> Iterator[bytes]:
        """Yield the rows from position `begin` to before `end` of a file, with a block of them in memory."""
        width = self._row_bytes
        for first in range(begin, end, _BLOCK_ROWS):
            count = min(_BLOCK_ROWS, end - first)
            block = os.pread(descriptor, count * width, first * width)
            for start in range(0, count * width, width):
                yield block[start : start + width]
