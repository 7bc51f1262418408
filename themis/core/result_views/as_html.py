"""A result as a piece of HTML, for a notebook; every text in it is escaped."""

from collections.abc import Iterator, Sequence

from themis.core.result_views.outline import AGGREGATE_HEADS, Outline
from themis.core.text.markup import shown
from themis.core.text.masking import mask


def html_of(outline: Outline) -> str:
    """Return the title, the notes and the tables of a result; it loads nothing and runs no script."""
    return "\n".join(_parts(outline))


def _parts(outline: Outline) -> Iterator[str]:
    yield f"<p><b>{_text(outline.title)}</b></p>"
    yield from (f"<p>{_text(note)}</p>" for note in outline.notes)
    if outline.rows:
        yield from _table(outline.heads, outline.rows)
    if outline.aggregates:
        yield from _table(AGGREGATE_HEADS, outline.aggregates)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield "<table>"
    yield "<thead><tr>" + "".join(f'<th scope="col">{_text(head)}</th>' for head in heads) + "</tr></thead>"
    yield "<tbody>"
    for first, *others in rows:
        yield f'<tr><th scope="row">{_text(first)}</th>' + "".join(f"<td>{_text(one)}</td>" for one in others) + "</tr>"
    yield "</tbody></table>"


def _text(text: str) -> str:
    return shown(mask(text))
