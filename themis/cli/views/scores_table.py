"""The scores of a run, case by case, for people."""

from itertools import islice
from typing import TYPE_CHECKING

from themis.cli.terminal.fitted_table import Column, say_table_fitted
from themis.cli.terminal.output import say
from themis.cli.terminal.prose import say_text
from themis.cli.terminal.scores import say_in_full, short_name
from themis.core.statistics.score_tally import number

if TYPE_CHECKING:
    from themis.core.read_models import BenchmarkResult, BenchmarkScoreRow

SHOWN_SCORES = 20
_COLUMNS = (
    Column("case"),
    Column("metric", drop=2, below=True, bare=True),
    Column("score", right=True),
    Column("why", drop=3, below=True, bare=True, lines=2),
)


def say_scores(found: "BenchmarkResult") -> None:
    """Print the metrics of a run in full, and the scores of its cases: first those that are missing or below 1."""
    if found.metrics:
        say()
        say_in_full(found.metrics)
    notable = [row for row in found.score_rows if row.outcome != "correct"]
    if not notable:
        return
    say()
    say_table_fitted(_COLUMNS, [_row(row) for row in islice(notable, SHOWN_SCORES)])
    if len(notable) > SHOWN_SCORES:
        say_text(f"The first {SHOWN_SCORES} of {len(notable):,} scores that are missing or below 1; --json has all.")


def _row(row: "BenchmarkScoreRow") -> tuple[str | None, ...]:
    why = ": ".join(filter(None, (row.error_category, row.error_message)))
    return row.case_id, short_name(row.metric_id), number(row.value) if row.value is not None else None, why or None
