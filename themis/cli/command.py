"""What every command is made of: its help with examples, and the options that several have."""

import functools
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import click

from themis.core.configuration.default_paths import DEFAULT_QUEUE_ROOT

Function = TypeVar("Function", bound=Callable[..., Any])

_CONFIG_SUFFIXES = {".yaml", ".yml", ".toml"}

HELP = {"help_option_names": ["-h", "--help"]}


class Command(click.Command):
    """A command whose help ends with examples.

    Args:
        examples: command lines, as one would type them.
    """

    def __init__(self, name: str | None = None, *, examples: Sequence[str] = (), **options: Any) -> None:
        super().__init__(name, **{"context_settings": HELP, **options})
        self.examples = examples

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the command line; who names the config file alone is told what to write before it."""
        words = list(args)
        try:
            return super().parse_args(ctx, args)
        except click.MissingParameter as error:
            file = next((word for word in words if Path(word).suffix in _CONFIG_SUFFIXES), None)
            if file is None or error.param is None or error.param.name != "config":
                raise
            message = f"Missing option '--config'; did you mean --config {shlex.quote(file)}?"
            raise click.UsageError(message, ctx) from None

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples below the options."""
        super().format_epilog(ctx, formatter)
        _format_examples(self.examples, formatter)


class Group(click.Group):
    """A group of commands whose help ends with examples."""

    command_class = Command

    def __init__(self, name: str | None = None, *, examples: Sequence[str] = (), **options: Any) -> None:
        super().__init__(name, **{"context_settings": HELP, **options})
        self.examples = examples

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples below the commands."""
        super().format_epilog(ctx, formatter)
        _format_examples(self.examples, formatter)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the first word names; the nearest one is in the error's line."""
        name = args[0]
        if self.get_command(ctx, name) is None and not name.startswith("-"):
            from themis.core.text.nearest import nearest_hint

            message = f"no command {name!r}{nearest_hint(name, self.list_commands(ctx))}"
            raise click.UsageError(message, ctx)
        return super().resolve_command(ctx, args)


def command(name: str, *examples: str) -> Callable[[Callable[..., Any]], click.Command]:
    """Make a function a command with examples; its docstring is the help."""
    return click.command(name, cls=Command, examples=examples)


def group(name: str, *examples: str) -> Callable[[Callable[..., Any]], click.Group]:
    """Make a function a group of commands with examples; its docstring is the help."""
    return click.group(name, cls=Group, examples=examples)


def config_options(*, required: bool = True) -> Callable[[Function], Function]:
    """`--config` and `--set`, which become the arguments `config` and `overrides`."""

    def add(function: Function) -> Function:
        function = click.option(
            "--set",
            "overrides",
            multiple=True,
            metavar="KEY.PATH=VALUE",
            help="Override a key of the config file; a value is read as YAML. May be repeated.",
        )(function)
        return click.option(
            "--config",
            required=required,
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="The experiment: a YAML or TOML file.",
        )(function)

    return add


def queue_options(function: Function) -> Function:
    """`--queue-root`, or `--config` and `--set`: `queue_root`, `config` and `overrides`."""
    function = config_options(required=False)(function)
    return click.option(
        "--queue-root",
        type=click.Path(path_type=Path),
        metavar="FOLDER",
        help=f"The queue's folder.  [default: {DEFAULT_QUEUE_ROOT}, or what --config says]",
    )(function)


class Words(click.ParamType[tuple[str, ...]]):
    """Words parted by commas."""

    name = "words"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        """The words that a text holds."""
        del param, ctx
        if isinstance(value, tuple):
            return value
        return tuple(word for part in str(value).split(",") if (word := part.strip()))


class QueuePlace(NamedTuple):
    """Which queue a command is about, as its options say."""

    queue_root: Path | None
    config: Path | None
    overrides: Sequence[str]


def queue_place(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options of `queue_options`, as one argument `place`: for commands that have many of their own."""

    @functools.wraps(function)
    def with_place(*, queue_root: Path | None, config: Path | None, overrides: Sequence[str], **others: Any) -> Any:
        return function(place=QueuePlace(queue_root, config, overrides), **others)

    return queue_options(with_place)


def json_option(function: Function) -> Function:
    """`--json`, which becomes `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON object, for programs.")(function)


def quiet_option(function: Function) -> Function:
    """`--quiet`, which becomes `quiet`."""
    return click.option("--quiet", "-q", is_flag=True, help="Show no progress.")(function)


def _format_examples(examples: Sequence[str], formatter: click.HelpFormatter) -> None:
    if examples:
        with formatter.section("Examples" if len(examples) > 1 else "Example"):
            for example in examples:
                formatter.write(f"{'':{formatter.current_indent}}{example}\n")
