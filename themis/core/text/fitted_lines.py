"""Text that fits a terminal: its width, and lines that are broken or shortened between words, where they can be."""

import re
import unicodedata
from collections.abc import Iterable, Iterator

_ELLIPSIS = "…"
_WIDE = frozenset("WF")
_UNSEEN = frozenset({"Mn", "Me", "Cf"})
_JOINTS = re.compile(r"(?<=[-_/,.=:;])(?=[^-_/,.=:;])")
"""Places where a word that is wider than a line is broken."""

_WORDS = re.compile(r"(?<=: )themis [^;]*[^;\s];?|\S+")


def width_of(text: str) -> int:
    """Return the number of columns that a text takes: wide characters take two, and marks on another one none."""
    return len(text) if text.isascii() else sum(map(_columns, text))


def shortened(text: str, width: int) -> str:
    """Return `text`, or if it is wider than `width` its beginning and an ellipsis, where it can be after a word."""
    if width_of(text) <= width:
        return text
    room = max(width - width_of(_ELLIPSIS), 0)
    beginning = _beginning(text, room)
    whole_words = beginning if text[len(beginning)].isspace() else beginning.rpartition(" ")[0]
    found = whole_words.rstrip()
    return f"{found if 2 * width_of(found) >= room else beginning}{_ELLIPSIS}"


def wrapped(text: str, width: int, *, indent: int = 0) -> list[str]:
    """Return the lines of a text, each at most `width` wide, broken between words; those after the first are indented.

    A word that is wider than a line is broken, after a hyphen or the like if it can be. Only a command to type, at the
    end of a sentence after a colon, is one line however long: in two parts it could not be copied.
    """
    return flowed(_WORDS.findall(text), width, first="", then=" " * indent, gap=" ", keeps_commands=True)


def shortened_lines(text: str, width: int, most: int) -> list[str]:
    """Return the lines of a text, at most so many; the last ends in an ellipsis if there would be more."""
    lines = wrapped(text, width)
    return [*lines[: most - 1], shortened(" ".join(lines[most - 1 :]), width)] if len(lines) > most else lines


def flowed(
    items: Iterable[str], width: int, *, first: str, then: str, gap: str = "  ", keeps_commands: bool = False
) -> list[str]:
    """Return lines that hold as many items as fit, with a gap between them; an item that is too wide is broken.

    Args:
        items: each stays whole where it can.
        width: of the lines, in columns.
        first: what the first line begins with.
        then: what each other line begins with.
        gap: between two items in one line.
        keeps_commands: whether an item of several words stays whole however wide it is.
    """
    lines: list[str] = []
    line = first
    room = max(width - max(width_of(first), width_of(then)), 1)
    is_empty = True
    for item in items:
        is_kept = keeps_commands and " " in item
        for number, piece in enumerate([item] if is_kept else _pieces(item, room)):
            between = "" if is_empty else gap if number == 0 else " "
            if not is_empty and (number > 0 or width_of(line + between + piece) > width):
                lines.append(line)
                line, between = then, ""
            line += between + piece
            is_empty = False
    return lines if is_empty else [*lines, line]


def _pieces(item: str, width: int) -> Iterator[str]:
    """Yield the parts of an item, each in a line: words together as far as they fit."""
    if width_of(item) <= width:
        yield item
        return
    line = ""
    for word in item.split():
        for part in _parts(word, width):
            together = f"{line} {part}" if line and part == word else part
            if line and (part != word or width_of(together) > width):
                yield line
                together = part
            line = together
    if line:
        yield line


def _parts(word: str, width: int) -> Iterator[str]:
    """Yield the parts of a word, broken after a hyphen or the like where that is possible."""
    line = ""
    for part in _JOINTS.split(word):
        if line and width_of(line + part) > width:
            yield line
            line = ""
        line += part
        while width_of(line) > width:
            beginning = _beginning(line, width) or line[0]
            yield beginning
            line = line[len(beginning) :]
    if line:
        yield line


def _beginning(text: str, width: int) -> str:
    """The longest beginning of a text that is at most `width` wide."""
    taken = 0
    for place, sign in enumerate(text):
        taken += _columns(sign)
        if taken > width:
            return text[:place]
    return text


def _columns(sign: str) -> int:
    if unicodedata.category(sign) in _UNSEEN:
        return 0
    return 2 if unicodedata.east_asian_width(sign) in _WIDE else 1
