"""Tables that fit a terminal: columns leave in the order of their worth, and what matters goes below its row."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from themis.cli.terminal.colours import HEAD, Line, Part, plain, say_lines
from themis.cli.terminal.output import one_line
from themis.cli.terminal.widths import flowed, shortened, terminal_width, width_of

__all__ = ["Column", "Table", "fitted", "fitted_table", "say_table_fitted", "terminal_width"]

_GAP = "  "
_INDENT = "  "
_ABSENT = "-"
_LEAST_BELOW = 160
_TO_SPARE = 12  # columns that the breaks between words may leave empty


class Column(NamedTuple):
    """A column of a table.

    Attributes:
        header: the name of the column.
        right: whether it is aligned to the right.
        least: minimum width in columns to which its text may be shortened; None if it may not be.
        drop: columns get their place in the order of these numbers, until there is no room for the next.
        below: whether its cells go below their rows when there is no room beside, instead of being left out.
        bare: whether they stand there without the name of the column.
        yields: whether those after it get a place, when there is no room for it.
        lines: about the most lines that a cell takes there.
        style: returns the style of a cell.
    """

    header: str
    right: bool = False
    least: int | None = None
    drop: int = 0
    below: bool = False
    bare: bool = False
    yields: bool = False
    lines: int | None = None
    style: Callable[[str], str | None] | None = None


class Table(NamedTuple):
    """A table that was fitted: its headers, and the lines of each row."""

    headers: Line
    rows: list[list[Line]]


def fitted(columns: Sequence[Column], rows: Sequence[Sequence[Any]], width: int | None) -> list[str]:
    """Return the lines of a table as plain text, see `fitted_table`."""
    table = fitted_table(columns, rows, width)
    return [plain(line) for line in (table.headers, *(line for lines in table.rows for line in lines))]


def fitted_table(columns: Sequence[Column], rows: Sequence[Sequence[Any]], width: int | None) -> Table:
    """Return a table at most `width` wide; None becomes `-`, and empty columns are left out.

    Without a `width` all columns are shown in full width.
    """
    cells = [[_ABSENT if value is None else one_line(str(value)) for value in row] for row in rows]
    kept = [
        place for place in range(len(columns)) if width is None or any(row[place] not in {_ABSENT, ""} for row in cells)
    ]
    natural = {place: max(width_of(text) for text in _column(columns, cells, place)) for place in kept}
    widths = natural if width is None else _widths(columns, natural, width)
    left = [place for place in kept if place not in widths and (columns[place].below or not columns[place].drop)]
    headers = [column.header for column in columns]
    found = [_row(columns, row, widths, left, width) for row in cells]
    return Table((Part(plain(_line(columns, headers, widths, width)), HEAD),), found)


def say_table_fitted(columns: Sequence[Column], rows: Sequence[Sequence[Any]]) -> None:
    """Print a table that fits the terminal, with colours where it may have some."""
    table = fitted_table(columns, rows, terminal_width())
    say_lines([table.headers] if plain(table.headers) else [])
    for lines in table.rows:
        say_lines(lines)


def _column(columns: Sequence[Column], cells: Sequence[Sequence[str]], place: int) -> list[str]:
    return [columns[place].header, *(row[place] for row in cells)]


def _widths(columns: Sequence[Column], natural: dict[int, int], width: int) -> dict[int, int]:
    """The widths of the columns that get a place, given in the order of their worth as long as there is room.

    A text is shortened only where a column would have no place without that.
    """
    chosen: dict[int, int] = {}
    for place in sorted(natural, key=lambda place: (columns[place].drop, place)):
        size = natural[place]
        room = width - sum(chosen.values()) - len(_GAP) * len(chosen)
        least = min(columns[place].least or size, size)
        if size <= room or least <= room:
            chosen[place] = min(size, room)
        elif not chosen and not columns[place].below:
            chosen[place] = room
        elif not columns[place].yields:
            break
    return {place: chosen[place] for place in natural if place in chosen}


def _row(
    columns: Sequence[Column], row: Sequence[str], widths: dict[int, int], left: Sequence[int], width: int | None
) -> list[Line]:
    """The lines of a row: its cells that have a column, and below them those whose column has left."""
    lines = [_line(columns, row, widths, width)] if widths else []
    indent = _INDENT if width is None or width > 2 * len(_INDENT) else ""
    items = [_below(columns[place], row[place], width) for place in left if row[place] not in {_ABSENT, ""}]
    return lines + [(Part(text),) for text in flowed(items, width or 0, first=indent, then=indent)]


def _below(column: Column, text: str, width: int | None) -> str:
    """A cell below its row; one that may be shortened takes about two lines."""
    if column.lines is not None and width is not None:
        text = shortened(text, max(_LEAST_BELOW, column.lines * (width - len(_INDENT)) - _TO_SPARE))
    return text if column.bare else f"{column.header} {text}"


def _line(columns: Sequence[Column], row: Sequence[str], widths: dict[int, int], width: int | None) -> Line:
    parts: list[Part] = []
    last = next(reversed(widths), None)
    for place, size in widths.items():
        column = columns[place]
        text = row[place] if width is None else shortened(row[place], size)
        style = column.style(text) if column.style else None
        space = " " * (size - width_of(text))
        if column.right:
            parts += [Part(space), Part(text, style)]
        else:
            parts += [Part(text, style), Part("" if place == last else space)]
        parts.append(Part("" if place == last else _GAP))
    return _without_space_at_the_end(parts)


def _without_space_at_the_end(parts: Sequence[Part]) -> Line:
    found = list(parts)
    while found and not (text := found[-1].text.rstrip()):
        found.pop()
    if found:
        found[-1] = found[-1]._replace(text=text)
    return tuple(part for part in found if part.text)
