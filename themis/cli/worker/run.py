"""`themis worker run`: one experiment from the queue."""

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from themis.cli.command import Words, command, queue_options, quiet_option
from themis.cli.errors import UNAVAILABLE
from themis.cli.interrupts import ends_cleanly
from themis.cli.opening import find_queue_root
from themis.cli.output import emit, note
from themis.cli.progress import shown
from themis.cli.running import document, explain_failures

if TYPE_CHECKING:
    from themis.core.queue import FileQueue
    from themis.core.queue.claim_policy import ClaimPolicy, VersionMismatch

_LOOKED_INTO = 1_000


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
    help="The modules that a job may import, by prefix, parted by commas.  [default: all]",
)
@click.option(
    "--tags",
    type=Words(),
    default=(),
    metavar="TAG,…",
    help="What this worker has; a job is taken only when all its tags are among them.",
)
@click.option(
    "--version-mismatch",
    type=click.Choice(["run", "refuse"]),
    default="run",
    show_default=True,
    help="What to do with a job that another version of Themis, or of its components, submitted.",
)
@quiet_option
def run(  # noqa: PLR0913  # an argument an option
    *,
    queue_root: Path | None,
    config: Path | None,
    overrides: Sequence[str],
    allow_modules: tuple[str, ...] | None,
    tags: tuple[str, ...],
    version_mismatch: "VersionMismatch",
    quiet: bool,
) -> int:
    """Run one experiment from the queue, and exit; for cron and scripts.

    Calls may overlap. One that fails is queued again while it has tries left; that is no error of this command. Ends
    with 4 when jobs are queued and none could be taken, as a store cannot be used.
    """
    from themis.cli.with_components import expect_components
    from themis.core.engine.run import RunProgress
    from themis.core.queue.claim_policy import ClaimPolicy
    from themis.core.submission import run_worker_once

    root = find_queue_root(queue_root, config, overrides)
    policy = ClaimPolicy(tags, version_mismatch)
    expect_components()
    progress = RunProgress()
    with (
        ends_cleanly("the experiment is back in the queue, and what is done of it is kept"),
        shown(progress, quiet=quiet),
    ):
        result = run_worker_once(
            root, allow_modules=allow_modules, progress=progress, tags=tags, version_mismatch=version_mismatch
        )
    if result is None:
        emit({"status": "idle"})
        return _say_why_idle(root, policy)
    emit(document(result))
    if result.status.value == "running":
        note("another process has this run in hand: its job waits, and is not charged")
    explain_failures(result)
    return 0


def _say_why_idle(root: Path, policy: "ClaimPolicy") -> int:
    """An idle worker is often a mistyped folder, or a job that waits; the exit code is that of what went wrong."""
    from themis.cli.reasons import pause_text
    from themis.core.submission import open_queue

    queue = open_queue(root)
    counts = queue.admin.counts()
    if not counts:
        note(f"there is no queue at {root} yet; the first submit makes it")
    elif (pause := queue.paused) is not None:
        note(f"{pause_text(pause)}; themis queue resume ends that")
    elif counts["queued"]:
        unusable = queue.admin.unusable_stores()
        why = "; ".join([*unusable, _refused(queue, policy)]).strip("; ") or "others took them"
        note(f"none of the jobs that are queued ({counts['queued']:,}) could be taken: {why}")
        return UNAVAILABLE if unusable else 0
    elif counts["waiting"]:
        note(f"nothing may be taken now; for a later time wait: {counts['waiting']:,} (see themis queue list)")
    return 0


def _refused(queue: "FileQueue", policy: "ClaimPolicy") -> str:
    """Why jobs that are queued are left to other workers, and how many of the first ones each reason is for."""
    from themis.core.errors import ManifestError

    reasons = Counter[str]()
    for job in queue.admin.list_jobs(("queued",), limit=_LOOKED_INTO):
        with suppress(OSError, ManifestError):
            reason = _reason(job.path, job.key, policy)
            reasons.update([reason] if reason else [])
    return "; ".join(f"{count:,} {reason}" for reason, count in reasons.most_common(3))


def _reason(path: Path, key: str, policy: "ClaimPolicy") -> str | None:
    from themis.core.errors import NewerManifestError
    from themis.core.queue import manifest_file

    try:
        return policy(manifest_file.read(str(path), key=key))
    except NewerManifestError:
        return "was submitted by a newer Themis, whose manifests this one cannot read"
