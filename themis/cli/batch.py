"""`themis batch run`: one batch request."""

from pathlib import Path

import click

from themis.cli.command import command, group, quiet_option
from themis.cli.exit_status import exit_code
from themis.cli.run import begun
from themis.cli.terminal.interrupts import ends_cleanly
from themis.cli.terminal.output import json_form_option
from themis.cli.terminal.progress import shown
from themis.cli.views.run_end import show_end


@group("batch", "themis batch run --request runs/batch/requests/4f1c….json")
def batch() -> None:
    """Run a batch request."""


@command("run", "themis batch run --request runs/batch/requests/4f1c….json")
@click.option(
    "--request",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The file that `themis submit --mode batch` wrote.",
)
@quiet_option
@json_form_option
def run(*, request: Path, quiet: bool) -> int:
    """Run one batch request; when it is done, its file moves to `completed/`. A failed one can be run again."""
    from themis.cli.terminal.component_output import expect_components
    from themis.core.submission import run_batch_request

    expect_components(is_log=True)
    execution = begun()
    farewell = "finished cases are kept, and the same command continues with the rest"
    with ends_cleanly(farewell), shown(execution.progress, quiet=quiet):
        result = run_batch_request(request, progress=execution.progress)
    show_end(result, execution, storage=None, is_traced=True)
    return exit_code(result)


batch.add_command(run)
