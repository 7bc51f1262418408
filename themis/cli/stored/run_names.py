"""Runs as commands name them: by a config file, or by the beginning of a stored run's id."""

from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from themis.cli.targets import open_experiment, stored_run
from themis.core.configuration.default_paths import DEFAULT_STORE_KIND, DEFAULT_STORE_PATH
from themis.core.errors import StoreMissingError, UnknownRunError

if TYPE_CHECKING:
    from themis.core.engine.compiling.compiled import CompiledRun
    from themis.core.stores import RunStore

_CONFIGS = frozenset({".yaml", ".yml", ".toml"})

store_option = click.option(
    "--store",
    "store_path",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help=f"The file with the runs that ids name.  [default: that of the config file, else {DEFAULT_STORE_PATH}]",
)


class RunPlace(NamedTuple):
    """A stored run and its store.

    Attributes:
        run: the run as its config file says it; None when its id names it.
    """

    store: "RunStore"
    run_id: str
    run: "CompiledRun | None" = None


def is_id(name: str) -> bool:
    """Whether a name is the beginning of a run's id; else it is a config file."""
    return Path(name).suffix not in _CONFIGS


def store_of_ids(stack: ExitStack, names: Sequence[str], path: Path | None) -> "RunStore":
    """Open the store that has the runs which ids among `names` name, until `stack` is closed.

    Raises:
        UnknownRunError: it does not exist.
    """
    from themis.core.config import StorageConfig
    from themis.core.stores import create_run_store

    config = next((name for name in names if not is_id(name)), None)
    try:
        if path is None and config is not None:
            opened = open_experiment(Path(config), ()).open_store(must_exist=True)
        else:
            file = str((path or Path(DEFAULT_STORE_PATH)).absolute())
            storage = StorageConfig(store=DEFAULT_STORE_KIND, parameters={"path": file})
            opened = create_run_store(storage, must_exist=True)
    except StoreMissingError as error:
        run_id = next(filter(is_id, names))
        raise UnknownRunError(run_id=run_id, nearest=f": there is no {error.facts['path']}; --store names it") from None
    stack.enter_context(closing(opened))
    return opened


def whole_id(store: "RunStore", beginning: str) -> str:
    """Return the id of the only run that begins so; the beginning itself when there is none.

    Raises:
        UnknownRunError: several begin so.
    """
    found = store.list_runs(beginning, 2)
    if len(found) > 1:
        raise UnknownRunError(run_id=beginning, nearest="; several ids begin so, give more of one")
    return found[0].run_id if found else beginning


def places_of(stack: ExitStack, names: Sequence[str], path: Path | None, config: Path | None = None) -> list[RunPlace]:
    """Find the stored runs that `names` name; their stores are open until `stack` is closed.

    Args:
        stack: closes the stores.
        names: config files, or beginnings of ids.
        path: the file of the runs that ids name; None for that of a config file among `names`, else of `config`.
        config: a config file that names none of the runs.

    Raises:
        UnknownRunError: one is not stored.
    """
    beside = [] if config is None else [str(config)]
    of_ids = store_of_ids(stack, [*names, *beside], path) if any(map(is_id, names)) else None
    found = []
    for name in names:
        if of_ids is not None and is_id(name):
            run_id = whole_id(of_ids, name)
            if of_ids.load_run(run_id) is None:
                raise UnknownRunError(run_id=name, nearest=f": {of_ids.label} does not have it")
            found.append(RunPlace(of_ids, run_id))
            continue
        experiment = open_experiment(Path(name), ())
        store, run_id = stack.enter_context(stored_run(experiment))
        found.append(RunPlace(store, run_id, experiment.compiled()))
    return found
