"""`themis store`: what the owner of a results store does to it as a whole."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from themis.cli.command import command, config_options, group
from themis.cli.stored.merge import merge
from themis.cli.targets import open_experiment
from themis.cli.terminal.output import emit, is_for_people, json_form_option, say


@command("upgrade", "themis store upgrade experiment.yaml")
@config_options
@json_form_option
def upgrade(*, config: Path, overrides: Sequence[str]) -> None:
    """Make the tables of the results store that CONFIG names, or upgrade those of an earlier version.

    A user who may do so need not: it happens on first use. In a database that has another owner, its owner runs this
    command before a new version of Themis is used. It is harmless when there is nothing to do.
    """
    from themis.core.stores.registry import create_run_store

    with closing(create_run_store(open_experiment(config, overrides).storage)) as store:
        found = {"store": store.label, "status": "ready"}
    if is_for_people():
        say(f"{found['store']}: its tables are those of this version")
    else:
        emit(found)


@group("store", "themis store upgrade experiment.yaml")
def store() -> None:
    """Upgrade the tables of a results store, or merge other stores into it."""


store.add_command(merge)
store.add_command(upgrade)
