"""One run: its facts, its metrics in full, what it has cost, and the attempts of its job."""

from typing import TYPE_CHECKING

from themis.cli.terminal.fitted_table import Column, say_table_fitted
from themis.cli.terminal.output import cut, how_long, local_time, say
from themis.cli.terminal.prose import say_facts
from themis.cli.terminal.scores import say_in_full, scores_one_by_one
from themis.cli.views.run_table import took
from themis.core.queue.model.predecessors import listed, own_time_ns, waits_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from themis.core.cost.run_cost import RunCost
    from themis.core.monitor.runs import RunNow
    from themis.core.stores.job_rows import AttemptRow

_MS = 1_000_000
_NS = 1e9
_ATTEMPTS = (
    Column("attempt", right=True),
    Column("worker", drop=3),
    Column("started", drop=2, below=True),
    Column("took", right=True),
    Column("ended by"),
    Column("message", drop=4, below=True, bare=True, lines=4),
)


def say_run(row: "RunNow", cost: "RunCost | None", more: "Sequence[tuple[str, str]]" = ()) -> None:
    """Print the facts of a run, `more` of them if there are, and its metrics in full."""
    say_facts([*_facts(row), *more, ("cost", _cost_text(cost))])
    if row.metrics:
        say()
        say_in_full(row.metrics)


def say_attempts(attempts: "Sequence[AttemptRow]", ends: "Sequence[tuple[str, str | None]]") -> None:
    """Print a table of attempts.

    Args:
        attempts: in order.
        ends: what ended each, and the message to it.
    """
    rows = [
        (
            attempt.attempt,
            attempt.worker,
            local_time(attempt.started_ns),
            how_long((attempt.ended_ns - attempt.started_ns) / _NS) if attempt.ended_ns else None,
            *end,
        )
        for attempt, end in zip(attempts, ends, strict=True)
    ]
    say_table_fitted(_ATTEMPTS, rows)


def _cost_text(cost: "RunCost | None") -> str:
    if cost is None:
        return ""
    from themis.core.reporting.costs import in_short as cost_in_short

    return cost_in_short(cost)


def _facts(row: "RunNow") -> "list[tuple[str, str | Sequence[str]]]":
    job = row.job
    return [
        ("name", row.name or ""),
        ("run", row.run_id),
        ("labels", ", ".join(f"{key}={value}" for key, value in row.labels.items())),
        ("state", row.state),
        ("cases", f"{row.done:,} of {row.total:,} ended, {row.failed:,} failed"),
        ("scores", _scores(row)),
        ("through", row.completed_through or ""),
        ("submitted", (local_time(job.submitted_ns) or "") if job else ""),
        ("started", local_time(row.started_ms * _MS if row.started_ms is not None else None) or ""),
        ("took", took(row) or ""),
        ("job", f"{job.key}, attempt {job.attempt}, priority {job.priority}" if job else ""),
        ("worker", f"{job.owner.worker}, pid {job.owner.pid}" if job and job.owner else ""),
        ("after", listed(waits_for(job)) if job else ""),
        ("not before", (local_time(own_time_ns(job)) or "") if job else ""),
        ("error", cut(row.standing.error or "")),
        *(("provider", state.text) for state in (row.slot.limits if row.slot else ())),
        ("stalled", row.slot.stalled.text if row.slot and row.slot.stalled else ""),
        ("store", row.store),
    ]


def _scores(row: "RunNow") -> list[str]:
    found = scores_one_by_one(row.metrics, ended=row.done == row.total)
    return [*found, "so far"] if found and row.done < row.total else found
