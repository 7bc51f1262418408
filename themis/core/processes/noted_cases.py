"""Notes of the cases that a run works on, in memory that survives its process.

The memory is a mapped file: a case that begins or ends is a number that is written there, without a call of the
system. However the process ends, the kernel keeps what was written, and a process that sees the end can read which
cases it was on. The file is not synced, as nobody asks for it after a power loss.
"""

import contextlib
import hashlib
import mmap
import os
import struct
from array import array
from pathlib import Path
from typing import NamedTuple

from themis.core.files import guarded

MOST_NOTED = 4_096
"""Cases that are noted at a time; beyond that a case that begins is not."""

_HEADER = struct.Struct("=8sQ")
_HEADER_CELLS = _HEADER.size // 8
_ALONE = 1
_MOST_BYTES = (_HEADER_CELLS + MOST_NOTED) * 8
_LARGEST_NUMBER = 2**53


class InFlight(NamedTuple):
    """Cases that a process was on when it died.

    Attributes:
        cases: their positions in the run, in order.
        alone: whether it ran its cases one at a time.
    """

    cases: tuple[int, ...]
    alone: bool = False


class NotedCases:
    """Notes that this process keeps while it runs cases; used by one thread."""

    def __init__(self, path: Path, memory: mmap.mmap, room: int) -> None:
        """Keep notes of so many cases in `memory`, which is the file `path`."""
        self._path = path
        self._memory = memory
        self._view = memoryview(memory)
        self._cells = self._view.cast("Q")
        self._free = list(range(_HEADER_CELLS + room - 1, _HEADER_CELLS - 1, -1))
        self._places: dict[int, int] = {}

    @classmethod
    def make(cls, path: Path, token: str, room: int) -> "NotedCases":
        """Make the file, in the place of an earlier one.

        Args:
            path: of the file; its folder exists.
            token: of the claim that the process runs under: notes of another are not taken for its own.
            room: number of cases that are in flight at most.

        Raises:
            OSError, ValueError: it cannot be made or mapped.
        """
        room = min(room, MOST_NOTED)
        size = (_HEADER_CELLS + room) * 8
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(path, flags, 0o600)
        try:
            # In full: a page without a block on a full disk would kill the process that writes to it.
            data = _HEADER.pack(_name_of(token), 0) + bytes(room * 8)
            if os.write(descriptor, data) < size:
                raise OSError(None, "the disk is full", str(path))
            return cls(path, mmap.mmap(descriptor, size), room)
        finally:
            os.close(descriptor)

    def begin(self, case_no: int) -> None:
        """Note that a case is in flight."""
        if self._free:
            place = self._places[case_no] = self._free.pop()
            self._cells[place] = case_no + 1

    def end(self, case_no: int) -> None:
        """Note that it has ended."""
        place = self._places.pop(case_no, None)
        if place is not None:
            self._cells[place] = 0
            self._free.append(place)

    def one_at_a_time(self, *, alone: bool) -> None:
        """Note whether cases run one at a time from now on."""
        self._cells[1] = _ALONE if alone else 0

    def close(self) -> None:
        """Remove the notes: the process has ended in order what it noted."""
        self._cells.release()
        self._view.release()
        self._memory.close()
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)


def read_notes(path: Path, token: str) -> InFlight | None:
    """Return what a process that has died has noted under a claim; None when there is nothing, or it is unreadable."""
    try:
        data = guarded.read(path, _MOST_BYTES)
    except OSError:
        return None
    if len(data) < _HEADER.size or len(data) % 8:
        return None
    name, mode = _HEADER.unpack_from(data)
    if name != _name_of(token):
        return None
    cells = array("Q")
    cells.frombytes(data[_HEADER.size :])
    return InFlight(tuple(sorted({cell - 1 for cell in cells if 0 < cell < _LARGEST_NUMBER})), mode == _ALONE)


def _name_of(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()[:8]
