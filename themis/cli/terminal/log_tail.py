"""Following a log as it grows, also across its rotation, as `tail -F` does for one file."""

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from themis.core.files import guarded

LONGEST_LINE_BYTES = 1_000_000
_CHUNK_BYTES = 65_536
_END_OF_LINE = re.compile(rb"\r\n|\n|\r(?!\Z)")  # a carriage return at the end may be the first half of an end of line


class LogTail:
    """The lines of a log, as they are completed.

    When the file is renamed away, the rest of it is read first, and then the new file of its name.
    """

    def __init__(self, path: Path) -> None:
        """Follow the log at `path`, which need not exist yet."""
        self._path = path
        self._file: BinaryIO | None = None
        self._begun = b""

    def rotated_away(self) -> Iterator[str]:
        """The lines that were rotated away before; read these first."""
        return lines_of([self._path.with_name(f"{self._path.name}.1")])

    def new_lines(self) -> Iterator[str]:
        """The lines that were completed since the last call."""
        while True:
            if self._file is None:
                self._file = _opened(self._path)
                if self._file is None:
                    return
            yield from self._completed()
            if not self._is_replaced():
                return
            yield from self._completed()  # lines written between the reading and the renaming
            begun = self._begun
            self.close()
            self._begun = begun

    def rest(self) -> Iterator[str]:
        """The remaining lines, when nothing more will come: new ones, and an incomplete last one."""
        yield from self.new_lines()
        if self._begun:
            yield _decoded(self._begun.rstrip(b"\r"))
        self.close()

    def close(self) -> None:
        """Close the file; reading again starts from the beginning."""
        self._begun = b""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _completed(self) -> Iterator[str]:
        while self._file is not None and (data := self._file.read(_CHUNK_BYTES)):
            *whole, self._begun = _END_OF_LINE.split(self._begun + data)
            yield from map(_decoded, whole)
            if len(self._begun) > LONGEST_LINE_BYTES:
                yield _decoded(self._begun)
                self._begun = b""

    def _is_replaced(self) -> bool:
        """Whether the name now belongs to another file, or the file was truncated."""
        if self._file is None:
            return False
        here = os.fstat(self._file.fileno())
        try:
            there = self._path.lstat()
        except FileNotFoundError:
            return False  # renamed away: the new file will appear soon
        if (there.st_dev, there.st_ino) != (here.st_dev, here.st_ino):
            return True
        return there.st_size < self._file.tell()


def lines_of(paths: Sequence[Path]) -> Iterator[str]:
    """The lines of the parts of a log, one part after the other."""
    for path in paths:
        tail = LogTail(path)
        yield from tail.rest()


def _opened(path: Path) -> BinaryIO | None:
    try:
        return os.fdopen(guarded.open_to_read(path), "rb", buffering=0)
    except OSError:
        return None


def _decoded(line: bytes) -> str:
    return line.decode("utf-8", errors="replace")
