"""The run that a command reads, from TARGET, `--config`, `--store` and `--queue-root`; nothing is imported or compiled.

`themis.core.monitor.targets` has the rule for TARGET. Only a config file has to be compiled, to know its run's id.
"""

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

import click

from themis.cli.command import queue_options
from themis.cli.offers import values
from themis.cli.targets import open_experiment, places_of_stores, stored_run
from themis.cli.terminal.store_option import METAVAR, REFERENCE, StoreName
from themis.core.configuration.default_paths import DEFAULT_STORE_PATH
from themis.core.errors import StoreMissingError, UnavailableError, UnknownTargetError

if TYPE_CHECKING:
    from themis.core.monitor.targets import Match
    from themis.core.stores import RunStore
    from themis.core.stores.reading import StoreLocation, StoreReader

Function = TypeVar("Function", bound=Callable[..., Any])


store_option = click.option(
    "--store",
    type=StoreName(),
    metavar=METAVAR,
    help=f"The store with the runs: a file, or a Postgres database. {REFERENCE}  [default: those of the queue, "
    f"or of --config, or {DEFAULT_STORE_PATH}]",
)


class Asked(NamedTuple):
    """Run that a command is asked to read, as its arguments and options name it.

    Attributes:
        target: TARGET; None when it was not given.
        config: the config file of the run, or, beside TARGET, of the store to look in.
        store: the store to look in.
    """

    target: str | None
    config: Path | None
    overrides: Sequence[str]
    queue_root: Path | None
    store: "StoreLocation | None"


def run_options(function: Function) -> Function:
    """Add TARGET, `--store` and the options of `queue_options`, together as the argument `asked`."""

    @functools.wraps(function)
    def asking(*, target: str | None, store: "StoreLocation | None", **others: Any) -> Any:
        config, overrides, queue_root = (others.pop(name) for name in ("config", "overrides", "queue_root"))
        return function(asked=Asked(target, config, overrides, queue_root, store), **others)

    return click.argument("target", required=False, shell_complete=values.targets)(
        store_option(queue_options(cast("Function", asking)))
    )


@contextmanager
def run_to_read(asked: Asked) -> "Iterator[tuple[RunStore, str]]":
    """Open the store of the run that a command is to read, for reading only; yields it with the run's id.

    Raises:
        UnknownTargetError, AmbiguousTargetError: TARGET names no run, or several.
        UnknownRunError: the run of a config file is not stored.
    """
    file = config_of(asked)
    if file is not None:
        with stored_run(open_experiment(file, asked.overrides), reads_only=True) as found:
            yield found
        return
    from themis.core.monitor.targets import only
    from themis.core.stores.registry import open_for_reading

    with named_runs(asked) as matches:
        match = only(asked.target or "", matches)
        with closing(open_for_reading(match.reader.location)) as store:
            yield store, match.run.run_id


def config_of(asked: Asked) -> Path | None:
    """The config file whose run is asked for; None when TARGET names a stored run."""
    from themis.core.monitor.targets import Kind, target_text

    context = click.get_current_context()
    if asked.target is None:
        if asked.config is None:
            message = "name a run, which themis list shows, or give --config"
            raise click.UsageError(message, context)
        return asked.config
    target = target_text(asked.target)
    if target.kind is not Kind.CONFIG:
        return None
    if asked.config is not None:
        message = f"give {asked.target} or --config, not both"
        raise click.UsageError(message, context)
    return Path(target.text)


@contextmanager
def named_runs(asked: Asked) -> "Iterator[list[Match]]":
    """Find the stored runs that TARGET names; their readers are open for the block."""
    from themis.core.monitor.targets import matches_of, target_text

    with ExitStack() as stack:
        yield matches_of(target_text(asked.target or ""), readers_of(stack, places_of_runs(asked), asked.target or ""))


def places_of_runs(asked: Asked) -> "list[StoreLocation]":
    """The stores to look in: `--store`, else the queue's, else that of `--config`, else the usual one."""
    return places_of_stores(asked.store, asked.queue_root, asked.config, asked.overrides)


def readers_of(stack: ExitStack, locations: "Sequence[StoreLocation]", target: str) -> "list[StoreReader]":
    """Open readers until `stack` is closed; a store that cannot be read is left out with a note, unless it is the only.

    Raises:
        UnknownTargetError: there is no store at all.
        StoreError: the only store cannot be read.
    """
    from themis.cli.terminal.output import note
    from themis.core.stores.registry import reader_of

    found = []
    for location in locations:
        reader = stack.enter_context(closing(reader_of(location)))
        try:
            reader.upgrade()
        except StoreMissingError as error:
            if len(locations) == 1:
                detail = f"there is no {error.facts['path']}; --store, --queue-root or --config name another"
                raise UnknownTargetError(target=target, detail=detail) from None
            note(f"left out: {error}")
        except UnavailableError as error:
            if len(locations) == 1:
                raise
            note(f"left out: {error}")
        else:
            found.append(reader)
    if not found:
        detail = "there is no store here; --store, --queue-root or --config name one"
        raise UnknownTargetError(target=target, detail=detail)
    return found
