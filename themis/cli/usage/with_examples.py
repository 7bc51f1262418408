"""Commands, and groups of commands, whose help ends with examples and whose errors have a hint."""

import importlib
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, cast

import click

from themis.cli.terminal import early_interrupts

_NO_LIMIT = 10_000
_HELP = {"help_option_names": ["-h", "--help"]}


class Command(click.Command):
    """A command whose help ends with examples.

    Args:
        examples: command lines, as a user would type them.
    """

    def __init__(self, name: str | None = None, *, examples: Sequence[str] = (), **options: Any) -> None:
        super().__init__(name, **{"context_settings": _HELP, **options})
        self.examples = examples

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the command line; what is not understood gets a hint."""
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            raise _reworded(self, ctx, error) from None

    def invoke(self, ctx: click.Context) -> Any:
        """Do what the command does; from here on it decides what an interrupt ends."""
        early_interrupts.hand_over()
        return super().invoke(ctx)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples below the options."""
        super().format_epilog(ctx, formatter)
        _format_examples(self.examples, formatter)


class Group(click.Group):
    """A group of commands whose help ends with examples.

    Args:
        examples: command lines, as a user would type them.
        members: the locations of commands below `themis.cli`, by name; each is imported when it is used.
    """

    command_class = Command

    def __init__(
        self,
        name: str | None = None,
        *,
        examples: Sequence[str] = (),
        members: Mapping[str, str] = MappingProxyType({}),
        **options: Any,
    ) -> None:
        super().__init__(name, **{"context_settings": _HELP, **options})
        self.examples = examples
        self.members = members

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, in alphabetical order."""
        return sorted([*super().list_commands(ctx), *self.members])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command with a name; None if there is none."""
        if cmd_name not in self.members:
            return super().get_command(ctx, cmd_name)
        module, _, attribute = self.members[cmd_name].partition(":")
        return cast("click.Command", getattr(importlib.import_module(f"themis.cli.{module}"), attribute))

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples below the commands."""
        super().format_epilog(ctx, formatter)
        _format_examples(self.examples, formatter)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the words before a command; what is not understood gets a hint."""
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            raise _reworded(self, ctx, error) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands, each with the first sentence of its help in full."""
        names = self.list_commands(ctx)
        found = [(name, self.get_command(ctx, name)) for name in names]
        shown = [(name, one.get_short_help_str(_NO_LIMIT)) for name, one in found if one is not None and not one.hidden]
        if shown:
            with formatter.section("Commands"):
                formatter.write_dl(shown)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the first word names; an error suggests the nearest name."""
        name = args[0]
        if self.get_command(ctx, name) is None and not name.startswith("-"):
            from themis.core.text.nearest import nearest_hint

            known = self.list_commands(ctx)
            if ctx.parent is not None and name.endswith((".yaml", ".yml", ".toml")):
                message = f"name a command before {name}: {', '.join(known)}"
            else:
                message = f"no command {name!r}{nearest_hint(name, known)}"
            raise click.UsageError(message, ctx)
        return super().resolve_command(ctx, args)


def _format_examples(examples: Sequence[str], formatter: click.HelpFormatter) -> None:
    if examples:
        with formatter.section("Examples" if len(examples) > 1 else "Example"):
            for example in examples:
                formatter.write(f"{'':{formatter.current_indent}}{example}\n")


def _reworded(command: click.Command, ctx: click.Context, error: click.UsageError) -> click.UsageError:
    from themis.cli.usage.mistyped import reworded

    return reworded(command, ctx, error)
