"""The runs of a group in one table: each with its means, and its differences from the first."""

from typing import TYPE_CHECKING

from themis.cli.terminal.fitted_table import Column, say_table_fitted
from themis.cli.terminal.output import ID_CHARACTERS, say
from themis.cli.terminal.prose import say_text
from themis.cli.terminal.scores import short_name
from themis.cli.views.paired_figures import paired_figures
from themis.core.statistics.score_tally import number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from themis.core.comparison.comparing import Comparison
    from themis.core.comparison.scores import RunScores

_RUNS = (
    Column("run"),
    Column("row", drop=2, below=True, bare=True, yields=True),
    Column("metric", drop=3, below=True, bare=True, yields=True),
    Column("mean", right=True),
    Column("difference", right=True, drop=1, below=True),
    Column("95 % interval", right=True, drop=5, below=True),
    Column("p", right=True, drop=4, below=True),
    Column("pairs", right=True, drop=6, below=True),
    Column("better", right=True, drop=7, below=True),
    Column("worse", right=True, drop=8, below=True),
)


def say_compared(sides: "Sequence[tuple[str, RunScores, int | None]]", found: "Sequence[Comparison]") -> None:
    """Print a row for each run and metric; the first run is the baseline.

    Args:
        sides: the runs: name, scores, and number of scores as they were edited.
        found: the comparison of each with the first, without that one.
    """
    name, baseline, _ = sides[0]
    names = {metric for _, scores, _ in sides for metric in scores.scores}
    only = names.pop() if len(names) == 1 else None
    columns = _RUNS if only is None else tuple(one._replace(header=_of_one(one.header, only)) for one in _RUNS)

    def shown(metric: str) -> str | None:
        return None if metric == only else short_name(metric)

    rows: list[tuple[str | None, ...]] = [
        (baseline.run_id[:ID_CHARACTERS], name, shown(metric), _mean(baseline, metric), "baseline", *[None] * 5)
        for metric in baseline.scores
    ]
    for (name, scores, _), one in zip(sides[1:], found, strict=True):
        run = scores.run_id[:ID_CHARACTERS]
        for metric in scores.scores:
            paired = one.metrics.get(metric)
            cells = [None] * 6 if paired is None else paired_figures(paired)
            rows.append((run, name, shown(metric), _mean(scores, metric), *cells))
    say_table_fitted(columns, rows)
    edited = sum(edits or 0 for _, _, edits in sides)
    if edited:
        say_text(f"{edited:,} scores as they were edited")
    unpaired = sum(bool(missing) for one in found for missing in one.unpaired.values())
    if unpaired:
        say()
        say_text(f"{unpaired:,} rows leave out cases that one of both runs has no score for; --json counts them.")


def _of_one(header: str, metric: str) -> str:
    """The header of a column where all rows are of one metric, whose column is left out."""
    return short_name(metric) if header == "mean" else header


def _mean(scores: "RunScores", metric: str) -> str:
    values = list(scores.scored(metric).values())
    return number(sum(values) / len(values) if values else None)
