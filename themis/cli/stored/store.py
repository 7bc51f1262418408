"""`themis store`: what the owner of a results store does to it as a whole."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from themis.cli.command import command, group, set_option
from themis.cli.config_argument import optional_config_argument
from themis.cli.stored.merge import merge
from themis.cli.targets import open_experiment
from themis.cli.terminal.output import emit, is_for_people, json_form_option, say
from themis.cli.terminal.store_option import METAVAR, REFERENCE, StoreName

if TYPE_CHECKING:
    from themis.core.stores import RunStore
    from themis.core.stores.reading import StoreLocation


@command(
    "upgrade", "themis store upgrade experiment.yaml", "themis store upgrade --store postgres:env:THEMIS_DATABASE_URL"
)
@optional_config_argument
@set_option
@click.option("--store", type=StoreName(), metavar=METAVAR, help=f"The store, in place of that of CONFIG. {REFERENCE}")
@json_form_option
def upgrade(*, config: Path | None, overrides: Sequence[str], store: "StoreLocation | None") -> None:
    """Make the tables of the results store that CONFIG or --store names, or upgrade those of an earlier version.

    A user who may do so need not: it happens on first use. In a database that has another owner, its owner runs this
    command before a new version of Themis is used. It is harmless when there is nothing to do.
    """
    with closing(_opened(config, overrides, store)) as opened:
        found = {"store": opened.label, "status": "ready"}
    if is_for_people():
        say(f"{found['store']}: its tables are those of this version")
    else:
        emit(found)


def _opened(config: Path | None, overrides: Sequence[str], store: "StoreLocation | None") -> "RunStore":
    from themis.core.stores.registry import create_run_store, open_store

    if (config is None) == (store is None):
        message = "give CONFIG or --store" if config is None else "give CONFIG or --store, not both"
        raise click.UsageError(message, click.get_current_context())
    if config is not None:
        return create_run_store(open_experiment(config, overrides).storage)
    if overrides:
        message = "--set needs CONFIG"
        raise click.UsageError(message, click.get_current_context())
    assert store is not None  # noqa: S101  # one of both is given
    return open_store(store, must_exist=False)


@group("store", "themis store upgrade experiment.yaml")
def store() -> None:
    """Upgrade the tables of a results store, or merge other stores into it."""


store.add_command(merge)
store.add_command(upgrade)
