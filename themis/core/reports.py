r"""A stored run as JSON, Markdown, CSV or LaTeX.

What a model, a dataset or a provider wrote stands in a report as text, whatever it looks like: Markdown shows it as
code, LaTeX escapes it, and a CSV cell that a spreadsheet would take for a formula gets an apostrophe in front. What
would move a terminal's cursor or turn a line around is written visibly, as in `\x1b`; JSON alone has it as it was.
"""

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import StringIO
from typing import Any, TextIO

from themis.core.base import as_json
from themis.core.canonical import compact_json
from themis.core.inspection import get_execution_state, get_run_snapshot
from themis.core.lines import visible
from themis.core.read_models import BenchmarkScoreRow
from themis.core.results import RunResult
from themis.core.score_tally import MetricSummary, ScoreTally, figures
from themis.core.snapshot import RunSnapshot
from themis.core.stores import RunStore, projections

COLUMNS: tuple[str, ...] = tuple(BenchmarkScoreRow.model_fields)
"""The columns of the CSV, which are the fields of a row."""

FAILURES_SHOWN = 50
"""A Markdown report lists so many failures; the CSV has them all."""

_FIGURES = ("mean", "95 % interval", "scored", "total", "correct", "no answer", "unscored", "low", "high")
_VIEWS = ("run_result", "benchmark_result", "timeline_view", "trace_view")
_FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")
_LATEX = str.maketrans(
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


@dataclass(slots=True)
class _Summary:
    """The metrics of a run, and of all its score rows, in one pass, what they came to."""

    metrics: Mapping[str, MetricSummary]
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    failures: list[BenchmarkScoreRow] = field(default_factory=list)

    def add(self, row: BenchmarkScoreRow) -> None:
        self.outcomes[row.metric_id, row.outcome] += 1
        if row.outcome == "error":
            self.errors[row.error_category or "unknown"] += 1
            if len(self.failures) < FAILURES_SHOWN:
                self.failures.append(row)

    def table(self) -> Iterator[tuple[str, dict[str, str]]]:
        """For each metric its figures as texts, by what they are called, with how many cases were correct."""
        for name, metric in self.metrics.items():
            yield name, {"correct": f"{self.outcomes[name, 'correct']:,}", **figures(metric)}


class Reporter:
    """Writes reports on the runs of a store.

    Each method raises UnknownRunError for a run that is not in it.
    """

    def __init__(self, store: RunStore) -> None:
        """For the runs of `store`."""
        self._store = store

    def export_json(self, run_id: str) -> str:
        """Everything, as one JSON object: the snapshot, the execution state and each view of the run."""
        document = {
            "snapshot": get_run_snapshot(self._store, run_id).model_dump(mode="json"),
            "execution_state": as_json(get_execution_state(self._store, run_id)),
        }
        return compact_json(document | {name: self._store.get_projection(run_id, name) for name in _VIEWS})

    def export_markdown(self, run_id: str) -> str:
        """A summary to read: counts, the metrics, and the first failures."""
        result, snapshot, summary = self._summarized(run_id)
        parts = [_markdown_head(result, snapshot), _markdown_metrics(summary)]
        if summary.failures:
            parts.append(_markdown_failures(summary))
        return "\n".join(line for part in parts for line in part)

    def export_csv(self, run_id: str) -> str:
        """A row for each case and metric; see `write_csv` for very many of them."""
        text = StringIO(newline="")
        self.write_csv(run_id, text)
        return text.getvalue()

    def write_csv(self, run_id: str, out: TextIO) -> None:
        """Write the rows of `export_csv` to `out` one by one.

        Numbers stay numbers. A text that begins like a formula gets an apostrophe in front, unless it is a number.
        """
        writer = csv.writer(out, lineterminator="\n")
        snapshot = get_run_snapshot(self._store, run_id)
        writer.writerow(COLUMNS)
        for row in projections.score_rows(self._store, snapshot):
            writer.writerow([_csv_cell(getattr(row, column)) for column in COLUMNS])

    def export_latex(self, run_id: str) -> str:
        """A table of the metrics, for a paper; it needs no package."""
        result, snapshot, summary = self._summarized(run_id)
        generator = snapshot.component_refs.generator.component_id
        lines = [
            f"% run {run_id}: {result.status.value}, generator {_one_line(generator)}",
            *([f"% {result.what_is_missing}"] if result.what_is_missing else []),
            rf"\begin{{tabular}}{{l{'r' * len(_FIGURES)}}}",
            r"\hline",
            _latex_row("Metric", *(name[:1].upper() + name[1:] for name in _FIGURES)),
            r"\hline",
        ]
        for name, found in summary.table():
            lines.append(_latex_row(name, *(found[figure] for figure in _FIGURES)))
        return "\n".join([*lines, r"\hline", r"\end{tabular}", ""])

    def export_score_table(self, run_id: str) -> list[dict[str, Any]]:
        """The rows of the CSV as JSON values."""
        snapshot = get_run_snapshot(self._store, run_id)
        return [as_json(row) for row in projections.score_rows(self._store, snapshot)]

    def _summarized(self, run_id: str) -> tuple[RunResult, RunSnapshot, _Summary]:
        result = projections.run_result(self._store, run_id)
        snapshot = get_run_snapshot(self._store, run_id)
        none = ScoreTally().summary(snapshot.total_cases)
        summary = _Summary({metric_id: result.metrics.get(metric_id, none) for metric_id in snapshot.metric_ids})
        for row in projections.score_rows(self._store, snapshot):
            summary.add(row)
        return result, snapshot, summary


def snapshot_report(snapshot: RunSnapshot, run_metadata: dict[str, Any] | None = None) -> dict[str, Any]:
    """What a run is, without its cases, as JSON; `run_metadata` is whatever is to stand beside it."""
    document = snapshot.model_dump(mode="json", include={"identity", "provenance", "component_refs"})
    return {"run_id": snapshot.run_id, **document, "run_metadata": dict(run_metadata or {})}


def _markdown_head(result: RunResult, snapshot: RunSnapshot) -> Iterator[str]:
    counts = result.progress
    yield "# Run Report"
    yield ""
    yield from _markdown_table(
        ("", ""),
        [
            ("run", _code(result.run_id)),
            ("status", result.status.value),
            ("completed through", result.completed_through_stage or "-"),
            ("generator", _code(snapshot.component_refs.generator.component_id)),
            ("datasets", ", ".join(_code(dataset.dataset_id) for dataset in snapshot.datasets) or "-"),
            ("cases", f"{counts.completed_cases} of {counts.total_cases} completed, {counts.failed_cases} failed"),
            *([("error", _code(result.error))] if result.error else []),
        ],
    )
    if result.what_is_missing:
        yield f"This report is {result.what_is_missing}."
        yield ""


def _markdown_metrics(summary: _Summary) -> Iterator[str]:
    yield "## Metrics"
    yield ""
    rows = [(_code(name), *(found[figure] for figure in _FIGURES)) for name, found in summary.table()]
    yield from _markdown_table(("metric", *_FIGURES), rows)
    yield (
        "A mean is over the cases that are scored. A case without an answer counts as the run's on_no_answer says, 0 "
        "unless told otherwise; one that failed is unscored. Low and high are the mean if all that are unscored had "
        "scored 0, had scored 1."
    )
    yield ""


def _markdown_failures(summary: _Summary) -> Iterator[str]:
    total = sum(summary.errors.values())
    counted = ", ".join(f"{count} {category}" for category, count in sorted(summary.errors.items()))
    yield "## Failures"
    yield ""
    yield f"{counted}." + (f" The first {len(summary.failures)} of {total}:" if total > len(summary.failures) else "")
    yield ""
    rows = [
        (
            _code(row.dataset_id),
            _code(row.case_id),
            _code(row.metric_id),
            row.error_category or "",
            _code(row.error_message),
        )
        for row in summary.failures
    ]
    yield from _markdown_table(("dataset", "case", "metric", "category", "message"), rows)


def _markdown_table(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    yield f"| {' | '.join(headers)} |"
    yield f"|{'---|' * len(headers)}"
    for row in rows:
        yield f"| {' | '.join(map(str, row))} |"
    yield ""


def _code(text: str | None) -> str:
    """A text as code in a table's cell, in which nothing of it means anything."""
    line = _one_line(text or "").replace("|", r"\|")
    if not line:
        return ""
    runs = {len(run) for run in "".join(sign if sign == "`" else " " for sign in line).split()}
    fence = "`" * next(length for length in range(1, len(runs) + 2) if length not in runs)
    return f"{fence} {line} {fence}" if runs else f"{fence}{line}{fence}"


def _csv_cell(value: object) -> object:
    if isinstance(value, dict | list):
        return compact_json(value) if value else ""  # ASCII
    if isinstance(value, str):
        value = visible(value)
    if isinstance(value, str) and value.startswith(_FORMULA_SIGNS) and not _is_number(value):
        return f"'{value}"
    return value


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return text == text.strip()


def _latex_row(*cells: str) -> str:
    return " & ".join(_one_line(cell).translate(_LATEX) for cell in cells) + r" \\"


def _one_line(text: str) -> str:
    return visible(" ".join(text.split()))
