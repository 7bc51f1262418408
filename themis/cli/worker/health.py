"""`themis worker health`: whether a worker is alive, for probes."""

from pathlib import Path

import click

from themis.cli.command import command
from themis.cli.terminal.output import note, say
from themis.cli.terminal.time_options import Seconds
from themis.core.monitor.health import MAX_AGE_S, health_of

UNHEALTHY = 1


@command("health", "themis worker health --file /run/themis/health.json --max-age 30")
@click.option(
    "--file",
    "path",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The file that the worker has as --health-file.",
)
@click.option(
    "--max-age",
    type=Seconds(least_open=True),
    default=MAX_AGE_S,
    show_default=True,
    metavar="SECONDS",
    help="An older heartbeat means that the worker hangs.",
)
def health(*, path: Path, max_age: float) -> int:
    """Print the health of a worker in a line; exit with 0 when it is healthy, else with 1.

    For Docker's HEALTHCHECK and Kubernetes exec probes.
    """
    found = health_of(path, max_age)
    if not found.is_healthy:
        note(f"unhealthy: {found.line}")
        return UNHEALTHY
    say(f"healthy: {found.line}")
    return 0
