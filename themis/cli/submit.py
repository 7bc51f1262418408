"""`themis submit`: submission of experiments to the queue, or as batch requests."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from themis.cli.command import Words, code_changes_option, command, set_option, title_options
from themis.cli.config_argument import config_arguments
from themis.cli.exit_status import explain_name
from themis.cli.groups.options import sweep_options
from themis.cli.offers import values
from themis.cli.targets import open_experiment
from themis.cli.terminal import streams
from themis.cli.terminal.dry_run import dry_run_option, show_submission
from themis.cli.terminal.output import is_for_people, json_form_option, note
from themis.cli.terminal.part_options import part_of, part_options
from themis.cli.terminal.time_options import When
from themis.cli.views.submitted import say_next, show_submitted
from themis.core.configuration.part import Part
from themis.core.values.bounds import MOST_SHARDS

if TYPE_CHECKING:
    from themis.core.experiment import Experiment
    from themis.core.jobs.predecessors import After
    from themis.core.jobs.prepared_job import Mode
    from themis.core.queue.model.queue_place import Place
    from themis.core.submission import SubmissionManifest


class _How(NamedTuple):
    """Options of the jobs, and how much of the experiments they are about."""

    part: Part
    dry_run: bool
    mode: "Mode"
    priority: int
    not_before: datetime | None
    tags: tuple[str, ...]
    shards: int
    after: tuple[str, ...]
    after_ended: tuple[str, ...]
    sweeps: tuple[str, ...]
    sweep_file: Path | None
    group: str | None

    @property
    def is_swept(self) -> bool:
        """Whether rows are submitted, into a group."""
        return bool(self.sweeps) or self.sweep_file is not None or self.group is not None

    @property
    def named(self) -> "After":
        """The jobs that they run after."""
        from themis.core.jobs.predecessors import After

        return After(self.after, self.after_ended)


class ModeName(click.Choice[str]):
    """The name of a mode, with a hyphen or, as Python has it, with an underscore."""

    def __init__(self) -> None:
        super().__init__(["worker-pool", "batch"])

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The name with an underscore."""
        return super().convert(str(value).replace("_", "-"), param, ctx).replace("-", "_")


@command(
    "submit",
    "themis submit experiment.yaml",
    "themis submit large.yaml --shards 8",
    "themis submit small.yaml large.yaml --group sizes",
    "themis submit experiment.yaml --sweep generation.generator=a,b --sweep 'seeds=[1],[2]'",
    "themis submit experiment.yaml --limit 5 --dry-run",
    "themis submit judge.yaml --after 4f1c --after group:sizes",
    "themis submit experiment.yaml --priority 0 --not-before 2h --tags gpu",
)
@config_arguments
@set_option
@click.option(
    "--mode",
    type=ModeName(),
    default="worker-pool",
    show_default=True,
    help="To the queue, or as a request for `themis batch run`.",
)
@click.option("--priority", type=click.IntRange(0, 9), default=5, show_default=True, help="0 is first, 9 last.")
@click.option(
    "--not-before",
    type=When(),
    metavar="TIME",
    help="The earliest start: a time (in the local zone, or with its own), or a delay like 10m.",
)
@click.option(
    "--tags",
    type=Words(),
    default=(),
    metavar="TAG,…",
    help="Only a worker that has all of them takes it; in addition to runtime.tags.",
)
@click.option(
    "--shards",
    type=click.IntRange(1, MOST_SHARDS),
    default=1,
    metavar="N",
    help="Each run in N jobs, each with a slice of the cases: several workers share one run.",
)
@click.option(
    "--after",
    multiple=True,
    metavar="TARGET",
    shell_complete=values.jobs,
    help="Start it when that job is done, or all of group:NAME; cancel it if one fails. Repeatable.",
)
@click.option(
    "--after-ended",
    multiple=True,
    metavar="TARGET",
    shell_complete=values.jobs,
    help="Start it when that job has ended, however. Repeatable.",
)
@sweep_options
@part_options
@dry_run_option
@json_form_option
@title_options
@code_changes_option
def submit(*, configs: Sequence[Path], overrides: Sequence[str], **how: Any) -> None:
    """Submit one or more experiments, each to its queue; all are on disk when this returns.

    Submitting the same experiment again gives the same job. `themis worker` runs submitted experiments. With several
    CONFIG, one JSON object per file is printed, each in its line, and a mistake in one leaves all of them unsubmitted.
    A sweep makes several runs of each CONFIG, which are in one group: `themis status group:NAME` shows them all.
    """
    options = _How(**how)
    if options.is_swept:
        _submit_sweep(configs, overrides, options)
    else:
        _submit_each(configs, overrides, options)
    if options.not_before is not None and not options.dry_run:
        note(f"no worker takes it before {options.not_before.astimezone().isoformat(sep=' ', timespec='seconds')}")


