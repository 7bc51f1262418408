"""LaTeX tables that need no package: a row for each score, or a row for each metric."""

from collections.abc import Iterable, Iterator

from themis.core.cost.run_cost import RunCost
from themis.core.read_models import BenchmarkScoreRow
from themis.core.reporting import costs
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


def score_table(result: RunResult, rows: Iterable[BenchmarkScoreRow], cost: RunCost | None) -> Iterator[str]:
    """Yield the lines of a table with a row for each score; its columns are those of the CSV."""
    if result.what_is_missing:
        yield f"% {one_line(result.what_is_missing)}"
    if cost is not None:
        yield f"% cost: {one_line(costs.in_short(cost))}"
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
    if summary.cost is not None:
        yield ""
        yield from _cost_table(summary.cost)


def _cost_table(cost: RunCost) -> Iterator[str]:
    for remark in costs.remarks(cost):
        yield f"% {one_line(remark)}"
    yield r"\begin{tabular}{lrr}"
    yield r"\hline"
    yield _row("Tokens", "Number", "Cost")
    yield r"\hline"
    for row in costs.by_kind(cost):
        yield _row(*row)
    yield r"\hline"
    yield r"\end{tabular}"


def _row(*cells: str) -> str:
    return " & ".join(one_line(cell).translate(_SIGNS) for cell in cells) + r" \\"
