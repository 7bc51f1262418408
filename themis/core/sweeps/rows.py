"""Rows of a sweep as experiments: each is checked like a submission before any is submitted."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from themis.core.components.provenance import git_asked_once
from themis.core.configuration.sweeps.sweep import Sweep, SweepRow, refuse_too_many
from themis.core.errors import ConfigError, InputError
from themis.core.experiment import Experiment
from themis.core.jobs.submittable import check_submittable
from themis.core.stores.reading import StoreLocation
from themis.core.stores.registry import location_of
from themis.core.text.run_names import checked_name
from themis.core.values.tags import checked

_SHOWN_DIGITS = 12


@dataclass(frozen=True, slots=True)
class ExperimentRow:
    """Experiment of a row.

    Attributes:
        config: the file that it is made from.
        name: name of the row, in its group.
        experiment: checked, and compiled.
    """

    config: Path
    name: str
    experiment: Experiment


@git_asked_once()
def open_rows(
    configs: Sequence[Path],
    sweep: Sweep | None,
    overrides: Sequence[str] = (),
    *,
    tags: Sequence[str] = (),
    change: Callable[[Experiment], Experiment] | None = None,
) -> list[ExperimentRow]:
    """Return an experiment for each config file and each row of a sweep, all of them checked; nothing is written.

    Args:
        configs: the config files.
        sweep: its rows; None for one of each file.
        overrides: `key.path=value` texts for all rows.
        tags: tags that are added to those of each experiment.
        change: returns what becomes of an experiment, such as a part of its cases.

    Raises:
        ConfigError: a row is no experiment that can be submitted, or is the same run as another one; one line that
            names the file and the row.
    """
    rows = (SweepRow(""),) if sweep is None else sweep.rows
    refuse_too_many(len(rows) * len(configs), "sweep" if sweep is not None else str(configs[0]))
    _refuse_one_name(configs, rows, overrides)
    found: list[ExperimentRow] = []
    seen: dict[tuple[str, StoreLocation], str] = {}
    for config in configs:
        for row in rows:
            name = ",".join(filter(None, [config.stem if len(configs) > 1 or not row.name else "", row.name]))
            with named_row(config, row.name):
                _refuse_set_twice(row, overrides)
                experiment = Experiment.from_config(config, overrides=[*overrides, *row.overrides])
                if change is not None:
                    experiment = change(experiment)
                checked([*experiment.runtime.tags, *checked(tags)])
                check_submittable(experiment, config)
            one = ExperimentRow(config, name, experiment)
            _refuse_twice(one, seen)
            found.append(one)
    return found


def group_name(given: str | None, sweep: Sweep | None, configs: Sequence[Path], rows: Sequence[ExperimentRow]) -> str:
    """Return the name of the group of a sweep: the one that is given, else the file's, else that of the config files.

    Raises:
        ConfigError: it cannot be a name.
    """
    said = given if given is not None else sweep.group if sweep is not None else None
    if said is None:
        named = [next(row.experiment for row in rows if row.config == config).name for config in configs]
        is_of_file = len(configs) > 1 or len({row.experiment.name for row in rows}) > 1
        stems = [
            config.stem if is_of_file or name is None else name for config, name in zip(configs, named, strict=True)
        ]
        said = "+".join(stems)
    try:
        return checked_name(said)
    except ValueError as error:
        detail = str(error).replace("of a run", "of a group")
        raise ConfigError(where="group", detail=f"{detail}; --group gives another") from None


def _refuse_one_name(configs: Sequence[Path], rows: Sequence[SweepRow], overrides: Sequence[str]) -> None:
    is_given = any(override.startswith("name=") for override in overrides)
    if is_given and len(rows) * len(configs) > 1:
        detail = "one name would be that of all runs; leave it out, and they get names that tell them apart"
        raise ConfigError(where="name", detail=detail)


def _refuse_set_twice(row: SweepRow, overrides: Sequence[str]) -> None:
    given = {override.partition("=")[0].strip() for override in overrides}
    for key in row.keys:
        if key in given and not key.startswith("labels."):
            raise ConfigError(where=key, detail="is set for all rows and by the sweep; leave one of them out")


def _refuse_twice(row: ExperimentRow, seen: dict[tuple[str, StoreLocation], str]) -> None:
    run_id = row.experiment.compile().run_id
    key = (run_id, location_of(row.experiment.storage))
    if (other := seen.get(key)) is not None:
        detail = f"rows {other} and {row.name} are the same run, {run_id[:_SHOWN_DIGITS]}; leave one of them out"
        raise ConfigError(where=str(row.config), detail=detail)
    seen[key] = row.name


@contextmanager
def named_row(config: Path, row: str) -> Iterator[None]:
    """Name the config file, and the row, in the message of an error of the block."""
    try:
        yield
    except InputError as error:
        said = str(error)
        if not row and str(config) in said:
            raise
        where = f"{config}, row {row}" if row else str(config)
        raise ConfigError(where=where, detail=said.removeprefix(f"{config}: ")) from None
