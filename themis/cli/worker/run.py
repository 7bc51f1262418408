"""`themis worker run`: one experiment from the queue."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from themis.cli.command import Words, command, queue_options, quiet_option
from themis.cli.errors import UNAVAILABLE
from themis.cli.targets import find_queue_root, opened_queue
from themis.cli.terminal.interrupts import ends_cleanly
from themis.cli.terminal.output import emit, is_for_people, json_form_option, note

if TYPE_CHECKING:
    from themis.core.queue.model.claim_policy import ClaimPolicy, VersionMismatch
    from themis.core.queue.model.queue_place import Place

_SHOWN_REASONS = 3


@command(
    "run",
    "themis worker run",
    "themis worker run --queue-root /srv/evals/runs/queue --allow-modules acme.,mylab.evals",
    "themis worker run --tags gpu,big --version-mismatch refuse",
)
@queue_options
@click.option(
    "--allow-modules",
    type=Words(),
    metavar="PREFIXES",
    help="The modules that a job may import, as prefixes separated by commas.  [default: all]",
)
@click.option(
    "--tags",
    type=Words(),
    default=(),
    metavar="TAG,…",
    help="The tags of this worker; a job is taken only if all its tags are among them.",
)
@click.option(
    "--version-mismatch",
    type=click.Choice(["run", "refuse"]),
    default="run",
    show_default=True,
    help="Whether to run a job that another version of Themis, or of its components, submitted.",
)
@quiet_option
@json_form_option
def run(  # noqa: PLR0913  # one argument per option
    *,
    queue_root: "Place | None",
    config: Path | None,
    overrides: Sequence[str],
    allow_modules: tuple[str, ...] | None,
    tags: tuple[str, ...],
    version_mismatch: "VersionMismatch",
    quiet: bool,
) -> int:
    """Run one experiment from the queue and exit; for cron and scripts.

    Calls may overlap. An experiment that fails is queued again while it has tries left; that is not an error of this
    command. Exits with 4 when jobs are queued and none could be taken because a store cannot be used.
    """
    from themis.cli.run import begun
    from themis.cli.terminal.component_output import expect_components
    from themis.cli.terminal.progress import shown
    from themis.cli.views.run_end import show_end
    from themis.core.queue.model.claim_policy import ClaimPolicy
    from themis.core.submission import run_worker_once

    root = find_queue_root(queue_root, config, overrides)
    policy = ClaimPolicy(tags, version_mismatch)
    expect_components(is_log=True)
    execution = begun()
    with (
        ends_cleanly("the experiment is back in the queue, and its finished cases are kept"),
        shown(execution.progress, quiet=quiet),
    ):
        result = run_worker_once(
            root,
            allow_modules=allow_modules,
            progress=execution.progress,
            tags=tags,
            version_mismatch=version_mismatch,
        )
    if result is None:
        if not is_for_people():
            emit({"status": "idle"})
        return _say_why_idle(root, policy)
    show_end(result, execution, storage=None, is_traced=True)
    if result.status.value == "running":
        note("another process holds the run lock: the job waits, and is not charged")
    return 0


def _say_why_idle(root: "Place", policy: "ClaimPolicy") -> int:
    """Print why there was no job, such as a mistyped folder, or jobs for later; returns the exit code."""
    from themis.core.monitor import idle
    from themis.core.monitor.reasons import pause_text

    with opened_queue(root, None, ()) as queue:
        found = idle.look(queue, policy)
    if not found.exists:
        note(f"there is no queue at {root} yet; the first submit makes it")
    elif found.pause is not None:
        note(f"{pause_text(found.pause)}; themis queue resume ends that")
    elif found.queued:
        refused = "; ".join(f"{count:,} {reason}" for reason, count in found.refused[:_SHOWN_REASONS])
        why = "; ".join([*found.unusable_stores, refused]).strip("; ") or "other workers took them"
        note(f"none of the queued jobs ({found.queued:,}) could be taken: {why}")
        return UNAVAILABLE if found.unusable_stores else 0
    elif found.waiting:
        later = found.waiting - found.held
        waits = [f"waiting for a later time: {later:,}"] if later else []
        if found.held:
            waits.append(f"waiting for other jobs: {found.held:,}, of which {found.first_held}")
        note(f"no job may be taken now; {'; '.join(waits)} (see themis queue list)")
    elif is_for_people():
        note("no job is queued")
    return 0
