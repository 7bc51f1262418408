"""Reports in Markdown: a line for each score, and a readable summary."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from themis.core.cost.run_cost import RunCost
from themis.core.cost.tokens import KINDS
from themis.core.read_models import BenchmarkScoreRow
from themis.core.reporting import costs
from themis.core.reporting.cells import one_line
from themis.core.reporting.summary import RunSummary
from themis.core.results import RunResult
from themis.core.statistics.score_tally import aggregate_notes, aggregate_rows, number

_PLAIN = re.compile(r"(?!_)(?!.*_$)[\w./:;,%=+' ()-]*")
"""A text that Markdown leaves unchanged; a URL, which it would turn into a link, does not match."""


def score_list(
    result: RunResult, rows: Iterable[BenchmarkScoreRow], cost: RunCost | None, calibrations: Mapping[str, str]
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
    yield ""
    yield "## Metrics"
    yield ""
    for row in rows:
        yield (
            f"- case={_value(row.case_id)} metric={_value(row.metric_id)} outcome={row.outcome} value={row.value}"
            f" candidate={_value(row.candidate_id)} error_category={row.error_category}"
            f" error_message={_value(row.error_message)} dataset={_value(row.dataset_id)}"
            + ("" if row.candidate_index is None else f" candidate_index={row.candidate_index}")
        )


def summary_report(summary: RunSummary) -> Iterator[str]:
    """Yield the lines of the summary: the run, its metrics with the figures beside a mean, its cost, its failures."""
    yield from _head(summary)
    yield from _metrics(summary)
    yield from _aggregates(summary)
    yield from _answer_ends(summary)
    if summary.cost is not None:
        yield from _cost(summary.cost)
    if summary.failures:
        yield from _failures(summary)


def _head(summary: RunSummary) -> Iterator[str]:
    result, snapshot = summary.result, summary.snapshot
    counts = result.progress
    yield "# Run Report"
    yield ""
    yield from _table(
        ("", ""),
        [
            ("run", _code(result.run_id)),
            ("status", result.status.value),
            ("completed through", result.completed_through_stage or "-"),
            ("generator", _code(snapshot.component_refs.generator.component_id)),
            *([("answered by", _served(summary))] if summary.served_models else []),
            ("datasets", ", ".join(_code(dataset.dataset_id) for dataset in snapshot.datasets) or "-"),
            ("cases", f"{counts.completed_cases} of {counts.total_cases} completed, {counts.failed_cases} failed"),
            *([("error", _code(result.error))] if result.error else []),
        ],
    )
    if result.what_is_missing:
        yield f"This report is {result.what_is_missing}."
        yield ""


def _metrics(summary: RunSummary) -> Iterator[str]:
    yield "## Metrics"
    yield ""
    rows = [(_code(name), *(found[figure] for figure in summary.figures)) for name, found in summary.table()]
    yield from _table(("metric", *summary.figures), rows)
    yield (
        "A mean covers the scored cases. A case without an answer counts as the run's on_no_answer says, 0 by default; "
        "a failed case is unscored. Low and high are the mean if all unscored cases had scored 0 or 1."
    )
    yield ""
    if summary.calibrations:
        yield (
            "Kappa is the agreement of a judge with the labels of people, beyond that of chance; an uncalibrated judge "
            "has not been compared with people."
        )
        yield ""


def _aggregates(summary: RunSummary) -> Iterator[str]:
    """The figures over the run that are no means, with the metrics that failed to compute them."""
    rows = [(_code(name), *texts) for name, *texts in aggregate_rows(summary.metrics)]
    failed = [(name, metric.aggregate_error) for name, metric in summary.metrics.items() if metric.aggregate_error]
    rows += [(_code(name), "-", _code(error), "-") for name, error in failed]
    if rows:
        yield "## Over all cases together"
        yield ""
        yield from _table(("metric", "figure", "value", "95 % interval"), rows)
        for name, note, text in aggregate_notes(summary.metrics):
            yield f"{_code(name)}, {note}: {_as_code(one_line(text))}"
            yield ""


def _served(summary: RunSummary) -> str:
    """The models that answered; several for one configured model are worth a remark."""
    counts = summary.served_models
    if len(counts) == 1:
        return _code(next(iter(counts)))
    several = ", ".join(f"{_code(model)} ({cases:,} cases)" for model, cases in counts.most_common())
    return f"{len(counts)} different models: {several}"


def _answer_ends(summary: RunSummary) -> Iterator[str]:
    ended = {name: metric for name, metric in summary.metrics.items() if metric.answer_ends}
    if not ended:
        return
    yield "## Answers that did not end by themselves"
    yield ""
    kinds = sorted({kind for metric in ended.values() for kind in metric.answer_ends})
    rows = [
        (
            _code(name),
            *(f"{metric.answer_ends.get(kind, 0):,}" for kind in kinds),
            number(metric.mean),
            number(metric.mean_of_whole_answers),
        )
        for name, metric in ended.items()
    ]
    yield from _table(("metric", *kinds, "mean", "mean without them"), rows)
    yield "They are scored like any other answer, unless the run's on_stop leaves them unscored."
    yield ""


def _cost(cost: RunCost) -> Iterator[str]:
    yield "## Cost"
    yield ""
    yield from _table(("tokens", "number", "cost"), costs.by_kind(cost))
    for remark in costs.remarks(cost):
        yield _value(remark)
        yield ""


def _failures(summary: RunSummary) -> Iterator[str]:
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
            ("" if row.candidate_index is None else f"candidate {row.candidate_index}: ") + _code(row.error_message),
        )
        for row in summary.failures
    ]
    yield from _table(("dataset", "case", "metric", "category", "message"), rows)


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


def _code(text: str | None) -> str:
    """Return a text as code for a table's cell, in which none of its characters are markup."""
    return _as_code(one_line(text or "").replace("|", r"\|"))


def _as_code(line: str) -> str:
    if not line:
        return ""
    runs = {len(run) for run in "".join(sign if sign == "`" else " " for sign in line).split()}
    fence = "`" * next(length for length in range(1, len(runs) + 2) if length not in runs)
    return f"{fence} {line} {fence}" if runs else f"{fence}{line}{fence}"
