"""`themis replay`: a stored run from one of its stages on, without asking a generator."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from themis.cli.command import CODE_CHANGES, CODE_CHANGES_HELP, command, quiet_option
from themis.cli.exit_status import exit_code
from themis.cli.offers import values
from themis.cli.run import begun, in_turn, line_named, wait_option
from themis.cli.stored.one_run import one_run
from themis.cli.stored.run_targets import Asked, config_of, run_options
from themis.cli.targets import open_experiment, stored_run
from themis.cli.terminal.interrupts import ends_cleanly
from themis.cli.terminal.output import json_form_option
from themis.cli.terminal.progress import shown
from themis.cli.views.run_end import show_end

if TYPE_CHECKING:
    from themis.core.config import StorageConfig
    from themis.core.engine.run_options import RunProgress
    from themis.core.results import RunResult

    Replay = Callable[[str, list[str] | None, RunProgress], RunResult]

STAGES = ("reduce", "parse", "score", "judge")


@command(
    "replay",
    "themis replay experiment.yaml --stage score",
    "themis replay experiment.yaml --stage score --metric-id builtin/f1",
    "themis replay 4f1c09 --stage parse",
)
@run_options
@click.option("--stage", type=click.Choice(STAGES), required=True, help="The first stage that is done again.")
@click.option(
    "--metric-id",
    "metric_ids",
    multiple=True,
    metavar="ID",
    shell_complete=values.components("metric"),
    help="A metric to score again, with --stage score or judge; all of them when not given. May be repeated.",
)
@wait_option
@quiet_option
@json_form_option
@click.option("--code-changes", type=click.Choice(CODE_CHANGES), help=CODE_CHANGES_HELP)
def replay(
    *, asked: Asked, stage: str, metric_ids: Sequence[str], wait: bool, quiet: bool, code_changes: str | None
) -> int:
    """Do a stored run again from a stage on: parsers and metrics as they are now, on the answers that are stored.

    TARGET is a config file, or the name of a run, or the beginning of a run's id or a job's key (4 digits at least).
    Without a config file the run's own components and settings are used, as they were stored.

    No generator is called. The results take the place of those of the run together, at the end; until then it is as it
    was, and the same command continues a replay that was interrupted.
    """
    execution, metrics = begun(stage), list(metric_ids) or None
    progress = execution.progress
    with _opened(asked, code_changes) as (again, config, storage):
        kept = "the run is as it was, and the same command continues its replay"
        naming = nullcontext() if config is None else line_named(config)
        with naming, ends_cleanly(kept), shown(progress, quiet=quiet):
            result = in_turn(lambda: again(stage, metrics, progress), wait=wait)
        show_end(result, execution, storage=storage, priced_too=False)
    return exit_code(result)


@contextmanager
def _opened(asked: Asked, code_changes: str | None) -> "Iterator[tuple[Replay, Path | None, StorageConfig | None]]":
    """Open the store of the run for the block; yields what replays it, and its config file and storage, if known."""
    file = config_of(asked)
    if file is not None:
        more = () if code_changes is None else (f"runtime.code_changes={code_changes}",)
        experiment = open_experiment(file, (*asked.overrides, *more))
        with stored_run(experiment) as (store, _):
            yield (
                lambda stage, metrics, progress: experiment.replay(stage, metrics, store=store, progress=progress),
                file,
                experiment.storage,
            )
        return
    from themis.cli.terminal.component_output import expect_components
    from themis.core.engine.replaying.stored import replay_stored

    expect_components()
    with one_run(asked, writes=True) as place:
        stored = partial(replay_stored, place.store, place.run_id, folder=Path.cwd(), code_changes=code_changes)
        yield lambda stage, metrics, progress: stored(stage, metrics, progress=progress), None, None
