"""`themis submit`: submission of an experiment to the queue, or as a batch request."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from themis.cli.command import Words, code_changes_option, command, config_options, title_options
from themis.cli.exit_status import explain_name
from themis.cli.targets import open_experiment
from themis.cli.terminal import streams
from themis.cli.terminal.dry_run import dry_run_option, show_submission
from themis.cli.terminal.output import emit, note
from themis.cli.terminal.part_options import part_of, part_options
from themis.cli.terminal.time_options import When
from themis.core.configuration.part import Part

if TYPE_CHECKING:
    from themis.core.submission import SubmissionManifest


@command(
    "submit",
    "themis submit --config experiment.yaml --mode worker-pool",
    "themis submit --config experiment.yaml --dry-run",
    "themis submit --config experiment.yaml --priority 0 --not-before 2h --tags gpu",
)
@config_options()
@click.option(
    "--mode",
    type=click.Choice(["worker-pool", "batch"]),
    default="worker-pool",
    show_default=True,
    help="To the queue, or as a request for `themis batch run`.",
)
@click.option("--priority", type=click.IntRange(0, 9), default=5, show_default=True, help="0 is first, 9 last.")
@click.option(
    "--not-before",
    type=When(),
    metavar="TIME",
    help="The earliest start: a time (in the local zone, or with its own), or a delay like 10m.",
)
@click.option(
    "--tags",
    type=Words(),
    default=(),
    metavar="TAG,…",
    help="Only a worker that has all of them takes it; in addition to runtime.tags.",
)
@part_options
@dry_run_option
@title_options
@code_changes_option
def submit(  # noqa: PLR0913  # the options of a submission
    *,
    config: Path,
    overrides: Sequence[str],
    part: Part,
    dry_run: bool,
    mode: str,
    priority: int,
    not_before: datetime | None,
    tags: tuple[str, ...],
) -> None:
    """Submit an experiment to its queue; it is on disk when this returns.

    Submitting the same experiment again gives the same job. `themis worker` runs submitted experiments.
    """
    from themis.core.submission import Mode, submit_experiment

    experiment = part_of(open_experiment(config, overrides), part, overrides)
    where: Mode = "batch" if mode == "batch" else "worker_pool"
    if dry_run:
        show_submission(experiment, config, where, tags)
        return
    manifest = submit_experiment(
        experiment,
        config_path=config,
        mode=where,
        priority=priority,
        not_before=not_before,
        tags=tags,
    )
    emit(
        {
            "run_id": manifest.run_id,
            "name": manifest.name,
            "status": manifest.status,
            "manifest_path": str(manifest.manifest_path),
            "mode": manifest.mode,
        }
    )
    _explain(manifest, tags)
    explain_name(experiment.name, manifest.name)
    if not_before is not None:
        note(f"no worker takes it before {not_before.astimezone().isoformat(sep=' ', timespec='seconds')}")


def _explain(manifest: "SubmissionManifest", tags: Sequence[str]) -> None:
    """Print a note about the next step."""
    if manifest.status != "pending":
        again = "" if manifest.status == "running" else "; --set runtime.existing_run_policy=rerun runs it again"
        note(f"this experiment was submitted before, and is {manifest.status}{again}")
    elif streams.has_terminal():
        from themis.core.monitor.workers import nobody_works

        path = manifest.manifest_path
        if manifest.mode == "batch":
            note(f"run it with: themis batch run --request {path}")
        elif hint := nobody_works(path.parent.parent, tags):
            note(hint)
