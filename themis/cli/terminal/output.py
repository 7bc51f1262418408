"""Output of commands: one compact JSON object or a table on standard output, messages on standard error."""

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import fields, is_dataclass
from itertools import islice
from typing import Any, TypeVar

import click

from themis.cli.terminal import streams
from themis.cli.terminal.widths import messages_width, wrapped
from themis.core.text.lines import cut, one_line, printable
from themis.core.text.masking import mask, mask_json
from themis.core.text.messages import message
from themis.core.values.durations import how_long, local_time, short_time, when

__all__ = [
    "cut",
    "document",
    "emit",
    "emit_list",
    "emit_object",
    "how_long",
    "is_for_people",
    "json_form_option",
    "local_time",
    "message",
    "note",
    "note_lines",
    "one_line",
    "printable",
    "say",
    "say_table",
    "short_time",
    "table",
    "when",
]

ID_CHARACTERS = 8
"""Digits of a run's id, or of a job's key, that are shown; commands take 4 or more."""

PAGE_ROWS = 1_000
"""Rows in one table; the columns of the next table are fitted to its own rows."""

FORM_VARIABLE = "THEMIS_OUTPUT"
"""Variable of the environment: with `json` results are JSON on a terminal too."""

_ASKED_FOR_JSON = "themis.json"

Function = TypeVar("Function", bound=Callable[..., Any])

_encode = json.JSONEncoder(allow_nan=False, separators=(",", ":")).encode


def emit(document: Any) -> None:
    """Print a JSON value in one line, in ASCII, which every terminal can show."""
    streams.write(mask_json(_encode(document)) + "\n")
    if not streams.is_kept_apart():
        return
    try:
        streams.flush()
    except BrokenPipeError:
        note("the reader of standard output is gone: the result was not printed")
        raise


def emit_list(items: Iterable[Any]) -> None:
    """Print a JSON list in one line, item by item: it may not fit into memory."""
    _write_items(items)
    streams.write("\n")


def emit_object(
    before: Mapping[str, Any], name: str, items: Iterable[Any], after: Callable[[], Mapping[str, Any]]
) -> None:
    """Print a JSON object in one line, with a list among its values that may not fit into memory.

    Args:
        before: the values before the list.
        name: the name of the list.
        items: the items of the list.
        after: returns the values after the list; called when it has ended.
    """
    streams.write("{" + "".join(f"{_encode(key)}:{_encode(value)}," for key, value in before.items()))
    streams.write(f"{_encode(name)}:")
    _write_items(items)
    streams.write("".join(f",{_encode(key)}:{_encode(value)}" for key, value in after().items()) + "}\n")


def _write_items(items: Iterable[Any]) -> None:
    streams.write("[")
    for number, item in enumerate(items):
        streams.write(("," if number else "") + mask_json(_encode(item)))
    streams.write("]")


def is_for_people(*, as_json: bool = False) -> bool:
    """Whether results go to a terminal, and nobody has asked for JSON there."""
    context = click.get_current_context(silent=True)
    asked = as_json or (context is not None and context.meta.get(_ASKED_FOR_JSON, False))
    return not asked and os.environ.get(FORM_VARIABLE) != "json" and streams.results().isatty()


def json_form_option(function: Function) -> Function:
    """Add `--json`, which becomes no argument: `is_for_people` goes by it."""

    def keep(context: click.Context, _: click.Parameter, value: bool) -> None:  # noqa: FBT001  # click's call
        context.meta[_ASKED_FOR_JSON] = value

    return click.option(
        "--json",
        is_flag=True,
        expose_value=False,
        callback=keep,
        help="Print one JSON object on a terminal, too. Elsewhere it always is one.",
    )(function)


def document(row: Any) -> dict[str, Any]:
    """A row of a store or a queue (a named tuple or a dataclass) as JSON."""
    names = getattr(row, "_fields", None) or [field.name for field in fields(row)]
    found = {name: getattr(row, name) for name in names}
    return {name: document(value) if is_dataclass(value) else value for name, value in found.items()}


def say(line: str = "") -> None:
    """Print one or more lines of text on standard output; control characters are made harmless."""
    streams.write("".join(f"{printable(text)}\n" for text in mask(line).split("\n")))


DEBUG_VARIABLE = "THEMIS_DEBUG"
"""Of the environment: whether tracebacks are shown."""


def note(text: str) -> None:
    """Print a message on standard error: one line, which on a terminal is broken between words."""
    width = messages_width()
    lines = [message(text)] if width is None else wrapped(message(text), width, indent=2)
    _write_message("".join(f"{line}\n" for line in lines))


def note_lines(text: str) -> None:
    """Print lines on standard error as they are, such as a traceback."""
    _write_message("".join(f"{printable(line)}\n" for line in mask(text).splitlines()))


def _write_message(text: str) -> None:
    stream = streams.messages()
    if stream is not None:
        with suppress(OSError, ValueError):  # a lost message must not change what the command does
            stream.write(text)
            stream.flush()


def table(headers: Sequence[str], rows: Iterable[Sequence[Any]], *, right: Sequence[str] = ()) -> list[str]:
    """The lines of a table; the columns named in `right` are aligned to the right. None becomes `-`."""
    cells = [[str(header) for header in headers]]
    cells += [["-" if value is None else one_line(str(value)) for value in row] for row in rows]
    widths = [max(len(row[column]) for row in cells) for column in range(len(headers))]
    lines = []
    for row in cells:
        padded = [
            text.rjust(width) if header in right else text.ljust(width)
            for header, text, width in zip(headers, row, widths, strict=True)
        ]
        lines.append("  ".join(padded).rstrip())
    return lines


def say_table(headers: Sequence[str], rows: Iterable[Sequence[Any]], *, right: Sequence[str] = ()) -> None:
    """Print a table, or several for very many rows, so that few of them are in memory at a time."""
    left = iter(rows)
    while page := list(islice(left, PAGE_ROWS)):
        for line in table(headers, page, right=right):
            say(line)
