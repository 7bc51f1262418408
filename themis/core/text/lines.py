"""Text from anywhere as text for people: what others wrote moves no cursor, turns no line around and forges no other.

What is shown once, on a terminal, is `printable`; what may be kept, and looked at with `cat` one day, is `visible`.
A message has a bounded length (`cut`): what an experiment's exception says may be a megabyte.
"""

import re

# Control characters but for tab and newline, marks that change the direction of what follows, and halves of a pair.
_UNSEEN = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")

MESSAGE_BYTES = 4_000
"""As much of a message is kept where many are kept, or handed from process to process; a store keeps the whole."""


def cut(text: str, most_bytes: int = MESSAGE_BYTES) -> str:
    """`text`, if it takes no more than so many bytes of UTF-8; else its beginning, and that it was cut.

    It is cut between two characters. What UTF-8 cannot carry is escaped.
    """
    data = text.encode("utf-8", "backslashreplace")
    if len(data) <= most_bytes:
        return data.decode()
    mark = f" … (cut: it has {len(data):,} bytes)"
    return data[: max(most_bytes - len(mark.encode()), 0)].decode("utf-8", "ignore") + mark


def one_line(text: str) -> str:
    """`text` as one line that does nothing to a terminal."""
    return printable(" ".join(text.split()))


def printable(text: str) -> str:
    """`text` without what a terminal would take for a command."""
    return (
        text
        if text.isprintable()
        else "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text)
    )


def visible(text: str) -> str:
    r"""`text` in which each character that would do something, unseen, is written as Python writes it, as in `\x1b`.

    Tabs and newlines stay, and so does all that is only rare.
    """
    return _UNSEEN.sub(lambda found: repr(found[0])[1:-1], text)
