"""Files as they lie on the disk: regular ones only, unpacked by their names, and read in lines of bounded length."""

import contextlib
import gzip
import importlib
import io
import os
import stat
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from themis.core.errors import DatasetError, MissingExtraError
from themis.core.text.lines import one_line

MAX_LINE_BYTES = 64 * 1024 * 1024
BOM = b"\xef\xbb\xbf"

PACKINGS = (".gz", ".zst")
"""Ends of the names of packed files."""

Watch = Callable[[bytes], object]
"""Gets the bytes of a file, unpacked, as they are read."""

_BUFFER_BYTES = 1024 * 1024
_BLOCK_BYTES = 128 * 1024
_MAGIC = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"\xfd7zXZ": "xz", b"BZh": "bzip2", b"PK\x03\x04": "zip"}
_END_OF_NAME = {"gzip": ".gz", "zstd": ".zst"}


def format_suffix(path: Path) -> str:
    """Return the end of a file's name that names its format, in lower case: that before the end of a packing."""
    name = path.name.lower()
    for packing in PACKINGS:
        name = name.removesuffix(packing)
    return os.path.splitext(name)[1]  # noqa: PTH122  # a name, no path


def packing_of(path: Path) -> str:
    """Return the end of a packed file's name; empty for one that is not packed."""
    suffix = path.suffix.lower()
    return suffix if suffix in PACKINGS else ""


def probable_packing(beginning: bytes) -> str:
    """Return what a file seems to be packed with, to end a message; empty when it does not seem to be packed."""
    packing = next((name for magic, name in _MAGIC.items() if beginning.startswith(magic)), None)
    if packing is None:
        return ""
    named = f"let its name end in {_END_OF_NAME[packing]}, or " if packing in _END_OF_NAME else ""
    return f"; it is packed with {packing}: {named}unpack it"


@contextlib.contextmanager
def opened(path: Path) -> Iterator[io.BufferedReader]:
    """Open a file for reading, unpacked.

    Raises:
        DatasetError: it is not a regular file, cannot be read, or cannot be unpacked (while it is open, too).
        MissingExtraError: the package that unpacks it is not installed.
    """
    try:
        # Checked before it is opened: opening a FIFO would wait for somebody to write to it.
        if not stat.S_ISREG(path.stat().st_mode):
            raise DatasetError(where=str(path), detail="is not a regular file")
        with _unpacked(path) as file:
            yield file
    except _unpacking_errors(path) as error:
        raise DatasetError(where=str(path), detail=f"cannot be unpacked: {one_line(str(error))}") from None
    except OSError as error:
        raise DatasetError(
            where=str(path), detail=f"cannot be read: {error.strerror or one_line(str(error))}"
        ) from None


def lines_of(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield the number of each line, from 1, and its bytes with the line's end, without a byte order mark.

    Raises:
        DatasetError: as `opened`, or a line is longer than `MAX_LINE_BYTES`.
    """
    for first, lines in line_blocks(path):
        yield from enumerate(lines, start=first)


def line_blocks(path: Path, watch: Watch | None = None) -> Iterator[tuple[int, list[bytes]]]:
    """Yield the lines of a file many at a time: the number of the first of them, and all of them as in `lines_of`.

    Args:
        path: the file.
        watch: gets all bytes of the file.

    Raises:
        DatasetError: as `opened`, or a line is longer than `MAX_LINE_BYTES`.
    """
    number, begun, begun_bytes = 1, list[bytes](), 0
    with opened(path) as file:
        while data := file.read1(_BLOCK_BYTES):
            if watch is not None:
                watch(data)
            end = data.rfind(b"\n") + 1
            if end:
                lines = io.BytesIO(b"".join((*begun, memoryview(data)[:end]))).readlines()
                _refuse_long(len(lines[0]), path, number)  # the others are within what was read at once
                yield number, _without_mark(lines, number)
                number, begun, begun_bytes = number + len(lines), [], 0
            begun.append(data[end:])
            begun_bytes += len(data) - end
            _refuse_long(begun_bytes, path, number)
    if begun_bytes:
        yield number, _without_mark([b"".join(begun)], number)


def _without_mark(lines: list[bytes], number: int) -> list[bytes]:
    """Return lines without the byte order mark at the beginning of the first line of a file."""
    if number == 1:
        lines[0] = lines[0].removeprefix(BOM)
    return lines


def _refuse_long(length: int, path: Path, number: int) -> None:
    if length > MAX_LINE_BYTES:
        raise DatasetError(where=f"{path}:{number}", detail=f"is longer than {MAX_LINE_BYTES // 2**20} MiB")


def _unpacked(path: Path) -> AbstractContextManager[io.BufferedReader]:
    packing = packing_of(path)
    if packing == ".gz":
        return io.BufferedReader(gzip.GzipFile(path, "rb"), _BUFFER_BYTES)
    if packing == ".zst":
        return io.BufferedReader(_zstd(path).ZstdFile(path, "rb"), _BUFFER_BYTES)
    return io.BufferedReader(io.FileIO(path), _BUFFER_BYTES)


def _zstd(path: Path) -> Any:
    try:
        return importlib.import_module("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")
    except ImportError:
        raise MissingExtraError(
            reference=str(path), package="backports.zstd", distribution="themis-eval", extra="zstd"
        ) from None


def _unpacking_errors(path: Path) -> tuple[type[Exception], ...]:
    of_zstd = (_zstd(path).ZstdError,) if packing_of(path) == ".zst" else ()
    return (EOFError, zlib.error, gzip.BadGzipFile, *of_zstd)
