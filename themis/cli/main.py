"""The `themis` command: names and a line about each; a command's module is imported when it is called."""

import gc
import importlib
import io
import sys
from collections.abc import Sequence
from typing import Any

import click

from themis.cli import errors
from themis.cli.command import Group
from themis.cli.terminal import streams

SECTIONS: dict[str, dict[str, tuple[str, str]]] = {
    "Begin": {
        "demo": ("demo:demo", "Watch simulated models being evaluated through the queue."),
        "init": ("init:init", "Write a small experiment that runs, to start from."),
        "config": ("config:config", "Check a config file, show it, or print its schema."),
    },
    "Run and submit": {
        "run": ("run:run", "Run an experiment in this process."),
        "submit": ("submit:submit", "Put an experiment into the queue, or write a batch request."),
        "worker": ("worker.commands:worker", "Run what was submitted."),
        "batch": ("batch:batch", "Run a batch request."),
        "resume": ("run:resume", "Go on with a run that was interrupted."),
    },
    "Look": {
        "status": ("status:status", "Show how far runs are, and their scores."),
        "quickcheck": ("run:quickcheck", "Print counts, means and scores of a run."),
        "report": ("report:report", "Print a run's result as JSON, Markdown, CSV or LaTeX."),
        "inspect": ("inspect:inspect", "Print what a run is, or what is stored of it."),
        "estimate": ("run:estimate", "Print the tasks and tokens that a run would take."),
    },
    "The queue": {
        "queue": ("queue.commands:queue", "Look at jobs, cancel, retry, pause and prune; put a queue right."),
    },
}
"""By section and name: where a command is, below `themis.cli`, and its line in the help."""

_COMMANDS = {name: entry for section in SECTIONS.values() for name, entry in section.items()}


class LazyGroup(Group):
    """The commands of `SECTIONS`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, in the order in which the help shows them."""
        del ctx
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a name, imported now."""
        del ctx
        if cmd_name not in _COMMANDS:
            return None
        module, _, attribute = _COMMANDS[cmd_name][0].partition(":")
        found: click.Command = getattr(importlib.import_module(f"themis.cli.{module}"), attribute)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write a list a section."""
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
    cls=LazyGroup,
    examples=[
        "themis demo",
        "themis run --config experiment.yaml",
        "themis submit --config experiment.yaml --mode worker-pool",
    ],
)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_show_version, help="Show the version."
)
def cli() -> None:
    """Evaluate language models: run an experiment now, or submit it and walk away."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what a command line says; returns the exit code. Nothing is raised.

    Args:
        arguments: without the program's name; None for those of this process.
    """
    if arguments is None:
        streams.occupy_closed()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal may know fewer characters than a report has
    if arguments is not None:
        return _run(arguments)
    code = _run(sys.argv[1:])
    gc.freeze()  # the process ends now: to look through everything for garbage once more takes 20 ms and more
    return code


def _run(words: Sequence[str]) -> int:
    try:
        with cli.make_context("themis", list(words)) as context:
            code = cli.invoke(context)
            streams.flush()
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return error.exit_code
    except BaseException as error:  # noqa: BLE001  # here every error becomes a line
        return errors.report(error)
    return code if isinstance(code, int) else 0
