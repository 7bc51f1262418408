"""Colours of states on a terminal, and lines that have them."""

import os
from collections.abc import Iterable
from typing import NamedTuple

from themis.cli.terminal import streams
from themis.core.text.lines import printable
from themis.core.text.masking import mask

OFF_VARIABLE = "NO_COLOR"
"""Variable of the environment: with any value there are no colours, see https://no-color.org."""

GOOD, BAD, BUSY, PARTLY, QUIET, HEAD = "good", "bad", "busy", "partly", "quiet", "head"

_CODES = {GOOD: "32", BAD: "31", BUSY: "36", PARTLY: "33", QUIET: "2", HEAD: "1"}
_OF_STATES = {
    "completed": GOOD,
    "done": GOOD,
    "running": BUSY,
    "failed": BAD,
    "lost": BAD,
    "dead": BAD,
    "rejected": BAD,
    "partial_failure": PARTLY,
    "stopping": PARTLY,
    "waiting": QUIET,
    "cancelled": QUIET,
}


class Part(NamedTuple):
    """A part of a line; `style` is one of the constants of this module, or None."""

    text: str
    style: str | None = None


Line = tuple[Part, ...]
"""A line of text, part by part."""


def plain(line: Line) -> str:
    """Return the text of a line, without colours."""
    return "".join(part.text for part in line)


def of_state(text: str) -> str | None:
    """Return the style of a state, which may be followed by a reason; None for one that needs no attention."""
    return _OF_STATES.get(text.partition(":")[0])


def are_shown() -> bool:
    """Whether results may have colours: they go to a terminal that has some, and nobody has turned them off."""
    return not os.environ.get(OFF_VARIABLE) and os.environ.get("TERM") != "dumb" and streams.results().isatty()


def say_lines(lines: Iterable[Line]) -> None:
    """Print lines on standard output, with colours where they may have some; control characters are made harmless."""
    coloured = are_shown()
    for line in lines:
        parts = [Part(printable(mask(part.text)), part.style) for part in line]
        streams.write("".join(_painted(part) if coloured else part.text for part in parts) + "\n")


def _painted(part: Part) -> str:
    code = _CODES.get(part.style or "")
    return part.text if code is None or not part.text else f"\x1b[{code}m{part.text}\x1b[0m"
