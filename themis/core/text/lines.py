"""Untrusted text made safe for people: it cannot move the cursor, reverse a line or forge another one.

Text that is shown once, on a terminal, is `printable`; text that may be kept, and read with `cat` later, is `visible`.
A message has a bounded length (`cut`): the text of an experiment's exception may be a megabyte.
"""

import re

# Control characters except tab and newline, marks that change the direction of the text, and lone surrogates.
_UNSEEN = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")

MESSAGE_BYTES = 4_000
"""Length of a message where many are kept or passed between processes; a store keeps the whole text."""


def storable(text: str) -> str:
    r"""Return `text` as every store can keep it: NUL, and characters that UTF-8 cannot encode, as Python escapes.

    SQLite keeps a NUL and other databases refuse it; none keeps half of a character, such as `\ud800`.
    """
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")


def is_storable(text: str) -> bool:
    """Whether every store can keep `text` as it is."""
    return storable(text) == text


def cut(text: str, most_bytes: int = MESSAGE_BYTES) -> str:
    """Return `text` if its UTF-8 fits into the limit; else its beginning, with a note that it was cut.

    It is cut between two characters, and `storable`.
    """
    data = storable(text).encode()
    if len(data) <= most_bytes:
        return data.decode()
    mark = f" … (cut: it has {len(data):,} bytes)"
    return data[: max(most_bytes - len(mark.encode()), 0)].decode("utf-8", "ignore") + mark


def one_line(text: str) -> str:
    """Return `text` as one line that is safe to print on a terminal."""
    return printable(" ".join(text.split()))


def printable(text: str) -> str:
    """Return `text` without the characters that a terminal would treat as commands."""
    return (
        text
        if text.isprintable()
        else "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text)
    )


def visible(text: str) -> str:
    r"""Return `text` with each invisible control character written as a Python escape, as in `\x1b`.

    Tabs, newlines and all other characters, however rare, stay.
    """
    return _UNSEEN.sub(lambda found: repr(found[0])[1:-1], text)
