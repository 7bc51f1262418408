"""`themis inspect`: what a run is, and what is stored of it."""

from collections.abc import Sequence
from pathlib import Path

from themis.cli.command import command, config_options, group
from themis.cli.targets import open_experiment, stored_run
from themis.cli.terminal.output import emit
from themis.core.errors import UnknownRunError


@group("inspect", "themis inspect snapshot --config experiment.yaml")
def inspect() -> None:
    """Print what a run is, or what is stored of it."""


@command("snapshot", "themis inspect snapshot --config experiment.yaml")
@config_options()
def snapshot(*, config: Path, overrides: Sequence[str]) -> None:
    """Print the identity and the provenance of a run: as they are stored, or as they would be."""
    from themis.core.inspection import get_run_snapshot

    experiment = open_experiment(config, overrides)
    try:
        with stored_run(experiment) as (store, run_id):
            found = get_run_snapshot(store, run_id)
    except UnknownRunError:
        found = experiment.compile()
    emit(found.model_dump(mode="json"))


@command("state", "themis inspect state --config experiment.yaml")
@config_options()
def state(*, config: Path, overrides: Sequence[str]) -> None:
    """Print what is finished of a run, case by case."""
    from themis.core.base import as_json
    from themis.core.inspection import get_execution_state

    with stored_run(open_experiment(config, overrides)) as (store, run_id):
        emit(as_json(get_execution_state(store, run_id)))


inspect.add_command(snapshot)
inspect.add_command(state)
