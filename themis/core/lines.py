"""Text from anywhere as one line for people: what others wrote moves no cursor and forges no second line."""


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
