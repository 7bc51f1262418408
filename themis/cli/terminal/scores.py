"""Metrics for people: each mean with its counts and its interval."""

from collections import Counter
from collections.abc import Mapping, Sequence

from themis.cli.terminal.fitted_table import Column, fitted
from themis.cli.terminal.output import say
from themis.cli.terminal.widths import terminal_width, wrapped
from themis.core.statistics.score_tally import MetricSummary, aggregate_notes, aggregate_rows, figures, number

_IN_FULL = (
    Column("metric"),
    Column("mean", right=True),
    Column("95 % interval", right=True, drop=1, below=True),
    Column("scored", right=True, drop=4, below=True),
    Column("total", right=True, drop=7),
    Column("no answer", right=True, drop=3, below=True),
    Column("unscored", right=True, drop=2, below=True),
    Column("low", right=True, drop=5),
    Column("high", right=True, drop=6),
)
"""The figures of a mean, as `figures` names them."""

_SELDOM = ("no answer", "unscored")

_OVER_ALL = (
    Column("metric", drop=2, below=True, bare=True),
    Column("over all cases"),
    Column("value", right=True),
    Column("95 % interval", right=True, drop=1, below=True),
)


def scores_one_by_one(metrics: Mapping[str, MetricSummary], *, ended: bool = True) -> list[str]:
    """Each mean with its name, and the numbers of cases without an answer or with one that did not end by itself.

    If all have `ended`, also the number of cases without a score.
    """
    found = []
    for name, metric in metrics.items():
        beside = _beside(metric, ended=ended)
        found.append(f"{short_name(name)} {number(metric.mean)}" + (f" ({', '.join(beside)})" if beside else ""))
    return found


def score_columns(
    runs: Sequence[Mapping[str, MetricSummary]], *, drop: int
) -> tuple[list[Column], list[list[str | None]]]:
    """The columns of the means of several runs, a column for each metric, and the cells of each run.

    The first metrics are the last to leave a narrow table, and those that have left are below their rows.
    """
    ids = list(dict.fromkeys(name for metrics in runs for name in metrics))
    short = Counter(map(short_name, ids))
    columns = [
        Column(short_name(name) if short[short_name(name)] == 1 else name, right=True, drop=drop + place, below=True)
        for place, name in enumerate(ids)
    ]
    cells = [[number(metrics[name].mean) if name in metrics else None for name in ids] for metrics in runs]
    return columns, cells


def remarks(metrics: Mapping[str, MetricSummary], *, ended: bool) -> str | None:
    """Return remarks on the means of a run: answers that count as wrong or did not end, and missing scores.

    What holds for each of its metrics is said once. If all cases have `ended`, also how many have no score.
    """
    found = {short_name(name): _beside(metric, ended=ended) for name, metric in metrics.items()}
    common = [text for text in next(iter(found.values()), []) if all(text in texts for texts in found.values())]
    own = [f"{name}: {text}" for name, texts in found.items() for text in texts if text not in common]
    return ", ".join([*common, *own]) or None


def say_in_full(metrics: Mapping[str, MetricSummary]) -> None:
    """Print the tables of `in_full` as wide as the terminal."""
    for line in in_full(metrics, terminal_width()):
        say(line)


def in_full(metrics: Mapping[str, MetricSummary], width: int | None = None) -> list[str]:
    """The lines of a table with the means and all their details, and of one with the figures that are not means."""
    texts = {name: figures(metric) for name, metric in metrics.items()}
    if width is not None:  # where there is little room, what has not happened is not said
        for found in texts.values():
            found |= {name: "" for name in _SELDOM if found[name] == "0"}
    lines = fitted(_IN_FULL, [(short_name(name), *found.values()) for name, found in texts.items()], width)
    rows = [(short_name(name), *others) for name, *others in aggregate_rows(metrics)]
    if rows:
        lines += ["", *fitted(_OVER_ALL, rows, width)]
        for name, note, text in aggregate_notes(metrics):
            sentence = f"{short_name(name)}, {note}: {text}"
            lines += [sentence] if width is None else wrapped(sentence, width, indent=2)
    return lines


def _beside(metric: MetricSummary, *, ended: bool) -> list[str]:
    found = [f"{metric.no_answer:,} no answer"] if metric.no_answer else []
    found += [f"{count:,} {end}" for end, count in metric.answer_ends.items()]
    return [*found, f"{metric.unscored:,} unscored"] if ended and metric.unscored else found


def short_name(metric_id: str) -> str:
    """The id of a metric without the words that all the shipped ones have."""
    return metric_id.removeprefix("builtin/")
