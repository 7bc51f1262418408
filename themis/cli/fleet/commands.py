"""The commands of `themis fleet`: start, see, resize and end workers on a cluster."""

from typing import TYPE_CHECKING, Any

import click

from themis.cli.command import group, json_option
from themis.cli.fleet.options import on_engine, spec_options
from themis.cli.terminal import colours
from themis.cli.terminal.fitted_table import Column, say_table_fitted
from themis.cli.terminal.output import emit, is_for_people, note, say

if TYPE_CHECKING:
    from themis.fleet.engine import Engine, Started
    from themis.fleet.spec import FleetSpec

_WORKERS = (
    Column("id"),
    Column("state", style=colours.of_state),
    Column("node", drop=3),
    Column("since", drop=2, right=True),
    Column("why", drop=1, below=True, bare=True, lines=2),
)


@group(
    "fleet",
    "themis fleet up --on slurm --max 16 --tags gpu --gpus 1 --queue-root store:env:THEMIS_DATABASE_URL",
    "themis fleet status --on slurm",
    "themis fleet down --on slurm",
)
def fleet() -> None:
    """Have a cluster start, place and end ordinary workers. No state is kept here: the cluster is asked."""


@fleet.command(
    "up",
    examples=[
        "themis fleet up --on slurm --min 0 --max 16 --tags gpu --gpus 1 --queue-root store:env:THEMIS_DATABASE_URL",
        "themis fleet up --on slurm --max 4 --engine-option partition=gpu --engine-option time=04:00:00 --dry-run",
    ],
)
@on_engine
@spec_options
@click.option("--dry-run", is_flag=True, help="Print what the engine would be given, and start nothing.")
@json_option
def up(*, engine: "Engine", spec: "FleetSpec", dry_run: bool, as_json: bool) -> None:
    """Start a fleet of workers, or bring one to another size, and return when the engine has accepted it.

    Workers up to --min stay; the others begin when jobs wait for them, and end when they had no job for a while. A
    worker that the engine preempts or ends gives its jobs back, which costs them no attempt.
    """
    if dry_run:
        click.echo(engine.text(spec), nl=False)
        return
    _tell(engine, spec, engine.up(spec), as_json=as_json)


@fleet.command(
    "scale",
    examples=["themis fleet scale --on slurm --max 16 --tags gpu --gpus 1 --queue-root store:env:THEMIS_DATABASE_URL"],
)
@on_engine
@spec_options
@json_option
def scale(*, engine: "Engine", spec: "FleetSpec", as_json: bool) -> None:
    """Start the workers that are missing for the jobs that wait; for cron, with the options of `up`.

    Ends no worker: one that has no job ends by itself.
    """
    from themis.core.errors import FleetError

    scaling = getattr(engine, "scale", None)
    if scaling is None:
        raise FleetError(fleet=spec.name, detail=f"on {engine.name} a fleet adjusts its size by itself")
    _tell(engine, spec, scaling(spec), as_json=as_json)


@fleet.command(
    "status", examples=["themis fleet status --on slurm", "themis fleet status --on slurm --name big --json"]
)
@on_engine
@json_option
def status(*, engine: "Engine", fleet: str, as_json: bool) -> None:
    """Show the workers of a fleet as the engine sees them, also those that ended lately.

    What they run is shown by `themis worker list`.
    """
    found = engine.status(fleet)
    if not is_for_people(as_json=as_json):
        emit({"fleet": fleet, "on": engine.name, **found.document()})
        return
    if found.workers:
        rows = [(one.id, one.state, one.node, one.since, one.why) for one in found.workers]
        say_table_fitted(_WORKERS, rows)
    else:
        note(f"{engine.name} has no worker of the fleet {fleet}")
    if found.scaler is not None:
        say(f"its size is adjusted by {found.scaler}")
    for text in found.notes:
        note(text)


@fleet.command("down", examples=["themis fleet down --on slurm", "themis fleet down --on slurm --name big --now"])
@on_engine
@click.option("--now", is_flag=True, help="Give running jobs back at once, without time to end.")
@json_option
def down(*, engine: "Engine", fleet: str, now: bool, as_json: bool) -> None:
    """End a fleet, and return when the engine has accepted it.

    What has not begun is withdrawn. Workers take no more jobs; those that run may end within 90 seconds, and what does
    not goes back into the queue, to be continued by any worker. It costs no attempt.
    """
    ended = engine.down(fleet, now=now)
    if not is_for_people(as_json=as_json):
        emit({"fleet": fleet, "on": engine.name, "withdrawn": list(ended.withdrawn), "asked": list(ended.asked)})
    elif not (ended.withdrawn or ended.asked):
        note(f"{engine.name} has no worker of the fleet {fleet}")
    else:
        say(f"withdrawn: {len(ended.withdrawn):,}; asked to end: {len(ended.asked):,}")
    for text in ended.hints:
        note(text)


def _tell(engine: "Engine", spec: "FleetSpec", started: "Started", *, as_json: bool) -> None:
    document: dict[str, Any] = {
        "fleet": spec.name,
        "on": engine.name,
        "submitted": list(started.submitted),
        "workers": started.workers,
    }
    if not is_for_people(as_json=as_json):
        emit(document)
    elif started.submitted:
        say(f"{engine.name}: {', '.join(started.submitted)}; workers: {started.workers:,}")
    else:
        say(f"{engine.name}: nothing to start now")
    for text in started.hints:
        note(text)
