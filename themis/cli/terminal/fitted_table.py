"""Tables that fit a terminal: the least important columns are left out first."""

import shutil
from collections.abc import Sequence
from typing import Any, NamedTuple

from themis.cli.terminal import streams
from themis.cli.terminal.output import one_line

_GAP = "  "
_PLAIN_WIDTH = 120
_ELLIPSIS = "…"


class Column(NamedTuple):
    """A column of a table.

    Attributes:
        header: the name of the column.
        right: whether it is aligned to the right.
        least: minimum width in characters to which it may be shortened; None if it may not be.
        drop: the column with the highest value is left out first; one with 0 never is.
    """

    header: str
    right: bool = False
    least: int | None = None
    drop: int = 0


def fitted(columns: Sequence[Column], rows: Sequence[Sequence[Any]], width: int | None) -> list[str]:
    """The lines of a table at most `width` wide, headers first; None becomes `-`, and empty columns are left out.

    Without a `width` all columns are shown in full width.
    """
    cells = [["-" if value is None else one_line(str(value)) for value in row] for row in rows]
    kept = [
        place for place in range(len(columns)) if width is None or any(row[place] not in {"-", ""} for row in cells)
    ]
    widths = {place: max(len(columns[place].header), *(len(row[place]) for row in cells)) for place in kept}
    while width is not None and not _fit(columns, widths, width):
        place = max(widths, key=lambda place: columns[place].drop)
        if not columns[place].drop:
            widths = {place: min(columns[place].least or size, size) for place, size in widths.items()}
            break
        del widths[place]
    headers = [column.header for column in columns]
    return [_line(columns, row, widths)[:width] for row in (headers, *cells)]


def terminal_width() -> int | None:
    """The width of the terminal that shows standard output; None if it goes elsewhere, where nothing is left out."""
    return shutil.get_terminal_size((_PLAIN_WIDTH, 0)).columns if streams.results().isatty() else None


def shortened(text: str, width: int) -> str:
    """`text`, ending in an ellipsis if it is longer than `width`."""
    return text if len(text) <= width else f"{text[: max(width - 1, 0)]}{_ELLIPSIS}"


def _fit(columns: Sequence[Column], widths: dict[int, int], width: int) -> bool:
    """Shorten columns as needed, the widest first; False, and no change, if that is not enough."""
    too_much = sum(widths.values()) + len(_GAP) * (len(widths) - 1) - width
    least = {place: min(columns[place].least or size, size) for place, size in widths.items()}
    if too_much > sum(widths[place] - least[place] for place in widths):
        return False
    for _ in range(too_much):
        widest = max((place for place in widths if widths[place] > least[place]), key=widths.__getitem__)
        widths[widest] -= 1
    return True


def _line(columns: Sequence[Column], row: Sequence[str], widths: dict[int, int]) -> str:
    cells = []
    for place, size in widths.items():
        text = shortened(row[place], size)
        cells.append(text.rjust(size) if columns[place].right else text.ljust(size))
    return _GAP.join(cells).rstrip()
