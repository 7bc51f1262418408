"""A report as one HTML page: the summary, and the first scores; it loads nothing and runs no script."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from themis.core.read_models import BenchmarkScoreRow, EditedScoreRow
from themis.core.reporting.cells import text_cell
from themis.core.reporting.sections import Given, Inline, Section, Sentence, sections_of
from themis.core.reporting.summary import RunSummary
from themis.core.score_edits.history import score_text
from themis.core.text.markup import shown

SCORES_SHOWN = 1_000
"""Rows of scores on the page: with many more a browser becomes slow, and JSON Lines has them all."""

# Whatever a text of a model looks like, a browser that honours this policy neither runs nor loads it.
_HEAD = """\
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<style>
:root { --line: #8884; --soft: #8881; --good: #1a7f37; --bad: #b35900; --none: #cf222e; }
@media (prefers-color-scheme: dark) { :root { --good: #4ac26b; --bad: #e3a04f; --none: #ff7b72; } }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; padding: 0 1rem; max-width: 75rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { text-align: left; vertical-align: top; padding: .3rem .7rem; border-bottom: 1px solid var(--line); }
thead th { background: var(--soft); white-space: nowrap; }
code { font: .9em/1.4 ui-monospace, monospace; overflow-wrap: anywhere; white-space: pre-wrap; }
.correct { color: var(--good); } .incorrect { color: var(--bad); } .error { color: var(--none); }
</style>"""

_SCORE_COLUMNS = ("dataset", "case", "metric", "outcome", "score", "category", "details")
_EDIT_COLUMNS = ("edited score", "edited by", "why")


def page(summary: RunSummary, rows: Iterable[BenchmarkScoreRow]) -> Iterator[str]:
    """Yield the lines of the page."""
    yield "<!DOCTYPE html>"
    yield '<html lang="en">'
    yield "<head>"
    yield _HEAD
    yield f"<title>Run {shown(summary.result.name or summary.result.run_id)}</title>"
    yield "</head>"
    yield "<body>"
    for level, section in enumerate(sections_of(summary)):
        yield from _section(section, "h2" if level else "h1")
    yield from _scores(iter(rows), is_edited=bool(summary.edits.columns))
    yield "</body>"
    yield "</html>"


def _section(section: Section, heading: str) -> Iterator[str]:
    yield f"<{heading}>{shown(section.title)}</{heading}>"
    yield from (f"<p>{_inline(paragraph)}</p>" for paragraph in section.before)
    names_rows = not any(section.columns)
    yield from _table(() if names_rows else section.columns, (_row(row, names_row=names_rows) for row in section.rows))
    yield from (f"<p>{_inline(paragraph)}</p>" for paragraph in section.after)


def _row(cells: Sequence[Inline], *, names_row: bool) -> str:
    first, *others = map(_inline, cells)
    head = f'<th scope="row">{first}</th>' if names_row else f"<td>{first}</td>"
    return head + "".join(f"<td>{cell}</td>" for cell in others)


def _scores(rows: Iterator[BenchmarkScoreRow], *, is_edited: bool) -> Iterator[str]:
    yield "<h2>Scores</h2>"
    columns = (*_SCORE_COLUMNS, *(_EDIT_COLUMNS if is_edited else ()))
    shown_rows = islice(rows, SCORES_SHOWN)
    yield from _table(columns, (_score(row) + (_edit(row) if is_edited else "") for row in shown_rows))
    if next(rows, None) is not None:
        yield f"<p>The first {SCORES_SHOWN:,} rows. <code>themis report --format jsonl</code> prints them all.</p>"


def _score(row: BenchmarkScoreRow) -> str:
    candidate = "" if row.candidate_index is None else f" (candidate {row.candidate_index})"
    said = row.error_message or text_cell(row.details)
    cells = (
        _code(row.dataset_id or ""),
        _code(row.case_id) + candidate,
        _code(row.metric_id),
        f'<span class="{row.outcome}">{row.outcome}</span>',
        "" if row.value is None else repr(row.value),
        shown(row.error_category or ""),
        _code(said),
    )
    return "".join(f"<td>{cell}</td>" for cell in cells)


def _edit(row: BenchmarkScoreRow) -> str:
    """The cells of an edited score; empty ones beside a score as it was measured."""
    cells = ("", "", "")
    if isinstance(row, EditedScoreRow):
        cells = (score_text(row.edited_value), _code(row.edited_by), _code(row.edited_why))
    return "".join(f"<td>{cell}</td>" for cell in cells)


def _table(columns: Sequence[str], rows: Iterable[str]) -> Iterator[str]:
    yield '<div class="wide"><table>'
    if columns:
        heads = "".join(f'<th scope="col">{shown(column)}</th>' for column in columns)
        yield f"<thead><tr>{heads}</tr></thead>"
    yield "<tbody>"
    yield from (f"<tr>{row}</tr>" for row in rows)
    yield "</tbody></table></div>"


def _inline(parts: Inline) -> str:
    return "".join(_part(part) for part in parts)


def _part(part: str | Given | Sentence) -> str:
    if isinstance(part, Given):
        return _code(part.text)
    return shown(part if isinstance(part, str) else part.text)


def _code(text: str) -> str:
    return f"<code>{shown(text)}</code>" if text else ""
