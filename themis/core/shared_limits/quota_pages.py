"""Two pages of a quota file: the content is written to one, then to the other, so that a killed writer spoils none.

Each page begins with a line: format, number of the writing, length and checksum of what follows. The valid page with
the higher number is the content. It is written in place and not synced: after a power failure another boot begins, and
the content is void.
"""

import os
import zlib
from dataclasses import dataclass

FORMAT = 1
PAGE_BYTES = 2**19
_MAGIC = b"themis-quota "
_HEAD_BYTES = len(_MAGIC) + 3 + 17 + 9 + 9
_FIRST_READ = 4_096


class NewerPagesError(ValueError):
    """A newer version wrote the file, which alone may change it."""


@dataclass(frozen=True, slots=True)
class Page:
    """A valid page: where it is, the number of its writing, and its content; number 0 for an empty file."""

    place: int
    number: int
    checksum: int
    data: bytes


def read(descriptor: int) -> Page:
    """Return the newest page.

    Raises:
        NewerPagesError: a newer version wrote it.
        ValueError: no page is valid, and the file is not empty.
        OSError: it cannot be read.
    """
    found = [page for place in (0, 1) if (page := _page(descriptor, place)) is not None]
    if found:
        return max(found, key=lambda page: page.number)
    if any(os.pread(descriptor, _FIRST_READ, place * PAGE_BYTES).strip(b"\0") for place in (0, 1)):
        msg = "no page of it is valid"
        raise ValueError(msg)
    return Page(place=1, number=0, checksum=0, data=b"")


def write(descriptor: int, before: Page, data: bytes) -> Page:
    """Write the page that follows `before`, and return it.

    Raises:
        ValueError: it is too large.
        OSError: it cannot be written; then the page before it is still the content.
    """
    if len(data) > PAGE_BYTES - _HEAD_BYTES:
        msg = f"it has more than {PAGE_BYTES:,} bytes"
        raise ValueError(msg)
    page = Page(1 - before.place, before.number + 1, zlib.crc32(data), data)
    head = _MAGIC + b"%02d %016x %08x %08x\n" % (FORMAT, page.number, len(data), page.checksum)
    os.pwrite(descriptor, head + data, page.place * PAGE_BYTES)
    return page


def _page(descriptor: int, place: int) -> Page | None:
    begin = os.pread(descriptor, _FIRST_READ, place * PAGE_BYTES)
    if not begin.startswith(_MAGIC):
        return None
    try:
        number, writing, length, checksum = (
            int(word, base)
            for word, base in zip(begin[len(_MAGIC) : _HEAD_BYTES].split(), (10, 16, 16, 16), strict=True)
        )
    except ValueError:
        return None
    if number > FORMAT:
        msg = f"a newer version of Themis wrote it (format {number})"
        raise NewerPagesError(msg)
    if not 0 <= length <= PAGE_BYTES or writing < 1:
        return None
    data = begin[_HEAD_BYTES : _HEAD_BYTES + length]
    if len(data) < length:
        data += os.pread(descriptor, length - len(data), place * PAGE_BYTES + _HEAD_BYTES + len(data))
    return Page(place, writing, checksum, data) if zlib.crc32(data) == checksum and len(data) == length else None
