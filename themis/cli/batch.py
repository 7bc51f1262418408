"""`themis batch run`: one batch request."""

from pathlib import Path

import click

from themis.cli.command import command, group, quiet_option
from themis.cli.costs import explain_cost, priced
from themis.cli.exit_status import document, exit_code, explain_failures
from themis.cli.terminal.interrupts import ends_cleanly
from themis.cli.terminal.output import emit
from themis.cli.terminal.progress import shown


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
def run(*, request: Path, quiet: bool) -> int:
    """Run one batch request; when it is done, its file moves to `completed/`. A failed one can be run again."""
    from themis.cli.terminal.component_output import expect_components
    from themis.core.engine.run_options import RunProgress
    from themis.core.submission import run_batch_request

    expect_components(is_log=True)
    progress = RunProgress()
    farewell = "finished cases are kept, and the same command continues with the rest"
    with ends_cleanly(farewell), shown(progress, quiet=quiet):
        result = run_batch_request(request, progress=progress)
    cost = priced(result.spends.values())
    emit(document(result, cost))
    explain_failures(result, is_traced=True)
    explain_cost(cost)
    return exit_code(result)


batch.add_command(run)
