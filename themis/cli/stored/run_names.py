"""Runs as commands about several of them name them: by config files, or by names and ids of stored runs."""

from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from themis.cli.stored.run_targets import Asked, places_of_runs, readers_of
from themis.cli.targets import location_in, open_experiment, stored_run
from themis.cli.terminal.store_option import METAVAR, REFERENCE, StoreName
from themis.core.configuration.default_paths import DEFAULT_STORE_PATH
from themis.core.errors import UnknownTargetError

if TYPE_CHECKING:
    from themis.core.engine.compiling.compiled import CompiledRun
    from themis.core.stores import RunStore
    from themis.core.stores.reading import StoreLocation, StoreReader

store_option = click.option(
    "--store",
    type=StoreName(),
    metavar=METAVAR,
    help=f"The store with the runs that names and ids name: a file, or a Postgres database. {REFERENCE}  "
    f"[default: that of a config file among them, else those of the queue, else {DEFAULT_STORE_PATH}]",
)


class RunPlace(NamedTuple):
    """A stored run and its store.

    Attributes:
        run: the run as its config file says it; None when its name or its id names it.
    """

    store: "RunStore"
    run_id: str
    run: "CompiledRun | None" = None


class NamedPlaces:
    """Finds the stored runs that texts name, in the stores that `--store` or a config file among the texts name.

    Raises:
        UnknownTargetError, AmbiguousTargetError: from `find`, when a text names no run, or several.
    """

    def __init__(self, stack: ExitStack, names: Sequence[str], store: "StoreLocation | None") -> None:
        """Look for `names`; what is opened for that stays open until `stack` is closed."""
        self._stack = stack
        self._names = names
        self._store = store
        self._readers: list[StoreReader] | None = None
        self._stores: dict[StoreLocation, RunStore] = {}

    def find(self, name: str) -> RunPlace:
        """Return the run that a text which is not a config file names."""
        from themis.core.monitor.targets import matches_of, only, target_text

        match = only(name, matches_of(target_text(name), self._opened_readers(name)))
        return self._place(match.reader.location, match.run.run_id)

    def find_group(self, name: str) -> list[tuple[str, RunPlace]]:
        """Return the runs of the group that a text names, each with the name of its row, or its own."""
        from themis.core.monitor.targets import Kind, no_group, target_text

        text = target_text(name)
        readers = self._opened_readers(name)
        found = [
            (member.row_name or member.run.name or member.run.run_id, self._place(reader.location, member.run.run_id))
            for reader in readers
            for member in (reader.group_members(text.text) if text.kind is Kind.GROUP else ())
        ]
        if not found:
            raise UnknownTargetError(target=name, detail=no_group(readers))
        return found

    def _opened_readers(self, name: str) -> "list[StoreReader]":
        if self._readers is None:
            self._readers = readers_of(self._stack, self._places(), name)
        return self._readers

    def _place(self, location: "StoreLocation", run_id: str) -> RunPlace:
        from themis.core.stores.registry import open_for_reading

        if location not in self._stores:
            self._stores[location] = self._stack.enter_context(closing(open_for_reading(location)))
        return RunPlace(self._stores[location], run_id)

    def _places(self) -> "list[StoreLocation]":
        config = next((name for name in self._names if not is_id(name)), None)
        if self._store is None and config is not None:
            return [location_in(Path(config), ())]
        return places_of_runs(Asked(None, None, (), None, self._store))


def is_id(name: str) -> bool:
    """Whether a text names a stored run; else it is a config file."""
    from themis.core.monitor.targets import Kind, target_text

    return target_text(name).kind is not Kind.CONFIG


def places_of(
    stack: ExitStack, names: Sequence[str], store: "StoreLocation | None", config: Path | None = None
) -> list[RunPlace]:
    """Find the stored runs that `names` name; their stores are open until `stack` is closed.

    Args:
        stack: closes the stores.
        names: config files, or beginnings of ids.
        store: the store of the runs that ids name; None for that of a config file among `names`, else of `config`.
        config: a config file that names none of the runs.

    Raises:
        UnknownTargetError, AmbiguousTargetError: one names no run, or several.
        UnknownRunError: the run of a config file is not stored.
    """
    beside = [] if config is None else [str(config)]
    named = NamedPlaces(stack, [*names, *beside], store)
    return [_place_of(stack, named, name) for name in names]


def sides_of(stack: ExitStack, names: Sequence[str], store: "StoreLocation | None") -> list[tuple[str, RunPlace]]:
    """Find the stored runs that `names` name, those of a group one by one, each once and with a name to show.

    Raises: as `places_of`.
    """
    from themis.core.monitor.targets import group_named

    named = NamedPlaces(stack, names, store)
    found: dict[tuple[str, str], tuple[str, RunPlace]] = {}
    for name in names:
        sides = [(name, _place_of(stack, named, name))] if group_named(name) is None else named.find_group(name)
        for shown, place in sides:
            found.setdefault((place.store.label, place.run_id), (shown, place))
    return list(found.values())


def _place_of(stack: ExitStack, named: NamedPlaces, name: str) -> RunPlace:
    if is_id(name):
        return named.find(name)
    experiment = open_experiment(Path(name), ())
    opened, run_id = stack.enter_context(stored_run(experiment, reads_only=True))
    return RunPlace(opened, run_id, experiment.compiled())
