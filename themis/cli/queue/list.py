"""`themis queue list`: the jobs of a queue, from the names of its files, with the names of their runs."""

import time
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from themis.cli.command import QueuePlace, command, json_option, label_filter, queue_place
from themis.cli.targets import find_queue_root
from themis.cli.terminal import colours
from themis.cli.terminal.fitted_table import Column, say_table_fitted
from themis.cli.terminal.output import ID_CHARACTERS, PAGE_ROWS, emit_object, how_long, note, say, short_time
from themis.cli.terminal.prose import say_items, say_text, today_at_terminal
from themis.core.monitor.reasons import pause_text
from themis.core.queue.model.layout import SHOWN_STATES, time_of
from themis.core.queue.model.ordering import DEFAULT_PRIORITY
from themis.core.queue.model.predecessors import listed, waits_for
from themis.core.text.run_names import labels_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from themis.core.monitor.queue_files import JobFile
    from themis.core.queue.model.queue_place import Place
    from themis.core.stores.job_rows import JobRow
    from themis.core.stores.reading import JobAndRun

SHOWN_ROWS = 100
_NS = 1e9
_COLUMNS = (
    Column("state", style=colours.of_state),
    Column("key"),
    Column("name", drop=10, below=True, bare=True, yields=True),
    Column("priority", right=True, drop=20, below=True),
    Column("submitted", drop=30, below=True),
    Column("not before", drop=50, below=True),
    Column("attempt", right=True, drop=70),
    Column("took", right=True, drop=40, below=True),
    Column("why", drop=60, below=True, bare=True, yields=True, lines=3),
)
_PRIORITY = 3


@command("list", "themis queue list", "themis queue list --state failed --all")
@queue_place
@click.option("--state", type=click.Choice(list(SHOWN_STATES)), help="Only the jobs of one state.")
@click.option("--all", "show_all", is_flag=True, help=f"Every job, not only the first {SHOWN_ROWS}.")
@label_filter
@json_option
def list_jobs(
    *,
    place: QueuePlace,
    state: str | None,
    labels: tuple[tuple[str, str], ...],
    show_all: bool,
    as_json: bool,
) -> None:
    """List the jobs of a queue, in the order in which they will be taken."""
    from themis.core.monitor.job_runs import orphans, with_runs
    from themis.core.monitor.queue_summary import summary_of

    root = find_queue_root(*place)
    found = summary_of(root)
    files, pause = found.files, found.pause
    counts, rejected = files.counts, files.rejected
    states = [state] if state else list(SHOWN_STATES)
    total = sum(counts[name] for name in states)
    most = None if show_all else SHOWN_ROWS
    jobs = with_runs(root, files.jobs(states, None if labels else most))
    if labels:
        jobs = islice((pair for pair in jobs if _has(pair[1], labels)), most)
    if as_json:
        documents = (job.document() | _run_document(pair) for job, pair in jobs)
        emit_object(found.document(), "jobs", documents, after=lambda: {"unusable_stores": found.unusable_stores})
        return
    if not found.exists:
        note(f"there is no queue at {root} yet; the first submit makes it")
        return
    _show(jobs, is_any=bool(total))
    if total > SHOWN_ROWS and not show_all:
        say_text(f"{'At most the' if labels else 'The'} first {SHOWN_ROWS:,} of {total:,}; --all shows them all.")
    told = counts | ({"rejected": rejected} if rejected else {})
    say_items(f"{count:,} {name}" for name, count in told.items())
    if rejected:
        say_text(f"Rejected files, and the reasons, are in {root}/rejected.")
    if pause is not None:
        say_text(f"Nobody takes a job: {pause_text(pause)}. themis queue resume ends that.")
    elif counts["queued"] and not counts["running"]:
        _say_nobody_works(root)
    for key in orphans(root, [job.key for job in files.jobs(["running"], SHOWN_ROWS) if job.key]):
        say(f"{key} is an orphan: its worker is dead; the next worker recovers it.")
    for why in found.unusable_stores.values():
        say_text(f"A results store cannot be used, and its jobs wait: {why}")


def _has(found: "JobAndRun | None", labels: tuple[tuple[str, str], ...]) -> bool:
    return found is not None and set(labels) <= labels_in(found.run.labels).items()


def _run_document(found: "JobAndRun | None") -> dict[str, object]:
    if found is None:
        return {"run_id": None, "name": None, "labels": {}, "after": []}
    run, after = found.run, list(waits_for(found.job))
    return {"run_id": run.run_id, "name": run.name, "labels": labels_in(run.labels), "after": after}


def _show(jobs: "Iterable[tuple[JobFile, JobAndRun | None]]", *, is_any: bool) -> None:
    """Print the jobs, a page at a time, since there may be very many."""
    today = today_at_terminal()
    is_short = today is not None
    left = iter(jobs)
    while page := list(islice(left, PAGE_ROWS)):
        rows = [_row(job, found, today) for job, found in page]
        if is_short and all(row[_PRIORITY] in {None, DEFAULT_PRIORITY} for row in rows):
            rows = [(*row[:_PRIORITY], None, *row[_PRIORITY + 1 :]) for row in rows]
        say_table_fitted(_COLUMNS, rows)
    if is_any:
        say()


def _row(job: "JobFile", found: "JobAndRun | None", today: str | None) -> "Sequence[Any]":
    """The cells of a job: what the name of its file says, and of its row what that does not."""
    key = job.key or Path(job.path or "").name
    if today is not None and job.key is not None and "." not in key:  # that of a shard is shown in full
        key = key[:ID_CHARACTERS]
    row = found.job if found is not None else None
    attempt = job.attempt or (row.attempt if row is not None and row.attempt > 1 else None)
    return (
        job.state,
        key,
        found.run.name if found is not None else None,
        job.priority if row is None else row.priority,
        short_time(_moment_ns(job.submitted) if row is None else row.submitted_ns, today),
        _not_before(job, row, today),
        attempt,
        *_ended(job, row),
    )


def _not_before(job: "JobFile", row: "JobRow | None", today: str | None) -> str | None:
    """The time that a job waits for, or the jobs."""
    if row is not None and (waits := waits_for(row)):
        return f"after {listed(waits if today is None else (key[:ID_CHARACTERS] for key in waits))}"
    return short_time(_moment_ns(job.not_before), today)


def _ended(job: "JobFile", row: "JobRow | None") -> "Sequence[Any]":
    """How long the last attempt took, or has been running, and why it ended as it did, if that was not its task."""
    if row is None or (job.state == "queued" and row.cause is None):
        return (None, None)
    took = None
    if row.started_ns is not None and job.state != "queued":
        until_ns = time.time_ns() if job.state == "running" else row.ended_ns
        took = None if until_ns is None else how_long(max(until_ns - row.started_ns, 0) / _NS)
    if job.state in {"done", "running"}:
        return (took, None)
    is_said = bool(row.message) and str(row.message).startswith(row.cause or "")
    return (took, row.message if is_said else ": ".join(filter(None, (row.cause, row.message))) or None)


def _say_nobody_works(root: "Place") -> None:
    from themis.core.monitor.workers import nobody_works

    if hint := nobody_works(root):
        say_text(f"{hint[0].upper()}{hint[1:]}")


def _moment_ns(stamp: str | None) -> int | None:
    """A time, as names write it, in nanoseconds since 1970 UTC."""
    return None if stamp is None else time_of(stamp)
