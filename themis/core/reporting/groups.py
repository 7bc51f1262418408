"""Report on a group of runs: a row for each run and metric, in several forms."""

import json
from collections.abc import Callable, Iterator, Mapping
from io import StringIO
from types import MappingProxyType
from typing import Any

from themis.core.monitor.run_groups.group_now import GroupNow
from themis.core.reporting import latex, markdown
from themis.core.reporting.csv_table import write_table
from themis.core.statistics.score_tally import figures, number

COLUMNS = (
    *("group", "row", "run_id", "name", "state", "total_cases", "completed_cases", "failed_cases", "metric_id"),
    *("mean", "ci_lower", "ci_upper", "scored", "no_answer", "unscored"),
)
"""Columns of the CSV, and keys of an object of the JSON Lines; a run without scores has a row without a metric."""

_TABLE = ("row", "run", "state", "metric", "mean", "95 % interval", "scored", "no answer", "unscored", "failed")
_SHOWN_DIGITS = 8


def rows_of(group: GroupNow) -> Iterator[dict[str, Any]]:
    """Yield the row of each run and metric, by column."""
    for row_name, run in group.runs:
        of_run = {
            "group": group.name,
            "row": row_name,
            "run_id": run.run_id,
            "name": run.name,
            "state": run.state,
            "total_cases": run.total,
            "completed_cases": run.done - run.failed,
            "failed_cases": run.failed,
        }
        for metric, found in run.metrics.items():
            document = found.document()
            yield {**of_run, "metric_id": metric, **{name: document[name] for name in COLUMNS[len(of_run) + 1 :]}}
        if not run.metrics:
            yield of_run | dict.fromkeys(COLUMNS[len(of_run) :])


def as_json(group: GroupNow) -> str:
    """Return the group as one JSON object: states, means, and each run as `themis status` has it."""
    return json.dumps(group.document(), separators=(",", ":"))


def as_json_lines(group: GroupNow) -> str:
    """Return a JSON object for each run and metric."""
    return "".join(f"{json.dumps(row, separators=(',', ':'))}\n" for row in rows_of(group))


def as_csv(group: GroupNow) -> str:
    """Return a row for each run and metric."""
    out = StringIO()
    write_table(out, COLUMNS, ([row[column] for column in COLUMNS] for row in rows_of(group)))
    return out.getvalue()


def as_markdown(group: GroupNow) -> str:
    """Return the states, the mean of each metric over the runs, and a table of runs."""
    return "\n".join(markdown.group_report(group.name, _facts(group), _TABLE, _cells(group)))


def as_latex(group: GroupNow) -> str:
    """Return a table of runs for a paper."""
    return "\n".join(latex.group_table(group.name, _TABLE, _cells(group)))


FORMATS: Mapping[str, Callable[[GroupNow], str]] = MappingProxyType(
    {
        "json": as_json,
        "jsonl": as_json_lines,
        "csv": as_csv,
        "markdown-summary": as_markdown,
        "latex-summary": as_latex,
    }
)
"""Forms of the report, by the names that `themis report --format` has for them."""


def _facts(group: GroupNow) -> list[tuple[str, str]]:
    states = ", ".join(f"{count:,} {state}" for state, count in group.states.items())
    means = [(f"mean of {metric}", number(mean)) for metric, mean in group.metric_means.items()]
    return [("runs", f"{len(group.runs):,}: {states}"), *means]


def _cells(group: GroupNow) -> Iterator[tuple[str, ...]]:
    for row_name, run in group.runs:
        beginning = (row_name or run.name or "-", run.run_id[:_SHOWN_DIGITS], run.state)
        for metric, found in run.metrics.items():
            shown = figures(found)
            yield (*beginning, metric, *(shown[name] for name in _TABLE[4:9]), f"{run.failed:,}")
        if not run.metrics:
            yield (*beginning, *["-"] * 6, f"{run.failed:,}")
