"""The stored run of a command that may write to its store."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

from themis.cli.stored.run_names import RunPlace
from themis.cli.stored.run_targets import Asked, config_of, named_runs
from themis.cli.targets import compile_without_secrets, open_experiment, stored_run


@contextmanager
def one_run(asked: Asked, *, writes: bool = False) -> Iterator[RunPlace]:
    """Open the store of the run that a command names for the block, for reading only unless it `writes`.

    Raises:
        UnknownTargetError, AmbiguousTargetError: TARGET names no run, or several.
        UnknownRunError: the run of a config file is not stored.
    """
    from themis.core.monitor.targets import only
    from themis.core.stores.registry import open_for_reading, open_store

    file = config_of(asked)
    if file is not None:
        experiment = open_experiment(file, asked.overrides)
        compile_without_secrets(experiment)
        with stored_run(experiment, reads_only=not writes) as (store, run_id):
            yield RunPlace(store, run_id, experiment.compiled())
        return
    with named_runs(asked) as matches:
        match = only(asked.target or "", matches)
        location = match.reader.location
        with closing(open_store(location) if writes else open_for_reading(location)) as store:
            yield RunPlace(store, match.run.run_id)
