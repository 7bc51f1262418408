"""LaTeX tables that need no package: a row for each score, or a row for each metric."""

from collections.abc import Iterable, Iterator

from themis.core.read_models import BenchmarkScoreRow
from themis.core.reporting.cells import one_line, text_cell
from themis.core.reporting.csv_table import COLUMNS
from themis.core.reporting.summary import FIGURES, RunSummary
from themis.core.results import RunResult

_SIGNS = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "{": r"\{",
        "}": r"\}",
        "$": r"\$",
        "&": r"\&",
        "%": r"\%",
        "#": r"\#",
        "_": r"\_",
        "^": r"\textasciicircum{}",
        "~": r"\textasciitilde{}",
    }
)


def score_table(result: RunResult, rows: Iterable[BenchmarkScoreRow]) -> Iterator[str]:
    """Yield the lines of a table with a row for each score; its columns are those of the CSV."""
    if result.what_is_missing:
        yield f"% {one_line(result.what_is_missing)}"
    yield rf"\begin{{tabular}}{{{'l' * len(COLUMNS)}}}"
    yield _row(*COLUMNS)
    yield r"\hline"
    for row in rows:
        yield _row(*(text_cell(getattr(row, column)) for column in COLUMNS))
    yield r"\end{tabular}"


def summary_table(summary: RunSummary) -> Iterator[str]:
    """Yield the lines of a table with a row for each metric: its mean and the figures beside it."""
    result = summary.result
    generator = one_line(summary.snapshot.component_refs.generator.component_id)
    yield f"% run {result.run_id}: {result.status.value}, generator {generator}"
    if result.what_is_missing:
        yield f"% {result.what_is_missing}"
    yield rf"\begin{{tabular}}{{l{'r' * len(FIGURES)}}}"
    yield r"\hline"
    yield _row("Metric", *(name[:1].upper() + name[1:] for name in FIGURES))
    yield r"\hline"
    for name, found in summary.table():
        yield _row(name, *(found[figure] for figure in FIGURES))
    yield r"\hline"
    yield r"\end{tabular}"


def _row(*cells: str) -> str:
    return " & ".join(one_line(cell).translate(_SIGNS) for cell in cells) + r" \\"
