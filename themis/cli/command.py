"""Decorators of all commands: those that make them, and the options that several share."""

import functools
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

import click

from themis.cli.config_argument import config_argument
from themis.cli.offers import values
from themis.cli.terminal.key_value import KeyValue
from themis.cli.usage.with_examples import Command, Group
from themis.core.configuration.default_paths import DEFAULT_QUEUE_ROOT, is_in_store
from themis.core.errors import ConfigError
from themis.core.text.run_names import checked_labels

if TYPE_CHECKING:
    from themis.core.queue.model.queue_place import Place

Function = TypeVar("Function", bound=Callable[..., Any])

CODE_CHANGES = ("warn", "refuse", "ignore")
CODE_CHANGES_HELP = (
    "What to do when a component's source was edited under the same fingerprint, before stored results are used: warn, "
    "refuse to go on, or go by the fingerprint alone.  [default: runtime.code_changes, else warn]"
)


def command(name: str, *examples: str) -> Callable[[Callable[..., Any]], click.Command]:
    """Turn a function into a command with examples; its docstring is the help."""
    return click.command(name, cls=Command, examples=examples)


def group(
    name: str, *examples: str, members: Mapping[str, str] = MappingProxyType({})
) -> Callable[[Callable[..., Any]], click.Group]:
    """Turn a function into a group of commands with examples, see `Group`; its docstring is the help."""
    return click.group(name, cls=Group, examples=examples, members=members)


def set_option(function: Function) -> Function:
    """Add `--set`, which becomes `overrides`."""
    return click.option(
        "--set",
        "overrides",
        multiple=True,
        metavar="KEY.PATH=VALUE",
        help="Override a key of the config file; the value is parsed as YAML. May be repeated.",
    )(function)


def config_options(function: Function) -> Function:
    """Add CONFIG, which `--config` stands for too, and `--set`: the arguments `config` and `overrides`."""
    return cast("Function", config_argument(set_option(function)))


def code_changes_option(function: Function) -> Function:
    """Add `--code-changes`, which becomes another of `overrides`: that of `runtime.code_changes`."""

    @functools.wraps(function)
    def overriding(*, code_changes: str | None, overrides: Sequence[str], **others: Any) -> Any:
        more = () if code_changes is None else (f"runtime.code_changes={code_changes}",)
        return function(overrides=(*overrides, *more), **others)

    return click.option(
        "--code-changes",
        type=click.Choice(CODE_CHANGES),
        help=CODE_CHANGES_HELP,
    )(cast("Function", overriding))


def title_options(function: Function) -> Function:
    """Add `--name` and `--label`, which become others of `overrides`: those of `name` and `labels`."""

    @functools.wraps(function)
    def overriding(
        *, name: str | None, labels: Sequence[tuple[str, str]], overrides: Sequence[str], **others: Any
    ) -> Any:
        more = () if name is None else (f"name={json.dumps(name)}",)
        of_labels = (f"labels.{key}={json.dumps(value)}" for key, value in labels)
        return function(overrides=(*overrides, *more, *of_labels), **others)

    labelled = click.option(
        "--label",
        "labels",
        type=LABEL,
        multiple=True,
        metavar="KEY=VALUE",
        shell_complete=values.labels,
        help="A label of the run, by which lists are filtered. May be repeated.",
    )(cast("Function", overriding))
    return click.option(
        "--name",
        metavar="NAME",
        help="The name of the run, when it is first stored.  [default: name in the config file, else made of its model "
        "and its datasets]",
    )(labelled)


def queue_options(function: Function) -> Function:
    """Add `--queue-root`, `--config` and `--set`: arguments `queue_root`, `config` and `overrides`."""
    function = click.option(
        "--config",
        type=click.Path(path_type=Path),
        metavar="FILE",
        shell_complete=values.config_files,
        help="The experiment: a YAML or TOML file.",
    )(set_option(function))
    return click.option(
        "--queue-root",
        type=QueueRoot(),
        metavar="FOLDER",
        help="The queue's folder, or store:ADDRESS for one whose rows are in a results store, as in "
        f"store:env:THEMIS_DATABASE_URL.  [default: {DEFAULT_QUEUE_ROOT}, or the one of --config]",
    )(function)


class QueueRoot(click.Path):
    """The place of a queue: a folder, or a results store that has its rows."""

    name = "queue root"

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The place that a text names."""
        if not isinstance(value, str) or not is_in_store(value):
            return super().convert(value, param, ctx)
        from themis.core.queue.model.queue_place import queue_place

        try:
            return queue_place(value)
        except ConfigError as error:
            self.fail(str(error.facts["detail"]), param, ctx)


class Words(click.ParamType[tuple[str, ...]]):
    """Words separated by commas."""

    name = "words"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        """The words in a text."""
        del param, ctx
        if isinstance(value, tuple):
            return value
        return tuple(word for part in str(value).split(",") if (word := part.strip()))


LABEL = KeyValue("label", "team=x", lambda key, value: checked_labels({key: value}))
"""A label of a run."""


label_filter = click.option(
    "--label",
    "labels",
    type=LABEL,
    multiple=True,
    metavar="KEY=VALUE",
    shell_complete=values.labels,
    help="Only runs with this label. May be repeated, for runs with all of them.",
)


class QueuePlace(NamedTuple):
    """The queue of a command, as its options name it."""

    queue_root: "Place | None"
    config: Path | None
    overrides: Sequence[str]


def queue_place(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of `queue_options` as one argument `place`, for commands with many other options."""

    @functools.wraps(function)
    def with_place(*, queue_root: "Place | None", config: Path | None, overrides: Sequence[str], **others: Any) -> Any:
        return function(place=QueuePlace(queue_root, config, overrides), **others)

    return queue_options(with_place)


def json_option(function: Function) -> Function:
    """Add `--json`, which becomes `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON object, for programs.")(function)


def quiet_option(function: Function) -> Function:
    """Add `--quiet`, which becomes `quiet`."""
    return click.option("--quiet", "-q", is_flag=True, help="Show no progress.")(function)
