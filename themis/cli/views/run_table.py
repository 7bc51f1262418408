"""Table of runs: each with its state, a column for each metric, and what became of it."""

import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from themis.cli.terminal import colours
from themis.cli.terminal.fitted_table import Column, say_table_fitted
from themis.cli.terminal.output import ID_CHARACTERS, cut, how_long, one_line, short_time
from themis.cli.terminal.prose import today_at_terminal
from themis.cli.terminal.scores import remarks, score_columns

if TYPE_CHECKING:
    from themis.core.monitor.runs import RunNow

_MS = 1_000_000
_LONG_NAME = 24
_SCORES_DROP = 20
_FAILED = Column("failed", right=True, drop=100, below=True)
_REMARKS = Column("remarks", drop=120, below=True, bare=True)
_TOOK = Column("took", drop=130, below=True)
_WHY = Column("why", drop=140, below=True, bare=True, yields=True, lines=3)
_ADDED = Column("added", drop=150, yields=True)
_LABELS = Column("labels", drop=160, below=True, yields=True)
_WORKER = Column("worker", least=8, drop=170)
_ATTEMPT = Column("attempt", right=True, drop=180)
_JOB = Column("job", drop=190)


def say_runs(rows: "Sequence[RunNow]", *, stored: bool) -> None:
    """Print a table of runs: as they are `stored`, with labels and age, else as they go on, with job and worker."""
    columns, scores = score_columns([row.metrics for row in rows], drop=_SCORES_DROP)
    # A long name gives way to the first score: names are found below as well, but scores want to stand in a column.
    is_long = any(len(row.name or "") > _LONG_NAME for row in rows)
    before = (
        Column("run"),
        Column("name", drop=_SCORES_DROP + is_long, below=True, bare=True, yields=True),
        Column("state", style=colours.of_state),
        Column("cases", right=True),
    )
    after = (_FAILED, _REMARKS, _TOOK, _WHY)
    last = (_ADDED, _LABELS) if stored else (_WORKER, _ATTEMPT, _JOB)
    today = today_at_terminal()
    cells = [
        (*_beginning(row), *found, *_middle(row), *(_of_store(row, today) if stored else _of_job(row)))
        for row, found in zip(rows, scores, strict=True)
    ]
    say_table_fitted((*before, *columns, *after, *last), cells)


def took(row: "RunNow") -> str | None:
    """Return the time that a run took, or that it has been running for."""
    if row.started_ms is None:
        return None
    if row.ended_ms is not None:
        return how_long((row.ended_ms - row.started_ms) / 1000)
    since = how_long(max(time.time() - row.started_ms / 1000, 0.0))
    return f"{since} so far" if row.status == "running" and row.state == "running" else None


def _beginning(row: "RunNow") -> tuple[str | None, ...]:
    return row.run_id[:ID_CHARACTERS], row.name, row.state, f"{row.done:,}/{row.total:,}"


def _middle(row: "RunNow") -> tuple[str | None, ...]:
    return (
        f"{row.failed:,}" if row.failed else None,
        remarks(row.metrics, ended=row.done == row.total),
        took(row),
        "; ".join(_why(row)) or None,
    )


def _why(row: "RunNow") -> Iterator[str]:
    """Yield what is wrong with a run: why it failed, was interrupted or waits, and a call that has stalled."""
    if row.standing.error and row.state not in {"completed", "running"}:
        yield one_line(cut(row.standing.error))
    if row.slot is not None and row.slot.stalled is not None:
        yield f"a stalled call: {one_line(row.slot.stalled.text)}"


def _of_job(row: "RunNow") -> tuple[str | None, ...]:
    job = row.job
    if job is None:
        return (None, None, None)
    attempt = str(job.attempt) if job.attempt > 1 else None
    return job.owner.worker if job.owner else None, attempt, job.key[:ID_CHARACTERS]


def _of_store(row: "RunNow", today: str | None) -> tuple[str | None, ...]:
    labels = ", ".join(f"{key}={value}" for key, value in row.labels.items())
    return short_time(row.created_ms * _MS, today), labels or None
