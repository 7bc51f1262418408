"""Sections of a summary to read, in the order of a page; Markdown and HTML each write them in their own way."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from themis.core.cost.run_cost import RunCost
from themis.core.reporting import costs
from themis.core.reporting.summary import RunSummary
from themis.core.score_edits.history import IN_WORDS, EditRecord, Standing, score_text
from themis.core.statistics.score_tally import aggregate_notes, aggregate_rows, number

_LOW_AND_HIGH = (
    "A mean covers the scored cases. A case without an answer counts as the run's on_no_answer says, 0 by default; "
    "a failed case is unscored. Low and high are the mean if all unscored cases had scored 0 or 1."
)
_KAPPA = (
    "Kappa is the agreement of a judge with the labels of people, beyond that of chance; an uncalibrated judge has not "
    "been compared with people."
)
_EDITED = (
    "An edited mean is over the same cases, with the scores that people gave in place of those that were measured. "
    "Figures over all cases together, and scores of single candidates, are as measured."
)
_EARLIER_ANSWERS = (
    "What was said of earlier answers is in no figure: nobody has said it of the answers that are there now."
)

EDITS_SHOWN = 50
"""Edits that a page lists; the JSON report and `themis score list` have them all."""

_PAST = frozenset({Standing.REPLACED, Standing.WITHDRAWN, Standing.WITHDRAWAL})


class Given(NamedTuple):
    """A text from an experiment, a model or a provider: shown as it is, whatever markup it looks like."""

    text: str


class Sentence(NamedTuple):
    """A sentence of ours that has given texts within it."""

    text: str


Inline = tuple[str | Given | Sentence, ...]
"""Words of ours and given texts, side by side."""


@dataclass(frozen=True, slots=True)
class Section:
    """One table with sentences around it.

    Attributes:
        title: its heading.
        columns: headings of the columns; of empty texts when the first column names each row.
        rows: the cells, one for each column.
        before, after: paragraphs in front of the table and behind it.
    """

    title: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[Inline, ...]]
    before: tuple[Inline, ...] = ()
    after: tuple[Inline, ...] = ()


def sections_of(summary: RunSummary) -> Iterator[Section]:
    """Yield the sections that a run has: itself, its metrics with the figures beside a mean, its cost, its failures."""
    yield _head(summary)
    yield _metrics(summary)
    if edits := _edits(summary):
        yield edits
    if aggregates := _aggregates(summary):
        yield aggregates
    if ends := _answer_ends(summary):
        yield ends
    if summary.cost is not None:
        yield _cost(summary.cost)
    if summary.failures:
        yield _failures(summary)


def _head(summary: RunSummary) -> Section:
    result, snapshot = summary.result, summary.snapshot
    counts = result.progress
    datasets = tuple(part for dataset in snapshot.datasets for part in (", ", Given(dataset.dataset_id)))
    rows: list[tuple[Inline, ...]] = [
        *([(("name",), (Given(result.name),))] if result.name else []),
        (("run",), (Given(result.run_id),)),
        (("status",), (result.status.value,)),
        (("completed through",), (result.completed_through_stage or "-",)),
        (("generator",), (Given(snapshot.component_refs.generator.component_id),)),
        *([(("answered by",), _served(summary))] if summary.served_models else []),
        (("datasets",), datasets[1:] or ("-",)),
        (("cases",), (f"{counts.completed_cases} of {counts.total_cases} completed, {counts.failed_cases} failed",)),
        *([(("error",), (Given(result.error),))] if result.error else []),
    ]
    missing = result.what_is_missing
    return Section("Run Report", ("", ""), rows, after=((f"This report is {missing}.",),) if missing else ())


def _served(summary: RunSummary) -> Inline:
    """The models that answered; several for one configured model are worth a remark."""
    counts = summary.served_models
    if len(counts) == 1:
        return (Given(next(iter(counts))),)
    several = [part for model, cases in counts.most_common() for part in (", ", Given(model), f" ({cases:,} cases)")]
    return (f"{len(counts)} different models: ", *several[1:])


def _metrics(summary: RunSummary) -> Section:
    rows: list[tuple[Inline, ...]] = [
        ((Given(name),), *((found[figure],) for figure in summary.figures)) for name, found in summary.table()
    ]
    after = ((_LOW_AND_HIGH,), (_KAPPA,)) if summary.calibrations else ((_LOW_AND_HIGH,),)
    return Section("Metrics", ("metric", *summary.figures), rows, after=after)


def _edits(summary: RunSummary) -> Section | None:
    """The edits of scores that were not replaced or taken back."""
    found = [record for record in summary.edits.history.records if record.standing not in _PAST]
    if not found:
        return None
    is_past = any(record.standing is Standing.EARLIER_ANSWER for record in found)
    after: list[Inline] = [(_EDITED,), *([(_EARLIER_ANSWERS,)] if is_past else [])]
    if len(found) > EDITS_SHOWN:
        after.append((f"The first {EDITS_SHOWN} of {len(found):,}; themis score list prints them all.",))
    columns = ("dataset", "case", "metric", "measured", "edited", "by", "when", "why", "now")
    return Section("Edited scores", columns, [_edit(record) for record in found[:EDITS_SHOWN]], after=tuple(after))


def _edit(record: EditRecord) -> tuple[Inline, ...]:
    edit, candidate = record.edit, record.candidate_index
    return (
        (Given(edit.dataset_id),),
        (Given(edit.case_id), "" if candidate is None else f" (candidate {candidate})"),
        (Given(record.metric_id),),
        (score_text(edit.measured),),
        (score_text(record.after),),
        (Given(edit.edited_by),),
        (record.edited_at,),
        (Given(edit.why),),
        (IN_WORDS[record.standing],),
    )


def _aggregates(summary: RunSummary) -> Section | None:
    """The figures over the run that are not means, with the metrics that failed to compute them."""
    rows: list[tuple[Inline, ...]] = [
        ((Given(name),), *((text,) for text in texts)) for name, *texts in aggregate_rows(summary.metrics)
    ]
    failed = [(name, metric.aggregate_error) for name, metric in summary.metrics.items() if metric.aggregate_error]
    rows += [((Given(name),), ("-",), (Given(error),), ("-",)) for name, error in failed]
    notes = tuple((Given(name), f", {note}: ", Given(text)) for name, note, text in aggregate_notes(summary.metrics))
    columns = ("metric", "figure", "value", "95 % interval")
    return Section("Over all cases together", columns, rows, after=notes) if rows else None


def _answer_ends(summary: RunSummary) -> Section | None:
    ended = {name: metric for name, metric in summary.metrics.items() if metric.answer_ends}
    kinds = sorted({kind for metric in ended.values() for kind in metric.answer_ends})
    rows: list[tuple[Inline, ...]] = [
        (
            (Given(name),),
            *((f"{metric.answer_ends.get(kind, 0):,}",) for kind in kinds),
            (number(metric.mean),),
            (number(metric.mean_of_whole_answers),),
        )
        for name, metric in ended.items()
    ]
    said = "They are scored like any other answer, unless the run's on_stop leaves them unscored."
    columns = ("metric", *kinds, "mean", "mean without them")
    return Section("Answers that did not end by themselves", columns, rows, after=((said,),)) if rows else None


def _cost(cost: RunCost) -> Section:
    rows = [tuple((text,) for text in row) for row in costs.by_kind(cost)]
    remarks = tuple((Sentence(remark),) for remark in costs.remarks(cost))
    return Section("Cost", ("tokens", "number", "cost"), rows, after=remarks)


def _failures(summary: RunSummary) -> Section:
    total, shown = sum(summary.errors.values()), len(summary.failures)
    counted = ", ".join(f"{count} {category}" for category, count in sorted(summary.errors.items()))
    first = f" The first {shown} of {total}:" if total > shown else ""
    rows: list[tuple[Inline, ...]] = [
        (
            (Given(row.dataset_id or ""),),
            (Given(row.case_id),),
            (Given(row.metric_id),),
            (row.error_category or "",),
            (
                "" if row.candidate_index is None else f"candidate {row.candidate_index}: ",
                Given(row.error_message or ""),
            ),
        )
        for row in summary.failures
    ]
    columns = ("dataset", "case", "metric", "category", "message")
    return Section("Failures", columns, rows, before=((f"{counted}.{first}",),))
