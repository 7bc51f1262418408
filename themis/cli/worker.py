"""`themis worker`: run what was submitted, and see who does."""

from collections.abc import Sequence
from pathlib import Path

import click

from themis.cli.command import command, group, queue_options, quiet_option
from themis.cli.interrupts import ends_cleanly
from themis.cli.opening import find_queue_root
from themis.cli.output import emit, note
from themis.cli.progress import shown
from themis.cli.running import explain_failures
from themis.cli.worker_list import list_workers, stop


@group("worker", "themis worker run", "themis worker list")
def worker() -> None:
    """Run what was submitted."""


@command(
    "run",
    "themis worker run",
    "themis worker run --queue-root /srv/evals/runs/queue --allow-modules acme.,mylab.evals",
)
@queue_options
@click.option(
    "--allow-modules",
    metavar="PREFIXES",
    help="The modules that a job may import, by prefix, parted by commas.  [default: all]",
)
@quiet_option
def run(
    *, queue_root: Path | None, config: Path | None, overrides: Sequence[str], allow_modules: str | None, quiet: bool
) -> None:
    """Run one experiment from the queue, and exit; for cron and scripts.

    Calls may overlap. One that fails is queued again while it has tries left; that is no error of this command.
    """
    from themis.core.engine.run import RunProgress
    from themis.core.submission import run_worker_once

    root = find_queue_root(queue_root, config, overrides)
    allowed = None if allow_modules is None else [part.strip() for part in allow_modules.split(",") if part.strip()]
    progress = RunProgress()
    with (
        ends_cleanly("the experiment is back in the queue, and what is done of it is kept"),
        shown(progress, quiet=quiet),
    ):
        result = run_worker_once(root, allow_modules=allowed, progress=progress)
    if result is None:
        emit({"status": "idle"})
        _say_why_idle(root)
        return
    emit({"run_id": result.run_id, "status": result.status.value})
    explain_failures(result)


def _say_why_idle(root: Path) -> None:
    """An idle worker is often a mistyped folder, or a job that waits."""
    from themis.core.submission import open_queue

    queue = open_queue(root)
    counts = queue.counts()
    if not counts:
        note(f"there is no queue at {root} yet; the first submit makes it")
    elif queue.is_paused:
        note(f"the queue is paused: while {root / 'paused'} exists, nobody takes a job")
    elif counts["queued"]:
        why = "others took them, or their store cannot be used just now: themis queue doctor says more"
        note(f"none of the jobs that are queued ({counts['queued']:,}) could be taken: {why}")
    elif counts["waiting"]:
        note(f"nothing may be taken now; for a later time wait: {counts['waiting']:,} (see themis queue list)")


for member in (run, list_workers, stop):
    worker.add_command(member)