def _submit_sweep(configs: Sequence[Path], overrides: Sequence[str], options: _How) -> None:
    from themis.cli.groups.submit import Swept, submit_sweep
    from themis.core.jobs.prepared_job import how_submitted

    how = how_submitted(
        options.mode, options.priority, options.not_before, options.tags, options.named, shards=options.shards
    )
    swept = Swept(options.sweeps, options.sweep_file, options.group)
    submit_sweep(configs, overrides, swept, how, options.part, dry_run=options.dry_run)


def _submit_each(configs: Sequence[Path], overrides: Sequence[str], options: _How) -> None:
    experiments = _opened(configs, overrides, options)
    told: set[Place] = set()
    for config, experiment in zip(configs, experiments, strict=True):
        if options.dry_run:
            _refuse_shards(experiment, options)
            show_submission(experiment, config, options.mode, options.tags, options.named)
            continue
        manifest = _submitted(config, experiment, options)
        _explain(manifest, options.tags, told)
        explain_name(experiment.name, manifest.name)


def _opened(configs: Sequence[Path], overrides: Sequence[str], how: _How) -> "list[Experiment]":
    """Open all experiments, each checked like a submission, so that a mistake in one leaves all unsubmitted."""
    if len(configs) == 1:
        return [part_of(open_experiment(configs[0], overrides), how.part, overrides)]  # checked when it is submitted
    from themis.core.jobs.submittable import check_submittable
    from themis.core.values.tags import checked

    if any(override.startswith("name=") for override in overrides):
        message = "one --name for several config files would name all their runs; give each its `name:`"
        raise click.UsageError(message, click.get_current_context())
    found = []
    for config in configs:
        with _named(config):
            experiment = part_of(open_experiment(config, overrides), how.part, overrides)
            checked([*experiment.runtime.tags, *checked(how.tags)])
            check_submittable(experiment, config)
            _refuse_shards(experiment, how)
        found.append(experiment)
    _refuse_namesakes(configs, found)
    return found


def _refuse_shards(experiment: "Experiment", how: _How) -> None:
    from themis.core.jobs.sharding import refuse_number

    refuse_number(experiment, how.mode, how.shards)


@contextmanager
def _named(config: Path) -> "Iterator[None]":
    """Name the config file in the message of an error of the block, if it does not name it itself."""
    from themis.core.errors import ConfigError, InputError

    try:
        yield
    except InputError as error:
        if str(config) in str(error):
            raise
        raise ConfigError(where=str(config), detail=str(error)) from None


def _refuse_namesakes(configs: Sequence[Path], experiments: "Sequence[Experiment]") -> None:
    """Refuse components whose module two folders have: this process can import only one of them.

    Raises:
        ConfigError: there are such modules.
    """
    from themis.core.errors import ConfigError

    folders = list(dict.fromkeys(config.absolute().parent for config in configs))
    for config, experiment in zip(configs, experiments, strict=True):
        for use in experiment.compiled().components.uses():
            module = use.partition(":")[0].partition(".")[0]
            found = [folder for folder in folders if (folder / f"{module}.py").exists() or (folder / module).is_dir()]
            if ":" in use and len(found) > 1:
                detail = (
                    f"{use!r}: {found[0]} and {found[1]} both have a module {module!r}, and one process can import "
                    "only one of them; submit the files of each folder by themselves"
                )
                raise ConfigError(where=str(config), detail=detail)


def _submitted(config: Path, experiment: "Experiment", how: _How) -> "SubmissionManifest":
    """Submit an experiment, and print what came of it."""
    from themis.core.submission import submit_experiment

    manifest = submit_experiment(
        experiment,
        config_path=config,
        mode=how.mode,
        priority=how.priority,
        not_before=how.not_before,
        tags=how.tags,
        shards=how.shards,
        after=how.after,
        after_ended=how.after_ended,
    )
    show_submitted(manifest)
    return manifest


def _place(queue: str) -> "Place":
    from themis.core.queue.model.queue_place import queue_place

    return queue_place(queue)


def _explain(manifest: "SubmissionManifest", tags: Sequence[str], told: "set[Place]") -> None:
    """Print a note about the next step, once for each queue; those of `told` have had theirs."""
    place = manifest.manifest_path if manifest.queue is None else _place(manifest.queue)
    if manifest.status != "pending":
        again = "" if manifest.status == "running" else "; --set runtime.existing_run_policy=rerun runs it again"
        note(f"this experiment was submitted before, and is {manifest.status}{again}")
    elif streams.has_terminal() and place not in told:
        from themis.core.monitor.workers import nobody_works

        told.add(place)
        if manifest.mode != "batch" and (hint := nobody_works(place, tags)):
            note(hint)
        elif is_for_people():
            say_next(manifest)
        elif manifest.mode == "batch":
            note(f"run it with: themis batch run --request {manifest.manifest_path}")
