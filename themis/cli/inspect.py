"""`themis inspect`: the snapshot of a run, and its stored state."""

from collections.abc import Sequence
from pathlib import Path

from themis.cli.command import command, config_options, group
from themis.cli.targets import open_experiment, stored_run
from themis.cli.terminal.output import emit
from themis.core.errors import UnknownRunError


@group("inspect", "themis inspect snapshot --config experiment.yaml")
def inspect() -> None:
    """Print the snapshot of a run, or its stored state."""


@command("snapshot", "themis inspect snapshot --config experiment.yaml")
@config_options()
def snapshot(*, config: Path, overrides: Sequence[str]) -> None:
    """Print the identity and the provenance of a run: as stored, or as they would be stored."""
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
    """Print the finished stages of a run, case by case."""
    from themis.core.base import as_json
    from themis.core.inspection import get_execution_state

    with stored_run(open_experiment(config, overrides)) as (store, run_id):
        emit(as_json(get_execution_state(store, run_id)))


inspect.add_command(snapshot)
inspect.add_command(state)
