"""The stored run of a command: by its config file, or by the beginning of its id."""

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import click

from themis.cli.command import config_options
from themis.cli.stored.run_names import RunPlace, places_of, store_option
from themis.cli.targets import open_experiment, stored_run


class ChosenRun(NamedTuple):
    """A run as the options of a command name it."""

    config: Path | None
    overrides: Sequence[str]
    run_name: str | None
    store_path: Path | None


def run_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--config`, `--set`, `--run` and `--store` as one argument `chosen`."""

    @functools.wraps(function)
    def with_run(
        *, config: Path | None, overrides: Sequence[str], run_name: str | None, store_path: Path | None, **others: Any
    ) -> Any:
        return function(chosen=ChosenRun(config, overrides, run_name, store_path), **others)

    named = click.option("--run", "run_name", metavar="ID", help="The beginning of a stored run's id, instead.")
    return config_options(required=False)(named(store_option(with_run)))


@contextmanager
def one_run(chosen: ChosenRun) -> Iterator[RunPlace]:
    """Open the store of a run for the block.

    Raises:
        UnknownRunError: the run is not stored.
    """
    if (chosen.config is None) == (chosen.run_name is None):
        message = "name the run: give --config, or --run with the beginning of its id"
        raise click.UsageError(message, click.get_current_context())
    if chosen.config is None:
        if chosen.overrides:
            message = "--set needs --config"
            raise click.UsageError(message, click.get_current_context())
        with ExitStack() as stack:
            yield places_of(stack, [chosen.run_name or ""], chosen.store_path)[0]
        return
    if chosen.store_path is not None:
        message = "--store needs --run; a config file names its store itself"
        raise click.UsageError(message, click.get_current_context())
    experiment = open_experiment(chosen.config, chosen.overrides)
    with stored_run(experiment) as (store, run_id):
        yield RunPlace(store, run_id, experiment.compiled())
