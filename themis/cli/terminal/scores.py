"""Metrics for people: each mean with its counts and its interval."""

from collections.abc import Mapping

from themis.cli.terminal.output import table
from themis.core.statistics.score_tally import MetricSummary, aggregate_notes, aggregate_rows, figures, number


def in_short(metrics: Mapping[str, MetricSummary], *, ended: bool) -> str:
    """The means in one line, with the numbers of cases without an answer or with one that did not end by itself.

    If all have `ended`, also the number of cases without a score.
    """
    found = []
    for name, metric in metrics.items():
        beside = [f"{metric.no_answer:,} no answer"] if metric.no_answer else []
        beside += [f"{count:,} {end}" for end, count in metric.answer_ends.items()]
        if ended and metric.unscored:
            beside.append(f"{metric.unscored:,} unscored")
        found.append(f"{_short(name)} {number(metric.mean)}" + (f" ({', '.join(beside)})" if beside else ""))
    return ", ".join(found)


def in_full(metrics: Mapping[str, MetricSummary]) -> list[str]:
    """The lines of a table with the means and all their details, and of one with the figures that are no means."""
    texts = {name: figures(metric) for name, metric in metrics.items()}
    names = tuple(next(iter(texts.values()), {}))
    lines = table(("metric", *names), [(_short(name), *found.values()) for name, found in texts.items()], right=names)
    rows = [(_short(name), *others) for name, *others in aggregate_rows(metrics)]
    if rows:
        heads = ("metric", "over all cases", "value", "95 % interval")
        lines += ["", *table(heads, rows, right=heads[2:])]
        lines += [f"{_short(name)}, {note}: {text}" for name, note, text in aggregate_notes(metrics)]
    return lines


def _short(metric_id: str) -> str:
    return metric_id.removeprefix("builtin/")
