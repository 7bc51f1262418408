"""`themis queue show` and `logs`: one job, and why it stands as it does."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from themis.cli.command import command, json_option, queue_options
from themis.cli.opening import opened_queue
from themis.cli.output import document, emit, how_long, one_line, printable, say, table, when

if TYPE_CHECKING:
    from themis.core.queue import FileQueue
    from themis.core.queue.listing import JobDetails
    from themis.core.stores.job_rows import Owner

_NS = 1e9
_STATE_FIELD = 0  # of what follows the command's closing parenthesis in proc(5)
_LOG_CHARACTERS = 1_000_000


@command("show", "themis queue show 4f1c")
@click.argument("key")
@queue_options
@json_option
def show(*, key: str, queue_root: Path | None, config: Path | None, overrides: Sequence[str], as_json: bool) -> None:
    """Show one job, named by its key or the beginning of it: its state, its attempts, and why it is not running."""
    with opened_queue(queue_root, config, overrides) as queue:
        details = queue.show(key)
        why = explanation(queue, details)
    if as_json:
        emit(_document(details, why))
        return
    for name, value in _facts(details, why):
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


@command("logs", "themis queue logs 4f1c")
@click.argument("key")
@queue_options
@json_option
def logs(*, key: str, queue_root: Path | None, config: Path | None, overrides: Sequence[str], as_json: bool) -> None:
    """Print a job's history, a line a move, and what its attempts printed, where that was kept."""
    with opened_queue(queue_root, config, overrides) as queue:
        details = queue.show(key)
    if as_json:
        texts = {path.stem: _text(path) for path in details.logs}
        emit({"key": details.row.key, "journal": details.journal, "logs": texts})
        return
    for entry in details.journal:
        rest = " ".join(f"{name}={value}" for name, value in entry.items() if name not in {"at", "move"})
        say(printable(f"{entry.get('at', '')}  {entry.get('move', ''):<16} {rest}"))
    for path in details.logs:
        say(f"\n--- attempt {path.stem}: {path}")
        for line in _text(path).splitlines():
            say(printable(line.replace("\t", "    ")))


def explanation(queue: "FileQueue", details: "JobDetails") -> str:
    """Why a job stands as it does, and what may be done about it."""
    row = details.row
    if row.state == "queued":
        return _why_not_running(queue, details)
    if row.state == "running":
        return _how_it_runs(details)
    if row.state == "done":
        return "it ran to its end; see themis report"
    again = f"; themis queue retry {row.key} queues it again"
    return f"{row.cause or 'no cause is known'}: {row.message or 'nothing was said'}{again}"


def _why_not_running(queue: "FileQueue", details: "JobDetails") -> str:
    row = details.row
    if queue.is_paused:
        return "the queue is paused"
    if row.cancel_requested:
        return "it is to be cancelled"
    wait_s = (row.ready_ns or 0) / _NS - time.time()
    if wait_s > 0:
        after = f" after it failed ({row.cause})" if row.failures else ""
        return f"it waits{after} until {when(row.ready_ns)}, for {how_long(wait_s)} more"
    if details.alive:
        return "somebody is moving it just now"
    before = sum(path.name < details.paths[0].name for path in _queued(queue)) if details.paths else 0
    ahead = f"{before:,} jobs are to be taken before it" if before else "it is the next to be taken"
    tags = f" --tags {','.join(details.tags)}" if details.tags else ""
    return f"{ahead}; workers take them: themis worker run --queue-root {queue.path}{tags}"


def _queued(queue: "FileQueue") -> list[Path]:
    return [job.path for job in queue.list_jobs(("queued",), limit=None)]


def _how_it_runs(details: "JobDetails") -> str:
    row = details.row
    asked = "; it was asked to stop" if row.cancel_requested else ""
    if not details.alive:
        dead = "dead" if row.lease_until_ms is None else "dead, or was suspended for longer than its lease lasts"
        return f"its worker is {dead}; the next worker gives it back{asked}"
    if row.owner is not None and _is_suspended(row.owner):
        return f"its worker, pid {row.owner.pid}, is suspended: it goes on when that is continued or killed{asked}"
    since = how_long(time.time() - (row.started_ns or 0) / _NS)
    return f"it has been running for {since}{asked}"


def _is_suspended(owner: "Owner") -> bool:
    from themis.core.queue.processes import is_here

    if not is_here(owner):
        return False
    try:
        text = Path(f"/proc/{owner.pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    return text.rpartition(")")[2].split()[_STATE_FIELD] in {"T", "t"}


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
        ("worker", f"{owner.worker}, pid {owner.pid} on {owner.host}" if owner else None),
        ("ended", when(row.ended_ns)),
        ("file", ", ".join(map(str, details.paths)) or "none: themis queue doctor writes it again"),
    ]
    return [(name, value) for name, value in found if value]


def _document(details: "JobDetails", why: str) -> dict[str, Any]:
    return {
        **document(details.row),
        "why": why,
        "alive": details.alive,
        "tags": list(details.tags),
        "attempts": [document(attempt) for attempt in details.attempts],
        "journal": details.journal,
        "paths": [str(path) for path in details.paths],
        "logs": [str(path) for path in details.logs],
    }


def _text(path: Path) -> str:
    with path.open(encoding="utf-8", errors="replace") as file:
        return file.read(_LOG_CHARACTERS)
