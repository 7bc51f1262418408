"""LaTeX tables that need no package: a row for each score, or a row for each metric."""

from collections.abc import Iterable, Iterator, Sequence

from themis.core.cost.run_cost import RunCost
from themis.core.read_models import BenchmarkScoreRow
from themis.core.reporting import costs
from themis.core.reporting.cells import one_line, text_cell
from themis.core.reporting.csv_table import value_in
from themis.core.reporting.summary import RunSummary
from themis.core.results import RunResult
from themis.core.statistics.score_tally import aggregate_notes, aggregate_rows

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


def score_table(
    result: RunResult, rows: Iterable[BenchmarkScoreRow], cost: RunCost | None, columns: Sequence[str]
) -> Iterator[str]:
    """Yield the lines of a table with a row for each score; its columns are those of the CSV."""
    if result.what_is_missing:
        yield f"% {one_line(result.what_is_missing)}"
    if cost is not None:
        yield f"% cost: {one_line(costs.in_short(cost))}"
    yield rf"\begin{{tabular}}{{{'l' * len(columns)}}}"
    yield _row(*columns)
    yield r"\hline"
    for row in rows:
        yield _row(*(text_cell(value_in(row, column)) for column in columns))
    yield r"\end{tabular}"


def summary_table(summary: RunSummary) -> Iterator[str]:
    """Yield the lines of a table with a row for each metric: its mean and the figures beside it."""
    result = summary.result
    generator = one_line(summary.snapshot.component_refs.generator.component_id)
    yield f"% run {result.run_id}: {result.status.value}, generator {generator}"
    if result.what_is_missing:
        yield f"% {result.what_is_missing}"
    yield rf"\begin{{tabular}}{{l{'r' * len(summary.figures)}}}"
    yield r"\hline"
    yield _row("Metric", *(name[:1].upper() + name[1:] for name in summary.figures))
    yield r"\hline"
    for name, found in summary.table():
        yield _row(name, *(found[figure] for figure in summary.figures))
    yield r"\hline"
    yield r"\end{tabular}"
    rows = aggregate_rows(summary.metrics)
    if rows:
        yield ""
        yield from (one_line(f"% {name}, {note}: {text}") for name, note, text in aggregate_notes(summary.metrics))
        yield from _plain_table(("Metric", "Over all cases", "Value", "95 % interval"), rows)
    if summary.cost is not None:
        yield ""
        yield from _cost_table(summary.cost)


def group_table(group: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a table of the runs of a group."""
    yield f"% group {one_line(group)}"
    yield from _plain_table(columns, rows)


def _cost_table(cost: RunCost) -> Iterator[str]:
    for remark in costs.remarks(cost):
        yield f"% {one_line(remark)}"
    yield from _plain_table(("Tokens", "Number", "Cost"), costs.by_kind(cost))


def _plain_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield rf"\begin{{tabular}}{{l{'r' * (len(head) - 1)}}}"
    yield r"\hline"
    yield _row(*head)
    yield r"\hline"
    for row in rows:
        yield _row(*row)
    yield r"\hline"
    yield r"\end{tabular}"


def _row(*cells: str) -> str:
    return " & ".join(one_line(cell).translate(_SIGNS) for cell in cells) + r" \\"
