"""`themis replay`: a stored run from one of its stages on, without asking a generator."""

from collections.abc import Sequence
from pathlib import Path

import click

from themis.cli.command import code_changes_option, command, config_options, quiet_option
from themis.cli.exit_status import exit_code
from themis.cli.run import begun, in_turn, line_named, wait_option
from themis.cli.targets import open_experiment, stored_run
from themis.cli.terminal.interrupts import ends_cleanly
from themis.cli.terminal.output import json_form_option
from themis.cli.terminal.progress import shown
from themis.cli.views.run_end import show_end

STAGES = ("reduce", "parse", "score", "judge")


@command(
    "replay",
    "themis replay --config experiment.yaml --stage score",
    "themis replay --config experiment.yaml --stage score --metric-id builtin/f1",
)
@config_options()
@click.option("--stage", type=click.Choice(STAGES), required=True, help="The first stage that is done again.")
@click.option(
    "--metric-id",
    "metric_ids",
    multiple=True,
    metavar="ID",
    help="A metric to score again, with --stage score or judge; all of them when not given. May be repeated.",
)
@wait_option
@quiet_option
@json_form_option
@code_changes_option
def replay(
    *, config: Path, overrides: Sequence[str], stage: str, metric_ids: Sequence[str], wait: bool, quiet: bool
) -> int:
    """Do a stored run again from a stage on: parsers and metrics as they are now, on the answers that are stored.

    No generator is called. The results take the place of those of the run together, at the end; until then it is as it
    was, and the same command continues a replay that was interrupted.
    """
    experiment = open_experiment(config, overrides)
    execution = begun(stage)
    progress = execution.progress
    with stored_run(experiment) as (store, _):
        kept = "the run is as it was, and the same command continues its replay"
        with line_named(config), ends_cleanly(kept), shown(progress, quiet=quiet):
            result = in_turn(
                lambda: experiment.replay(stage, list(metric_ids) or None, store=store, progress=progress), wait=wait
            )
        show_end(result, execution, storage=experiment.storage, priced_too=False)
    return exit_code(result)
