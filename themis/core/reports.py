r"""Reports on the runs of a store.

Text from a model, a dataset or a provider stays text in a report, whatever it looks like: Markdown shows it as code,
LaTeX, HTML and XML escape it, and a CSV cell that a spreadsheet would read as a formula gets an apostrophe in front.
Characters that move a terminal's cursor or reverse a line are escaped visibly, as in `\x1b`; only JSON and Parquet keep
them unchanged.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from io import BytesIO, StringIO
from typing import Any, BinaryIO, TextIO

from themis.core.base import as_json
from themis.core.calibration import stored as calibrations
from themis.core.calibration.models import Calibration
from themis.core.errors import DemoJudgeError
from themis.core.inspection import get_execution_state, get_run_snapshot
from themis.core.read_models import BenchmarkScoreRow
from themis.core.reporting import csv_table, html, json_lines, junit, latex, markdown, parquet
from themis.core.reporting.costs import COST_COLUMNS, cost_rows, read_cost
from themis.core.reporting.csv_table import COLUMNS
from themis.core.reporting.score_edits import RunEdits
from themis.core.reporting.summary import FAILURES_SHOWN, RunSummary
from themis.core.snapshot import RunSnapshot
from themis.core.stores import RunStore, projections
from themis.core.text.canonical import compact_json

__all__ = ["COLUMNS", "FAILURES_SHOWN", "Reporter", "snapshot_report"]

_BENCHMARK = "benchmark"
"""Label of a dataset that is a named benchmark."""

_DEMO_JUDGE = "builtin/demo_judge"
_VIEWS = ("run_result", "benchmark_result", "timeline_view", "trace_view")


class Reporter:
    """Writes reports on the runs of a store.

    Each method raises UnknownRunError for a run that is not in the store, and DemoJudgeError for scores of a named
    benchmark that the demo judge has given. Methods named `write_…` write line by line what the `export_…` method of
    that name returns, since there may be very many scores.
    """

    def __init__(self, store: RunStore) -> None:
        """Create a reporter for the runs of `store`."""
        self._store = store

    def export_json(self, run_id: str) -> str:
        """Return everything as one JSON object: snapshot, state, each view of the run, cost, calibrations, edits."""
        document = {
            "snapshot": self._snapshot(run_id).model_dump(mode="json"),
            "execution_state": as_json(get_execution_state(self._store, run_id)),
        }
        cost = read_cost(self._store, run_id)
        views = {name: self._store.get_projection(run_id, name) for name in _VIEWS}
        found = calibrations.find(self._store, get_run_snapshot(self._store, run_id))
        judged = {name: _calibration_document(calibration) for name, calibration in found.items()}
        edits = RunEdits.read(self._store, get_run_snapshot(self._store, run_id)).document()
        more = ({} if cost is None else {"cost": cost.document()}) | ({"calibrations": judged} if judged else {})
        return compact_json(document | views | more | edits)

    def export_markdown(self, run_id: str) -> str:
        """Return the run's state as `- key: value` lines, and a line for each case and metric."""
        return _text(self.write_markdown, run_id)

    def write_markdown(self, run_id: str, out: TextIO) -> None:
        """Write the lines of `export_markdown` to `out` one by one."""
        result = projections.run_result(self._store, run_id)
        notes = calibrations.notes(self._store, self._snapshot(run_id))
        edits = self._edits(run_id)
        rows = self._rows(run_id, edits)
        _write(out, markdown.score_list(result, rows, read_cost(self._store, run_id), notes, edits))

    def export_markdown_summary(self, run_id: str) -> str:
        """Return a readable summary: counts, the metrics with the details of their means, and the first failures."""
        self._snapshot(run_id)
        return "\n".join(markdown.summary_report(RunSummary.of(self._store, run_id)))

    def export_csv(self, run_id: str) -> str:
        """Return a row for each case and metric."""
        return _text(self.write_csv, run_id)

    def write_csv(self, run_id: str, out: TextIO) -> None:
        """Write the rows of `export_csv` to `out` one by one."""
        rows, columns = self._table(run_id)
        csv_table.write_rows(out, rows, columns)

    def export_cost_csv(self, run_id: str) -> str:
        """Return tokens and US dollars by provider, model and kind of token; the header alone for a run without any."""
        get_run_snapshot(self._store, run_id)
        text = StringIO(newline="")
        cost = read_cost(self._store, run_id)
        csv_table.write_table(text, COST_COLUMNS, () if cost is None else cost_rows(cost))
        return text.getvalue()

    def export_latex(self, run_id: str) -> str:
        """Return a table with a row for each case and metric; it needs no LaTeX package."""
        return _text(self.write_latex, run_id)

    def write_latex(self, run_id: str, out: TextIO) -> None:
        """Write the lines of `export_latex` to `out` one by one."""
        result = projections.run_result(self._store, run_id)
        rows, columns = self._table(run_id)
        _write(out, latex.score_table(result, rows, read_cost(self._store, run_id), columns))

    def export_latex_summary(self, run_id: str) -> str:
        """Return a table of the metrics, for a paper; it needs no LaTeX package."""
        self._snapshot(run_id)
        return "\n".join([*latex.summary_table(RunSummary.of(self._store, run_id)), ""])

    def export_html(self, run_id: str) -> str:
        """Return a page to look at: the summary, and the first scores; it loads nothing and runs no script."""
        return _text(self.write_html, run_id)

    def write_html(self, run_id: str, out: TextIO) -> None:
        """Write the lines of `export_html` to `out` one by one."""
        rows = self._rows(run_id)
        _write(out, html.page(RunSummary.of(self._store, run_id), rows))

    def export_jsonl(self, run_id: str) -> str:
        """Return a JSON object in a line of its own for each case and metric, with the columns of the CSV."""
        return _text(self.write_jsonl, run_id)

    def write_jsonl(self, run_id: str, out: TextIO) -> None:
        """Write the lines of `export_jsonl` to `out` one by one."""
        _write(out, json_lines.score_lines(self._rows(run_id)))

    def export_junit(self, run_id: str) -> str:
        """Return JUnit XML: a test suite for each metric, and in it a test for each case."""
        return _text(self.write_junit, run_id)

    def write_junit(self, run_id: str, out: TextIO) -> None:
        """Write the lines of `export_junit` to `out` one by one."""
        rows = self._rows(run_id)
        junit.write_suites(out, RunSummary.of(self._store, run_id), rows)

    def export_parquet(self, run_id: str) -> bytes:
        """Return a Parquet file with a row for each case and metric.

        Raises:
            MissingExtraError: pyarrow is not installed.
        """
        file = BytesIO()
        self.write_parquet(run_id, file)
        return file.getvalue()

    def write_parquet(self, run_id: str, out: BinaryIO) -> None:
        """Write the file of `export_parquet` to `out`, with few rows in memory at once; raises as it does."""
        rows, columns = self._table(run_id)
        parquet.write_file(out, RunSummary.of(self._store, run_id), rows, columns)

    def export_score_table(self, run_id: str) -> list[dict[str, Any]]:
        """Return the rows of the CSV as JSON values."""
        return [as_json(row) for row in self._rows(run_id)]

    def _table(self, run_id: str) -> tuple[Iterator[BenchmarkScoreRow], tuple[str, ...]]:
        """Return the rows of a run and their columns."""
        edits = self._edits(run_id)
        return self._rows(run_id, edits), csv_table.columns_of(self._snapshot(run_id), edits.columns)

    def _rows(self, run_id: str, edits: RunEdits | None = None) -> Iterator[BenchmarkScoreRow]:
        snapshot = self._snapshot(run_id)
        notes = calibrations.notes(self._store, snapshot)
        rows = _noted(projections.score_rows(self._store, snapshot), notes)
        return (edits or self._edits(run_id)).marked(rows)

    def _edits(self, run_id: str) -> RunEdits:
        return RunEdits.read(self._store, self._snapshot(run_id))

    def _snapshot(self, run_id: str) -> RunSnapshot:
        """Return the snapshot of a run that may be reported."""
        snapshot = get_run_snapshot(self._store, run_id)
        names = [dataset.metadata[_BENCHMARK] for dataset in snapshot.datasets if _BENCHMARK in dataset.metadata]
        if names and any(judge.component_id == _DEMO_JUDGE for judge in snapshot.component_refs.judge_models):
            raise DemoJudgeError(run_id=run_id, benchmark=names[0])
        return snapshot


def _noted(rows: Iterable[BenchmarkScoreRow], notes: Mapping[str, str]) -> Iterator[BenchmarkScoreRow]:
    """Yield rows, those of judged metrics with what is known of their judges."""
    for row in rows:
        note = notes.get(row.metric_id)
        yield row if note is None else row.model_copy(update={"calibration": note})


def _calibration_document(calibration: Calibration | None) -> dict[str, Any]:
    if calibration is None:
        return {"status": calibrations.UNCALIBRATED}
    return {"status": "calibrated", **calibration.document()}


def snapshot_report(snapshot: RunSnapshot, run_metadata: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return a run's snapshot without its cases, as JSON; `run_metadata` is added to it unchanged."""
    document = snapshot.model_dump(mode="json", include={"identity", "provenance", "component_refs"})
    return {"run_id": snapshot.run_id, **document, "run_metadata": dict(run_metadata or {})}


def _write(out: TextIO, lines: Iterable[str]) -> None:
    out.writelines(line + "\n" for line in lines)


def _text(write: Callable[[str, TextIO], None], run_id: str) -> str:
    text = StringIO(newline="")
    write(run_id, text)
    return text.getvalue()
