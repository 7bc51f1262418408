"""Colours of states on a terminal, and lines that have them."""

import os
from collections.abc import Iterable
from typing import NamedTuple

from themis.cli.terminal import streams
from themis.core.text.lines import printable
from themis.core.text.masking import mask
from themis.core.text.state_colours import (
    BAD,
    BUSY,
    GOOD,
    HEAD,
    OFF_VARIABLE,
    PARTLY,
    QUIET,
    of_state,
    painted,
)

__all__ = [
    "BAD",
    "BUSY",
    "GOOD",
    "HEAD",
    "PARTLY",
    "QUIET",
    "Line",
    "Part",
    "are_shown",
    "of_state",
    "plain",
    "say_lines",
]


class Part(NamedTuple):
    """A part of a line; `style` is one of the constants of this module, or None."""

    text: str
    style: str | None = None


Line = tuple[Part, ...]
"""A line of text, part by part."""


def plain(line: Line) -> str:
    """Return the text of a line, without colours."""
    return "".join(part.text for part in line)


def are_shown() -> bool:
    """Whether results may have colours: they go to a terminal that has some, and nobody has turned them off."""
    return not os.environ.get(OFF_VARIABLE) and os.environ.get("TERM") != "dumb" and streams.results().isatty()


def say_lines(lines: Iterable[Line]) -> None:
    """Print lines on standard output, with colours where they may have some; control characters are made harmless."""
    coloured = are_shown()
    for line in lines:
        parts = [Part(printable(mask(part.text)), part.style) for part in line]
        streams.write("".join(painted(*part) if coloured else part.text for part in parts) + "\n")
