"""Metrics for people: each mean with what stands beside it."""

from collections.abc import Mapping

from themis.cli.terminal.output import table
from themis.core.statistics.score_tally import MetricSummary, figures, number


def in_short(metrics: Mapping[str, MetricSummary], *, ended: bool) -> str:
    """The means in a line, with how many cases had no answer and, of a run whose cases have `ended`, no score."""
    found = []
    for name, metric in metrics.items():
        beside = [f"{metric.no_answer:,} no answer"] if metric.no_answer else []
        if ended and metric.unscored:
            beside.append(f"{metric.unscored:,} unscored")
        found.append(f"{_short(name)} {number(metric.mean)}" + (f" ({', '.join(beside)})" if beside else ""))
    return ", ".join(found)


def in_full(metrics: Mapping[str, MetricSummary]) -> list[str]:
    """Lines of a table with all that stands beside the means."""
    texts = {name: figures(metric) for name, metric in metrics.items()}
    names = tuple(next(iter(texts.values()), {}))
    return table(("metric", *names), [(_short(name), *found.values()) for name, found in texts.items()], right=names)


def _short(metric_id: str) -> str:
    return metric_id.removeprefix("builtin/")
