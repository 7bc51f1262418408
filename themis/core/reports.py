r"""Reports on the runs of a store.

Text from a model, a dataset or a provider stays text in a report, whatever it looks like: Markdown shows it as code,
LaTeX escapes it, and a CSV cell that a spreadsheet would read as a formula gets an apostrophe in front. Characters that
move a terminal's cursor or reverse a line are escaped visibly, as in `\x1b`; only JSON keeps them unchanged.
"""

from collections.abc import Callable, Iterable, Iterator
from io import StringIO
from typing import Any, TextIO

from themis.core.base import as_json
from themis.core.inspection import get_execution_state, get_run_snapshot
from themis.core.read_models import BenchmarkScoreRow
from themis.core.reporting import csv_table, latex, markdown
from themis.core.reporting.costs import COST_COLUMNS, cost_rows, read_cost
from themis.core.reporting.csv_table import COLUMNS
from themis.core.reporting.summary import FAILURES_SHOWN, RunSummary
from themis.core.snapshot import RunSnapshot
from themis.core.stores import RunStore, projections
from themis.core.text.canonical import compact_json

__all__ = ["COLUMNS", "FAILURES_SHOWN", "Reporter", "snapshot_report"]

_VIEWS = ("run_result", "benchmark_result", "timeline_view", "trace_view")


class Reporter:
    """Writes reports on the runs of a store.

    Each method raises UnknownRunError for a run that is not in the store. Methods named `write_…` write line by
    line what the `export_…` method of that name returns, since there may be very many scores.
    """

    def __init__(self, store: RunStore) -> None:
        """Create a reporter for the runs of `store`."""
        self._store = store

    def export_json(self, run_id: str) -> str:
        """Return everything as one JSON object: the snapshot, the execution state, each view of the run, its cost."""
        document = {
            "snapshot": get_run_snapshot(self._store, run_id).model_dump(mode="json"),
            "execution_state": as_json(get_execution_state(self._store, run_id)),
        }
        cost = read_cost(self._store, run_id)
        views = {name: self._store.get_projection(run_id, name) for name in _VIEWS}
        return compact_json(document | views | ({} if cost is None else {"cost": cost.document()}))

    def export_markdown(self, run_id: str) -> str:
        """Return the run's state as `- key: value` lines, and a line for each case and metric."""
        return _text(self.write_markdown, run_id)

    def write_markdown(self, run_id: str, out: TextIO) -> None:
        """Write the lines of `export_markdown` to `out` one by one."""
        result = projections.run_result(self._store, run_id)
        _write(out, markdown.score_list(result, self._rows(run_id), read_cost(self._store, run_id)))

    def export_markdown_summary(self, run_id: str) -> str:
        """Return a readable summary: counts, the metrics with the details of their means, and the first failures."""
        return "\n".join(markdown.summary_report(RunSummary.of(self._store, run_id)))

    def export_csv(self, run_id: str) -> str:
        """Return a row for each case and metric."""
        return _text(self.write_csv, run_id)

    def write_csv(self, run_id: str, out: TextIO) -> None:
        """Write the rows of `export_csv` to `out` one by one."""
        csv_table.write_rows(out, self._rows(run_id))

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
        _write(out, latex.score_table(result, self._rows(run_id), read_cost(self._store, run_id)))

    def export_latex_summary(self, run_id: str) -> str:
        """Return a table of the metrics, for a paper; it needs no LaTeX package."""
        return "\n".join([*latex.summary_table(RunSummary.of(self._store, run_id)), ""])

    def export_score_table(self, run_id: str) -> list[dict[str, Any]]:
        """Return the rows of the CSV as JSON values."""
        return [as_json(row) for row in self._rows(run_id)]

    def _rows(self, run_id: str) -> Iterator[BenchmarkScoreRow]:
        return projections.score_rows(self._store, get_run_snapshot(self._store, run_id))


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
