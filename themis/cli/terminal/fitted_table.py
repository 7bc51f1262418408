"""Tables that fit a terminal: what is least wanted gives way first."""

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
        header: its name.
        right: aligned to the right.
        least: characters that it may be shortened to; None when it may not be.
        drop: the column with the highest is left out first; one with 0 never is.
    """

    header: str
    right: bool = False
    least: int | None = None
    drop: int = 0


def fitted(columns: Sequence[Column], rows: Sequence[Sequence[Any]], width: int | None) -> list[str]:
    """Lines of a table at most `width` wide, headers first; None becomes `-`, a column of nothing is left out.

    Without a `width` each column is as wide as it likes, and all are there.
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
    """How wide the terminal is that standard output goes to; None when it goes elsewhere, where nothing is left out."""
    return shutil.get_terminal_size((_PLAIN_WIDTH, 0)).columns if streams.results().isatty() else None


def shortened(text: str, width: int) -> str:
    """`text`, ending in an ellipsis if it is longer than `width`."""
    return text if len(text) <= width else f"{text[: max(width - 1, 0)]}{_ELLIPSIS}"


def _fit(columns: Sequence[Column], widths: dict[int, int], width: int) -> bool:
    """Shorten what may be as far as needed, the widest first; False when that does not do, and nothing is changed."""
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
