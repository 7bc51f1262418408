"""`themis queue list`: the jobs of a queue, from the names of its files, with the names of their runs."""

from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import click

from themis.cli.command import QueuePlace, command, json_option, label_filter, queue_place
from themis.cli.targets import find_queue_root
from themis.cli.terminal.output import emit_object, note, one_line, say, say_table
from themis.core.monitor.reasons import pause_text
from themis.core.queue.model.layout import SHOWN_STATES
from themis.core.text.run_names import labels_in

if TYPE_CHECKING:
    from collections.abc import Iterable

    from themis.core.monitor.queue_files import JobFile
    from themis.core.stores.reading import RunRow

SHOWN_ROWS = 100


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
        documents = (job.document() | _run_document(run) for job, run in jobs)
        emit_object(found.document(), "jobs", documents, after=lambda: {"unusable_stores": found.unusable_stores})
        return
    if not found.exists:
        note(f"there is no queue at {root} yet; the first submit makes it")
        return
    _show(jobs, total)
    if total > SHOWN_ROWS and not show_all:
        say(f"{'At most the' if labels else 'The'} first {SHOWN_ROWS:,} of {total:,}; --all shows them all.")
    told = counts | ({"rejected": rejected} if rejected else {})
    say(", ".join(f"{count:,} {name}" for name, count in told.items()))
    if rejected:
        say(f"Rejected files, and the reasons, are in {root / 'rejected'}.")
    if pause is not None:
        say(one_line(f"Nobody takes a job: {pause_text(pause)}. themis queue resume ends that."))
    elif counts["queued"] and not counts["running"]:
        _say_nobody_works(root)
    for key in orphans(root, [job.key for job in files.jobs(["running"], SHOWN_ROWS) if job.key]):
        say(f"{key} is an orphan: its worker is dead; the next worker recovers it.")
    for why in found.unusable_stores.values():
        say(f"A results store cannot be used, and its jobs wait: {why}")


def _has(run: "RunRow | None", labels: tuple[tuple[str, str], ...]) -> bool:
    return run is not None and set(labels) <= labels_in(run.labels).items()


def _run_document(run: "RunRow | None") -> dict[str, object]:
    if run is None:
        return {"run_id": None, "name": None, "labels": {}}
    return {"run_id": run.run_id, "name": run.name, "labels": labels_in(run.labels)}


def _show(jobs: "Iterable[tuple[JobFile, RunRow | None]]", total: int) -> None:
    headers = ("state", "key", "name", "priority", "submitted", "not before", "attempt")
    rows = (
        (
            job.state,
            job.key or Path(job.path).name,
            run.name if run else None,
            job.priority,
            _moment(job.submitted),
            _moment(job.not_before),
            job.attempt,
        )
        for job, run in jobs
    )
    say_table(headers, rows, right=("priority", "attempt"))
    if total:
        say()


def _say_nobody_works(root: Path) -> None:
    from themis.core.monitor.workers import nobody_works

    if hint := nobody_works(root):
        say(f"{hint[0].upper()}{hint[1:]}")


def _moment(stamp: str | None) -> str | None:
    """A time, as names write it, in readable form."""
    if stamp is None:
        return None
    return f"{stamp[:4]}-{stamp[4:6]}-{stamp[6:8]} {stamp[9:11]}:{stamp[11:13]}:{stamp[13:15]}Z"
