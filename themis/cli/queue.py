"""`themis queue`: the queue, for people."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from themis.cli.command import command, group, json_option, queue_options
from themis.cli.opening import opened_queue
from themis.cli.output import document, emit, note, say, table
from themis.cli.queue_list import list_jobs
from themis.cli.queue_show import logs, show
from themis.cli.queue_watch import watch

if TYPE_CHECKING:
    from themis.core.queue.doctor import Finding
    from themis.core.stores.job_rows import JobRow


_NOTHING = "nothing could be done"


@group("queue", "themis queue list", "themis queue show 4f1c")
def queue() -> None:
    """List, show, cancel and retry jobs; put a queue right.

    A job is named by its key, or by the beginning of it.
    """


@command("cancel", "themis queue cancel 4f1c")
@click.argument("key")
@queue_options
def cancel(*, key: str, queue_root: Path | None, config: Path | None, overrides: Sequence[str]) -> None:
    """Cancel a job. One that runs is asked to stop; what it has done is kept."""
    with opened_queue(queue_root, config, overrides) as opened:
        row = opened.cancel(key)
    emit(_job(row))
    if row.state == "running":
        note("it is running, and was asked to stop; its worker ends it within seconds")
    elif row.state != "cancelled":
        note(f"nothing was cancelled: it had ended before, and is {row.state}")


@command("retry", "themis queue retry 4f1c")
@click.argument("key")
@queue_options
def retry(*, key: str, queue_root: Path | None, config: Path | None, overrides: Sequence[str]) -> None:
    """Queue a failed or cancelled job again; it goes on with what it has done, and its tries begin anew."""
    with opened_queue(queue_root, config, overrides) as opened:
        emit(_job(opened.retry(key)))


@command("doctor", "themis queue doctor")
@queue_options
@json_option
def doctor(*, queue_root: Path | None, config: Path | None, overrides: Sequence[str], as_json: bool) -> None:
    """Compare every file with its row in the store, put the files right, and say what was out of place.

    What a worker has in hand is left alone.
    """
    from themis.core.queue.probing import check_writable

    with opened_queue(queue_root, config, overrides) as opened:
        findings = opened.doctor()
        _show_findings(findings, as_json=as_json)
        check_writable(opened, ())
    if not findings and not as_json:
        say("Nothing is out of place, and the queue can be written.")


def _show_findings(findings: "Sequence[Finding]", *, as_json: bool) -> None:
    if as_json:
        emit([document(finding) for finding in findings])
    elif findings:
        rows = [
            (finding.what, finding.problem, "; ".join(filter(None, (finding.action, finding.advice))) or _NOTHING)
            for finding in findings
        ]
        for line in table(("what", "was wrong", "done about it, or to be done"), rows):
            say(line)


def _job(row: "JobRow") -> dict[str, Any]:
    return {
        "key": row.key,
        "run_id": row.run_id,
        "state": str(row.state),
        "attempt": row.attempt,
        "cancel_requested": row.cancel_requested,
    }


for member in (list_jobs, show, logs, watch, cancel, retry, doctor):
    queue.add_command(member)
