"""Reports in Markdown: a line for each score, and a readable summary."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from themis.core.cost.run_cost import RunCost
from themis.core.cost.tokens import KINDS
from themis.core.read_models import BenchmarkScoreRow, EditedScoreRow
from themis.core.reporting.cells import one_line
from themis.core.reporting.score_edits import RunEdits
from themis.core.reporting.sections import Given, Inline, Sentence, sections_of
from themis.core.reporting.summary import RunSummary
from themis.core.results import RunResult

_PLAIN = re.compile(r"(?!_)(?!.*_$)[\w./:;,%=+' ()-]*")
"""A text that Markdown leaves unchanged; a URL, which it would turn into a link, does not match."""


def score_list(
    result: RunResult,
    rows: Iterable[BenchmarkScoreRow],
    cost: RunCost | None,
    calibrations: Mapping[str, str],
    edits: RunEdits,
) -> Iterator[str]:
    """Yield the run's state, a line for each key, and its scores, a line for each row; a missing value is `None`."""
    counts = result.progress
    yield "# Run Report"
    yield ""
    yield f"- run_id: {result.run_id}"
    yield f"- status: {result.status.value}"
    yield f"- total_cases: {counts.total_cases}"
    yield f"- completed_cases: {counts.completed_cases}"
    yield f"- failed_cases: {counts.failed_cases}"
    if result.name:
        yield f"- name: {_value(result.name)}"
    if result.error:
        yield f"- error: {_value(result.error)}"
    if result.what_is_missing:
        yield f"- missing: {_value(result.what_is_missing)}"
    if cost is not None:
        yield f"- cost_usd: {cost.usd}"
        for kind, count in zip(KINDS, cost.known.tokens, strict=True):
            yield f"- {kind}_tokens: {count}"
    for metric_id, note in calibrations.items():
        yield f"- calibration: {_value(metric_id)}: {_value(note)}"
    for metric_id, found in edits.metrics.items():
        yield f"- edited_mean: {_value(metric_id)}: {found.summary.mean} ({found.edits} edits)"
    yield ""
    yield "## Metrics"
    yield ""
    for row in rows:
        yield (
            f"- case={_value(row.case_id)} metric={_value(row.metric_id)} outcome={row.outcome} value={row.value}"
            f" candidate={_value(row.candidate_id)} error_category={row.error_category}"
            f" error_message={_value(row.error_message)} dataset={_value(row.dataset_id)}"
            + ("" if row.candidate_index is None else f" candidate_index={row.candidate_index}")
            + (_edit(row) if isinstance(row, EditedScoreRow) else "")
        )


def _edit(row: EditedScoreRow) -> str:
    said = f" edited_value={row.edited_value} edited_by={_value(row.edited_by)} edited_why={_value(row.edited_why)}"
    return f"{said} edited_at={row.edited_at}"


def summary_report(summary: RunSummary) -> Iterator[str]:
    """Yield the lines of the summary, section by section."""
    for level, section in enumerate(sections_of(summary)):
        yield f"{'##' if level else '#'} {section.title}"
        yield ""
        for paragraph in section.before:
            yield _paragraph(paragraph)
            yield ""
        yield from _table(section.columns, ([_cell(cell) for cell in row] for row in section.rows))
        for paragraph in section.after:
            yield _paragraph(paragraph)
            yield ""


def group_report(
    group: str, facts: Iterable[tuple[str, str]], columns: Sequence[str], rows: Iterable[Sequence[str]]
) -> Iterator[str]:
    """Yield the lines of a report on a group of runs: facts as `- name: value`, and a table."""
    yield f"# Group {_value(group)}"
    yield ""
    yield from (f"- {_value(name)}: {_value(value)}" for name, value in facts)
    yield ""
    yield from _table(columns, ([_value(cell).replace("|", r"\|") for cell in row] for row in rows))


def _cell(cell: Inline) -> str:
    return "".join(part if isinstance(part, str) else _code(part.text) for part in cell)


def _paragraph(parts: Inline) -> str:
    return "".join(_in_words(part) for part in parts)


def _in_words(part: str | Given | Sentence) -> str:
    if isinstance(part, str):
        return part
    return _value(part.text) if isinstance(part, Sentence) else _as_code(one_line(part.text))


def _table(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    yield f"| {' | '.join(headers)} |"
    yield f"|{'---|' * len(headers)}"
    for row in rows:
        yield f"| {' | '.join(map(str, row))} |"
    yield ""


def _value(text: str | None) -> str:
    """Return a text for a list: unchanged when Markdown would leave it so, else as code."""
    line = one_line(str(text))
    if line and "://" not in line and "www." not in line and _PLAIN.fullmatch(line):
        return line
    return _as_code(line)


def _code(text: str) -> str:
    """Return a text as code for a table's cell, in which none of its characters are markup."""
    return _as_code(one_line(text).replace("|", r"\|"))


def _as_code(line: str) -> str:
    if not line:
        return ""
    runs = {len(run) for run in "".join(sign if sign == "`" else " " for sign in line).split()}
    fence = "`" * next(length for length in range(1, len(runs) + 2) if length not in runs)
    return f"{fence} {line} {fence}" if runs else f"{fence}{line}{fence}"
