"""Widths of the terminals that show results and messages, and text that is made to fit them."""

import os
from typing import TextIO

from themis.cli.terminal import streams
from themis.core.text.fitted_lines import flowed, shortened, shortened_lines, width_of, wrapped

__all__ = ["flowed", "messages_width", "shortened", "shortened_lines", "terminal_width", "width_of", "wrapped"]

_USUAL_WIDTH = 80


def terminal_width() -> int | None:
    """The width of the terminal that shows standard output; None if it goes elsewhere, where nothing is left out."""
    return _width(streams.results())


def messages_width() -> int | None:
    """The width of the terminal that shows messages; None if they go elsewhere."""
    stream = streams.messages()
    return None if stream is None else _width(stream)


def _width(stream: TextIO) -> int | None:
    if not stream.isatty():
        return None
    told = os.environ.get("COLUMNS", "")
    if told.isdecimal() and int(told):
        return int(told)
    try:
        return os.get_terminal_size(stream.fileno()).columns or _USUAL_WIDTH
    except (OSError, ValueError):
        return _USUAL_WIDTH
