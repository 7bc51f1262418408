"""`themis queue show`: one job, and why it stands as it does."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from themis.cli.command import command, json_option, queue_options
from themis.cli.opening import opened_queue
from themis.cli.output import document, emit, how_long, one_line, say, table, when
from themis.cli.worker_hint import start_one

if TYPE_CHECKING:
    from themis.cli.reasons import Reason
    from themis.core.queue import FileQueue
    from themis.core.queue.details import JobDetails
    from themis.core.stores.job_rows import JobRow

_NS = 1e9


@command("show", "themis queue show 4f1c")
@click.argument("key")
@queue_options
@json_option
def show(*, key: str, queue_root: Path | None, config: Path | None, overrides: Sequence[str], as_json: bool) -> None:
    """Show one job, named by its key or the beginning of it: its state, its attempts, and why it is not running."""
    with opened_queue(queue_root, config, overrides) as queue:
        details = queue.admin.show(key)
        why = reasons_of(queue, details)
    text = explanation(details, why, queue.path)
    if as_json:
        emit(_document(details, text, why))
        return
    for name, value in _facts(details, text):
        say(f"{name:<10} {one_line(value)}")
    if details.attempts:
        rows = [
            (
                attempt.attempt,
                attempt.worker,
                when(attempt.started_ns),
                how_long((attempt.ended_ns - attempt.started_ns) / _NS) if attempt.ended_ns else None,
                attempt.cause or ("running" if details.alive else "lost"),
                attempt.message or None,
            )
            for attempt in details.attempts
        ]
        say()
        for line in table(("attempt", "worker", "started", "took", "ended by", "message"), rows, right=("attempt",)):
            say(line)


def explanation(details: "JobDetails", why: Sequence["Reason"], queue_root: Path) -> str:
    """Why a job stands as it does, and what may be done about it."""
    row = details.row
    found = "; ".join(reason.text for reason in why)
    words = {reason.word for reason in why}
    if row.state == "queued":
        help_text = f"; {start_one(queue_root, details.tags)}"
        return found + (help_text if words & {"no worker", "tags"} else "")
    if row.state == "running":
        since = f"it has been running for {how_long(time.time() - (row.started_ns or 0) / _NS)}"
        return found if words - {"cancel requested"} else "; ".join(filter(None, (since, found)))
    if row.state == "done":
        return f"it ran to its end; themis status {row.run_id[:12]} shows its scores"
    again = f"; themis queue retry {row.key} queues it again"
    if row.message and row.cause and row.message.startswith(row.cause):
        return row.message + again
    return f"{row.cause or 'no cause is known'}: {row.message or 'nothing was said'}{again}"


def reasons_of(queue: "FileQueue", details: "JobDetails") -> "list[Reason]":
    """Why a job of a queue is not running, as things are now."""
    from themis.cli.reasons import Surroundings, reasons
    from themis.core.queue.processes import is_suspended
    from workers.registry import workers_of

    around = Surroundings(
        now_ns=time.time_ns(),
        pause=queue.paused,
        held=details.alive,
        before=queue.admin.jobs_before(details),
        tags=details.tags,
        workers=workers_of(queue.path),
        store_error=details.store_error,
        suspended=is_suspended(details.row.owner),
    )
    return reasons(details.row, around)


def _facts(details: "JobDetails", why: str) -> list[tuple[str, str]]:
    row = details.row
    owner = row.owner
    found = [
        ("job", row.key),
        ("run", row.run_id),
        ("state", row.state),
        ("why", why),
        ("priority", str(row.priority)),
        ("tags", ", ".join(details.tags)),
        ("submitted", when(row.submitted_ns)),
        ("not before", when(row.ready_ns)),
        (
            "attempts",
            f"{row.attempt}; {row.failures} of {row.max_attempts} failed, {row.lost} of {row.max_worker_lost} lost",
        ),
        ("limits", _limits(row)),
        ("worker", f"{owner.worker}, pid {owner.pid} on {owner.host}" if owner else None),
        ("ended", when(row.ended_ns)),
        ("file", ", ".join(map(str, details.paths)) or "none: themis queue doctor --fix writes it again"),
    ]
    return [(name, value) for name, value in found if value]


def _limits(row: "JobRow") -> str:
    """What one attempt may cost; how many there may be stands with the attempts."""
    time_text = f"{how_long(row.timeout_s)} an attempt" if row.timeout_s else ""
    memory_text = f"{row.memory_limit_mb:,} MiB of memory" if row.memory_limit_mb else ""
    return ", ".join(filter(None, (time_text, memory_text)))


def _document(details: "JobDetails", why: str, reasons: Sequence["Reason"]) -> dict[str, Any]:
    return {
        **document(details.row),
        "why": why,
        "reasons": [document(reason) for reason in reasons],
        "tags": list(details.tags),
        "alive": details.alive,
        "attempts": [document(attempt) for attempt in details.attempts],
        "journal": details.journal,
        "paths": [str(path) for path in details.paths],
        "logs": [str(path) for path in details.logs],
    }
