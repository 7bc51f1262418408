"""The `themis` command: all command names with a line of help; a command's module is imported when it is called."""

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
        "quick-eval": ("quick_eval:quick_eval", "Put a question, or a file of them, to a model and score the answers."),
        "init": ("init:init", "Write a small working experiment to start from."),
        "model": ("begin.model_check:model", "Ask the model of an experiment once, and say what to mend."),
        "prompt": ("begin.prompt:prompt", "Show what a model would be sent about a case."),
        "catalog": ("catalog.commands:catalog", "List named benchmarks and components, show and check benchmarks."),
        "config": ("config:config", "Check a config file, show it, or print its schema."),
    },
    "Run and submit": {
        "run": ("run:run", "Run an experiment in this process."),
        "submit": ("submit:submit", "Submit an experiment to the queue, or write a batch request."),
        "worker": ("worker.commands:worker", "Run submitted experiments."),
        "batch": ("batch:batch", "Run a batch request."),
        "resume": ("run:resume", "Continue an interrupted run."),
        "replay": ("stored.replay:replay", "Parse and score stored answers again, without asking a model."),
    },
    "Inspect": {
        "status": ("status:status", "Show the progress and the scores of runs."),
        "list": ("stored.list:list_runs", "List the stored runs, by name, label, state or dataset."),
        "quickcheck": ("stored.quickcheck:quickcheck", "Print counts, means and scores of a run."),
        "report": ("report:report", "Print a run's result as JSON, Markdown, CSV or LaTeX."),
        "inspect": ("inspect:inspect", "Print the snapshot of a run, or its stored state."),
        "compare": ("stored.compare:compare", "Say whether a run scores higher than another, and how sure that is."),
        "gate": ("stored.gate:gate", "Decide by a policy whether a model may be released."),
        "judge": ("stored.judge:judge", "Compare the verdicts of a judge with labels that people gave."),
        "score": (
            "stored.score:score",
            "Correct scores, and keep labels of people, beside what was measured.",
        ),
        "diff": ("stored.diff:diff", "Say why two runs have different ids, and what one uses of the other."),
        "export": ("stored.export:export", "Print the results of a stage as a bundle for another store."),
        "estimate": ("begin.estimate:estimate", "Print the tasks and tokens of a run, and what it would show."),
    },
    "The queue": {
        "queue": ("queue.commands:queue", "List, cancel, retry and prune jobs; pause, watch and repair a queue."),
        "limits": ("limits:limits", "Show and set how much the providers of models are asked."),
    },
}
"""By section and name: the location of a command below `themis.cli`, and its line in the help."""

_COMMANDS = {name: entry for section in SECTIONS.values() for name, entry in section.items()}


class LazyGroup(Group):
    """The commands of `SECTIONS`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, in the order of the help."""
        del ctx
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command with a name; None if there is none."""
        del ctx
        if cmd_name not in _COMMANDS:
            return None
        module, _, attribute = _COMMANDS[cmd_name][0].partition(":")
        found: click.Command = getattr(importlib.import_module(f"themis.cli.{module}"), attribute)
        return found

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
