"""`themis run` and `resume`: one experiment, in this process."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from themis.cli.command import code_changes_option, command, config_options, quiet_option, title_options
from themis.cli.exit_status import exit_code, explain_name
from themis.cli.targets import compile_with_store, open_experiment, stored_run
from themis.cli.terminal.dry_run import dry_run_option, show_plan
from themis.cli.terminal.interrupts import ends_cleanly
from themis.cli.terminal.output import json_form_option, note
from themis.cli.terminal.part_options import part_of, part_options
from themis.cli.terminal.progress import shown
from themis.cli.views.run_end import Execution, show_end
from themis.core.configuration.part import Part
from themis.core.errors import RunBusyError, RunStoppedError
from themis.core.outcomes.stages import UNTIL_STAGES

if TYPE_CHECKING:
    from themis.core.config import RuntimeConfig
    from themis.core.engine.run_options import RunProgress
    from themis.core.experiment import Experiment
    from themis.core.results import RunResult
    from themis.core.stores import RunStore

_LOOK_EVERY_S = 0.5

wait_option = click.option(
    "--wait", is_flag=True, help="Wait while another process holds the run lock, then continue the run."
)


@command(
    "run",
    "themis run experiment.yaml",
    "themis run experiment.yaml --limit 5",
    "themis run experiment.yaml --set generation.candidate_policy.num_samples=5",
)
@config_options
@click.option("--until-stage", type=click.Choice(list(UNTIL_STAGES)), default="judge", help="The last stage to run.")
@wait_option
@quiet_option
@part_options
@dry_run_option
@json_form_option
@title_options
@code_changes_option
def run(  # noqa: PLR0913  # the options of a run
    *, config: Path, overrides: Sequence[str], part: Part, dry_run: bool, until_stage: str, wait: bool, quiet: bool
) -> int:
    """Run an experiment in this process and print its scores.

    A stored run is continued, not repeated: see runtime.existing_run_policy. Ctrl-C ends cleanly; the same command
    continues it later. Exits with 4 when another process holds the run lock, unless --wait is given.
    """
    experiment = part_of(open_experiment(config, overrides), part, overrides)
    compile_with_store(experiment)
    if dry_run:
        show_plan(experiment, until_stage)
        return 0
    with closing(experiment.open_store()) as store:
        execution = begun()
        with line_named(config):
            result = carry_out(experiment, store, until_stage, quiet=quiet, wait=wait, progress=execution.progress)
        show_end(result, execution, storage=experiment.storage)
        explain_name(experiment.name, result.name)
    return exit_code(result)


@command("resume", "themis resume experiment.yaml")
@config_options
@wait_option
@quiet_option
@json_form_option
@code_changes_option
def resume(*, config: Path, overrides: Sequence[str], wait: bool, quiet: bool) -> int:
    """Continue a stored run: finished cases are kept, and failed ones are tried again."""
    experiment = open_experiment(config, overrides)
    runtime = experiment.runtime.model_copy(update={"existing_run_policy": "auto"})
    with stored_run(experiment) as (store, _):
        execution = begun()
        with line_named(config):
            result = carry_out(experiment, store, "judge", runtime, quiet=quiet, wait=wait, progress=execution.progress)
        show_end(result, execution, storage=experiment.storage)
    return exit_code(result)


def begun(again_from: str | None = None) -> Execution:
    """The execution of a run that begins now; of a replay, from one of its stages on."""
    from themis.core.engine.run_options import RunProgress

    return Execution(RunProgress(), again_from)


def carry_out(  # noqa: PLR0913  # one argument per option
    experiment: "Experiment",
    store: "RunStore",
    until_stage: str,
    runtime: "RuntimeConfig | None" = None,
    *,
    quiet: bool,
    wait: bool,
    progress: "RunProgress",
) -> "RunResult":
    """Run an experiment while its progress is shown; Ctrl-C ends it cleanly."""
    kept = "storage.store is memory, so nothing is kept"
    if experiment.storage.store != "memory":
        kept = "finished cases are kept, and the same command continues with the rest"
    with ends_cleanly(kept), shown(progress, quiet=quiet):
        return in_turn(lambda: experiment.run(until_stage, runtime, store, progress=progress), wait=wait)


@contextmanager
def line_named(config: Path) -> Iterator[None]:
    """Name the line of the config file that a run was stopped for, in the error's message."""
    from themis.core.configuration.config_lines import line_of

    try:
        yield
    except RunStoppedError as error:
        line = line_of(config, error.key) if isinstance(error.key, str) else None
        if line is None:
            raise
        raise RunStoppedError(detail=f"{config}:{line}: {error.facts['detail']}", key=error.key) from None


def in_turn(work: "Callable[[], RunResult]", *, wait: bool) -> "RunResult":
    """Return the result of `work`; with `wait`, try again until no other process holds the run lock."""
    told = False
    while True:
        try:
            return work()
        except RunBusyError as error:
            if not wait:
                raise
            if not told:
                note(f"waiting: the run lock is held by {error.facts['holder']}")
            told = True
        time.sleep(_LOOK_EVERY_S)
