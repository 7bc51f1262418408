"""The `themis` command; the module of a command below it is imported when it is called."""

import gc
import io
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from themis.cli import errors
from themis.cli.help.sections import COMMANDS, QUESTION_VARIABLE, SECTIONS
from themis.cli.terminal import streams
from themis.cli.usage.with_examples import Group

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


class AllCommands(Group):
    """The commands of `COMMANDS`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, in the order of the help; those that it does not list come last."""
        del ctx
        return list(COMMANDS)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> "list[CompletionItem[str]]":
        """The listed commands that begin so, without importing them; options if that is what begins."""
        from click.shell_completion import CompletionItem

        listed = {name: about for section in SECTIONS.values() for name, (_, about) in section.items()}
        found = [CompletionItem(name, help=about) for name, about in listed.items() if name.startswith(incomplete)]
        return found + click.Command.shell_complete(self, ctx, incomplete)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write one list per section."""
        del ctx
        for title, commands in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name, about) for name, (_, about) in commands.items()])


def _show_version(ctx: click.Context, parameter: click.Parameter, value: Any) -> None:
    del parameter
    if value:
        from themis.core.components.provenance import themis_version

        click.echo(f"themis {themis_version()}")
        ctx.exit()


@click.group(
    "themis",
    cls=AllCommands,
    members={name: place for name, (place, _) in COMMANDS.items()},
    examples=[
        "themis demo",
        "themis run experiment.yaml",
        "themis submit experiment.yaml",
        "themis help submit",
    ],
)
@click.option(
    "-V", "--version", is_flag=True, is_eager=True, expose_value=False, callback=_show_version, help="Show the version."
)
def cli() -> None:
    """Evaluate language models: run an experiment now, or submit it and walk away."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line and return the exit code. Nothing is raised.

    Args:
        arguments: the arguments without the program's name; None for those of this process.
    """
    if arguments is None:
        streams.occupy_closed()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a report may have characters that a terminal lacks
    if arguments is not None:
        return _run(arguments)
    if QUESTION_VARIABLE in os.environ:
        from themis.cli.help.completion import answer

        return answer(cli)
    code = _run(sys.argv[1:])
    gc.freeze()  # the process ends now: a last garbage collection would take at least 20 ms
    return code


def _run(words: Sequence[str]) -> int:
    try:
        with cli.make_context("themis", list(words)) as context:
            code = cli.invoke(context)
            streams.flush()
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return error.exit_code
    except BaseException as error:  # noqa: BLE001  # every error becomes a line here
        return errors.report(error)
    return code if isinstance(code, int) else 0
