"""`themis help`: the help of a command, as `--help` behind it prints it."""

from collections.abc import Sequence

import click

from themis.cli.command import command


@command("help", "themis help", "themis help run", "themis help queue list")
@click.argument("words", nargs=-1, metavar="[COMMAND]...")
@click.pass_context
def help_on(context: click.Context, *, words: Sequence[str]) -> None:
    """Show the help of a command; without one, the list of all commands."""
    here = context.find_root()
    for word in words:
        group = here.command
        if not isinstance(group, click.Group):
            message = f"{here.command_path} has no commands below it"
            raise click.UsageError(message, here)
        name, found, _ = group.resolve_command(here, [word])
        if found is None:
            message = f"no command {word!r}"
            raise click.UsageError(message, here)
        here = click.Context(found, info_name=name, parent=here)
    click.echo(here.get_help(), color=here.color)
