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
from themis.cli.terminal.output import is_for_people, json_form_option, note
from themis.cli.terminal.time_options import When
from themis.cli.views.submitted import say_next, show_submitted

if TYPE_CHECKING:
    from themis.core.submission import SubmissionManifest


@command(
    "submit",
    "themis submit --config experiment.yaml --mode worker-pool",
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
@json_form_option
@title_options
@code_changes_option
def submit(
    *,
    config: Path,
    overrides: Sequence[str],
    mode: str,
    priority: int,
    not_before: datetime | None,
    tags: tuple[str, ...],
) -> None:
    """Submit an experiment to its queue; it is on disk when this returns.

    Submitting the same experiment again gives the same job. `themis worker` runs submitted experiments.
    """
    from themis.core.submission import submit_experiment

    experiment = open_experiment(config, overrides)
    manifest = submit_experiment(
        experiment,
        config_path=config,
        mode="batch" if mode == "batch" else "worker_pool",
        priority=priority,
        not_before=not_before,
        tags=tags,
    )
    show_submitted(manifest)
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

        if manifest.mode != "batch" and (hint := nobody_works(manifest.manifest_path.parent.parent, tags)):
            note(hint)
        elif is_for_people():
            say_next(manifest)
        elif manifest.mode == "batch":
            note(f"run it with: themis batch run --request {manifest.manifest_path}")
