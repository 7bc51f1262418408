"""The experiment, run or queue of a command, from its options."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from themis.cli.errors import UNAVAILABLE
from themis.core.configuration.default_paths import DEFAULT_QUEUE_ROOT, is_in_store
from themis.core.errors import ConfigError, StoreMissingError, UnknownRunError

if TYPE_CHECKING:
    from themis.core.experiment import Experiment
    from themis.core.monitor.targets import Match
    from themis.core.queue.model.queue_place import Place
    from themis.core.queue.port import Queue, Workers
    from themis.core.snapshot import RunSnapshot
    from themis.core.stores import RunStore
    from themis.core.stores.job_rows import JobRow
    from themis.core.stores.reading import StoreLocation


def open_experiment(config: Path, overrides: Sequence[str]) -> "Experiment":
    """Open the experiment in a config file; from here on, output of its components goes to standard error."""
    from themis.cli.terminal.component_output import expect_components
    from themis.core.experiment import Experiment

    expect_components()
    return Experiment.from_config(config, overrides=overrides)


@contextmanager
def stored_run(experiment: "Experiment", *, reads_only: bool = False) -> "Iterator[tuple[RunStore, str]]":
    """Open the store of an experiment's run for the block; yields it with the run's id. No store is created.

    With `reads_only` none of the secrets of the experiment are needed, nor a store that can be written.

    Raises:
        UnknownRunError: the store does not exist, or does not have the run.
    """
    if reads_only:
        compile_without_secrets(experiment)
    else:
        compile_with_store(experiment)
    run_id = experiment.compile().run_id
    if experiment.storage.store == "memory":
        raise UnknownRunError(run_id=run_id, nearest=": storage.store is memory, which keeps nothing")
    with closing(_opened(experiment, run_id, reads_only=reads_only)) as store:
        if store.load_run(run_id) is None:
            hint = "; it was not run yet, or the config, the data or a component has changed since"
            raise UnknownRunError(run_id=run_id, nearest=hint)
        yield store, run_id


def compile_with_store(experiment: "Experiment") -> None:
    """Compile an experiment, with what its store knows of its files if the store is there; none is made."""
    from themis.core.engine.compiling.run_datasets import store_if_there

    with ExitStack() as stack:
        store = store_if_there(experiment.open_store)
        if store is not None:
            stack.callback(store.close)
        experiment.compiled(store)


def _opened(experiment: "Experiment", run_id: str, *, reads_only: bool) -> "RunStore":
    from themis.core.stores.registry import location_of, open_for_reading

    try:
        if reads_only:
            return open_for_reading(location_of(experiment.storage))
        return experiment.open_store(must_exist=True)
    except StoreMissingError as error:
        raise UnknownRunError(run_id=run_id, nearest=f": there is no {error.facts['path']} yet") from None


@contextmanager
def opened_queue(
    queue_root: "Place | None", config: Path | None, overrides: Sequence[str], *, read_only: bool = False
) -> "Iterator[Queue]":
    """Open the queue of a command, with its stores, for the block; with `read_only` its stores need not be writable."""
    from themis.core.jobs.store_cache import StoreCache
    from themis.core.queue.opening import queue_at

    with closing(StoreCache(read_only=read_only)) as stores:
        yield queue_at(find_queue_root(queue_root, config, overrides), stores, stores.jobs_at)


@contextmanager
def workers_of_queue(place: "Place") -> "Iterator[Workers]":
    """The workers of the queue at a place, for the block; those of a folder are found by their files alone."""
    if isinstance(place, Path):
        from themis.core.queue.folder.registration import FolderWorkers

        yield FolderWorkers(place)
        return
    with opened_queue(place, None, ()) as queue:
        yield queue.workers


def job_key_of(queue: "Queue", target: str | None, config: Path | None = None, overrides: Sequence[str] = ()) -> str:
    """The key of the one job of a queue that TARGET names; a text that no store knows is returned as it is.

    Without TARGET it is the job of the run that a config file describes.

    Raises:
        UnknownTargetError: TARGET names nothing that has a job in this queue.
        AmbiguousTargetError: it names several, or a run in several shards.
    """
    from themis.core.errors import AmbiguousTargetError

    found = jobs_of_one_run(queue, target, config, overrides)
    target = target or str(config)
    if len(found) > 1:
        shown = f"the {len(found)} shards of a run, of which {found[0][0].key} is the first"
        raise AmbiguousTargetError(target=target, matches=shown, mend="give the key of one")
    return found[0][0].key if found else target


def jobs_of_one_run(
    queue: "Queue", target: str | None, config: Path | None = None, overrides: Sequence[str] = ()
) -> "list[tuple[JobRow, Match]]":
    """The jobs of the one run that TARGET names, or the one shard that it names; raises as `job_key_of`.

    None for a text that no store knows.
    """
    from themis.core.monitor.targets import only

    if target is not None:
        found = jobs_named_by(queue, target)
    elif config is not None:
        found = _jobs_of_config(queue, config, overrides)
    else:
        message = "name a job, or give --config"
        raise click.UsageError(message, click.get_current_context())
    if found:
        only(target or str(config), list({id(match): match for _, match in found}.values()))
    return found


def jobs_named_by(queue: "Queue", target: str, **options: int) -> "list[tuple[JobRow, Match]]":
    """The jobs of a queue that TARGET names; see `themis.core.monitor.targets`."""
    from themis.core.monitor.targets import Kind, jobs_named, target_text

    text = target_text(target)
    if text.kind is Kind.CONFIG:
        return _jobs_of_config(queue, Path(text.text), ())
    return jobs_named(queue.place, text, **options)


def _jobs_of_config(queue: "Queue", config: Path, overrides: Sequence[str]) -> "list[tuple[JobRow, Match]]":
    from themis.core.monitor.targets import queued_jobs_of

    return queued_jobs_of(queue.place, run_id_of(config, overrides))


def run_id_of(config: Path, overrides: Sequence[str] = ()) -> str:
    """The id of the run that a config file describes; its secrets are not needed."""
    return compile_without_secrets(open_experiment(config, overrides)).run_id


def compile_without_secrets(experiment: "Experiment") -> "RunSnapshot":
    """Compile an experiment of which something is only read, for all later uses of it."""
    from themis.core.configuration.secrets import secrets_not_needed

    with secrets_not_needed():
        return experiment.compile()


def note_left_out(queue: "Queue") -> int:
    """Print which stores, with their jobs, are left out of a command about many jobs; returns the exit code."""
    from themis.cli.terminal.output import note

    unusable = queue.admin.unusable_stores()
    for why in unusable:
        note(f"left out: the jobs of a store that cannot be opened: {why}")
    return UNAVAILABLE if unusable else 0


def find_queue_root(queue_root: "Place | None", config: Path | None, overrides: Sequence[str]) -> "Place":
    """The place of the queue of a command: its folder as an absolute path, or the store that has its rows."""
    if queue_root is not None and config is not None:
        message = "give --queue-root or --config, not both"
        raise click.UsageError(message, click.get_current_context())
    if config is None:
        if overrides:
            message = "--set needs --config"
            raise click.UsageError(message, click.get_current_context())
        found = queue_root or Path(DEFAULT_QUEUE_ROOT)
        return found.absolute() if isinstance(found, Path) else found
    from themis.core.configuration.config_file import load_config

    loaded = load_config(config, overrides=overrides)
    given = loaded.runtime.queue_root or DEFAULT_QUEUE_ROOT
    if not is_in_store(given):
        return Path(given).absolute()
    from themis.core.queue.model.queue_place import queue_place
    from themis.core.stores.registry import location_of

    return queue_place(given, location_of(loaded.storage))


def places_of_stores(
    store: "StoreLocation | None", queue_root: "Place | None", config: Path | None, overrides: Sequence[str]
) -> "list[StoreLocation]":
    """The stores to look in: `--store`, else the queue's, else that of `--config`, else the usual one."""
    from themis.core.monitor.stores import stores_of

    if store is not None:
        return [store]
    if queue_root is None and config is not None:
        return [location_in(config, overrides)]
    return stores_of(find_queue_root(queue_root, config, overrides))


def location_in(config: Path, overrides: Sequence[str]) -> "StoreLocation":
    """The store that a config file names; its components are not imported, nor its secrets needed."""
    from themis.core.configuration.config_file import load_config
    from themis.core.stores.registry import location_of

    storage = load_config(config, overrides=overrides).storage
    if storage.store == "memory":
        raise ConfigError(where=str(config), detail="storage.store is memory, whose runs only their process can see")
    return location_of(storage)
