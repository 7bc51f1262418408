"""`themis completion`: the script by which a shell completes command lines, and its questions while somebody types."""

import os

import click

from themis.cli.command import command
from themis.cli.help.sections import QUESTION_VARIABLE
from themis.cli.terminal import streams
from themis.cli.terminal.output import note

_PROGRAM = "themis"
_PLACES = {
    "bash": ('eval "$(themis completion bash)"', "~/.bashrc"),
    "zsh": ('eval "$(themis completion zsh)"', "~/.zshrc, below compinit"),
    "fish": ("themis completion fish | source", "~/.config/fish/config.fish"),
}
"""By shell: the line that turns completion on, and the file that it belongs in."""


@command(
    "completion",
    'eval "$(themis completion bash)"',
    "themis completion fish > ~/.config/fish/completions/themis.fish",
)
@click.argument("shell", type=click.Choice(list(_PLACES)))
@click.pass_context
def completion(context: click.Context, *, shell: str) -> None:
    """Print the script that lets a shell complete commands, options, config files, names and ids of runs, and more.

    In bash: eval "$(themis completion bash)", in ~/.bashrc. In zsh the same with zsh, in ~/.zshrc below compinit. In
    fish: themis completion fish | source, in ~/.config/fish/config.fish.
    """
    from click.shell_completion import ShellComplete, get_completion_class

    found = get_completion_class(shell)
    assert found is not None  # noqa: S101  # the choice has only shells that click knows
    maker = found(context.find_root().command, {}, _PROGRAM, QUESTION_VARIABLE)
    streams.write(ShellComplete.source(maker))  # bash's own would start bash to look at its version
    if streams.results().isatty():
        line, file = _PLACES[shell]
        note(f"to turn completion on, put this line into {file}: {line}")


def answer(cli: click.Group) -> int:
    """Print the completions that a shell's script asks for; whatever goes wrong, there are none, and no message."""
    from click.shell_completion import get_completion_class

    from themis.core.errors import ThemisError

    shell, _, _ = os.environ[QUESTION_VARIABLE].partition("_")
    kind = get_completion_class(shell)
    if kind is None:
        return 1
    try:
        text = kind(cli, {}, _PROGRAM, QUESTION_VARIABLE).complete()
        streams.write(f"{text}\n")
        streams.flush()
    except (click.ClickException, click.exceptions.Exit, ThemisError, OSError, ValueError, KeyError):
        return 1
    return 0
