"""Items of a list that is a whole JSON file, without holding more than one of them."""

import codecs
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NoReturn

from themis.core.datasets.formats.packed_files import MAX_LINE_BYTES, opened

_CHUNK_BYTES = 256 * 1024
_SPACE = re.compile(r"[ \t\n\r]*")
_COMMA = re.compile(r"[ \t\n\r]*,[ \t\n\r]*(?=[^ \t\n\r])")


def items_of(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield the line in which each item begins, from 1, and the item's text.

    Raises:
        DatasetError: the file cannot be read.
        ValueError: it is not UTF-8, or not one JSON list; or an item is longer than `MAX_LINE_BYTES`.
    """
    with opened(path) as file:
        text = _Text(file)
        text.take("[")
        if text.peek() != "]":  # skips the space before the first item
            yield text.item()
            while text.take_comma():
                yield text.item()
        text.take("]")
        if text.peek():
            text.refuse("there is more after the list")


class _Text:
    """The text of a file from its first character not yet taken, as far as it has been read."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._read = ""
        self._at = 0
        self._line = 1
        self._ended = False
        self._item_end = json.JSONDecoder().raw_decode

    def peek(self) -> str:
        """Skip space, and return the next character; empty at the end."""
        while True:
            space = _SPACE.match(self._read, self._at)
            end = space.end() if space else self._at
            self._line += self._read.count("\n", self._at, end)
            self._at = end
            if end < len(self._read):
                return self._read[end]
            if self._ended:
                return ""
            self._fill()

    def take(self, sign: str) -> None:
        """Take the next character, which must be `sign`."""
        if self.peek() != sign:
            self.refuse(f"expecting {sign!r}")
        self._at += 1

    def take_comma(self) -> bool:
        """Take a comma and the space around it, if it is next."""
        comma = _COMMA.match(self._read, self._at)
        if comma is None:  # none, or one near the end of what has been read
            if self.peek() != ",":
                return False
            self.take(",")
            self.peek()
            return True
        self._line += self._read.count("\n", self._at, comma.end())
        self._at = comma.end()
        return True

    def item(self) -> tuple[int, bytes]:
        """Take the value that begins here, and return its line and its text."""
        while (end := self._end_of_item()) is None:
            if len(self._read) - self._at > MAX_LINE_BYTES:
                self.refuse(f"an item is longer than {MAX_LINE_BYTES // 2**20} MiB")
            self._fill()
        line, text = self._line, self._read[self._at : end]
        self._line += text.count("\n")
        self._at = end
        return line, text.encode()

    def refuse(self, reason: str) -> NoReturn:
        msg = f"is not JSON: {reason} (line {self._line})"
        raise ValueError(msg)

    def _end_of_item(self) -> int | None:
        """Return where the value ends that begins here; None when more has to be read to know it."""
        try:
            end = self._item_end(self._read, self._at)[1]
        except json.JSONDecodeError as error:
            if self._ended:
                self._line += self._read.count("\n", self._at, error.pos)
                self.refuse(error.msg)
            return None
        except RecursionError:
            self.refuse("it is nested too deeply")
        # A number that reaches to the end of what has been read may go on.
        return end if end < len(self._read) or self._ended else None

    def _fill(self) -> None:
        # As much again as is waiting, so that a long item is not looked through more than a few times.
        data = self._file.read(max(_CHUNK_BYTES, len(self._read) - self._at))
        self._ended = not data
        try:
            self._read = self._read[self._at :] + self._decoder.decode(data, final=self._ended)
        except UnicodeDecodeError:
            msg = f"is not UTF-8 text (after line {self._line})"
            raise ValueError(msg) from None
        self._at = 0
