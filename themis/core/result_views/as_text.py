"""A result as lines of text."""

from collections.abc import Sequence

from themis.core.result_views.outline import AGGREGATE_HEADS, Outline
from themis.core.text.lines import one_line
from themis.core.text.masking import mask

_LEFT = 1
"""Columns that are aligned to the left: those with the names of the rows."""


def text_of(outline: Outline) -> str:
    """Return the title, the notes and the tables of a result, as lines."""
    lines = [outline.title, *outline.notes]
    if outline.rows:
        lines += ["", *_table(outline.heads, outline.rows, left=_LEFT)]
    if outline.aggregates:
        lines += ["", *_table(AGGREGATE_HEADS, outline.aggregates, left=_LEFT + 1)]
    return mask("\n".join(lines))


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]], *, left: int) -> list[str]:
    cells = [tuple(heads), *(tuple(map(one_line, row)) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "  ".join(
            text.ljust(width) if place < left else text.rjust(width)
            for place, (text, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    ]
