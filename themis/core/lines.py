"""Text from anywhere as one line for people: what others wrote moves no cursor and forges no second line.

And a message of bounded length: what an experiment's exception says may be a megabyte.
"""

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
