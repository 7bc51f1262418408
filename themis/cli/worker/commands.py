"""The commands of `themis worker`; `start` is the default."""

import click

from themis.cli.command import Group
from themis.cli.worker.health import health
from themis.cli.worker.list import list_workers, stop
from themis.cli.worker.run import run
from themis.cli.worker.start import start


class StartsByDefault(Group):
    """A group of commands with `start` as the default."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Add `start` if no command is named."""
        if not args or (args[0].startswith("-") and args[0] not in ctx.help_option_names):
            args = ["start", *args]
        return super().parse_args(ctx, args)


@click.group(
    "worker", cls=StartsByDefault, examples=["themis worker --slots 2", "themis worker run", "themis worker list"]
)
def worker() -> None:
    """Run submitted experiments. Without a command: start."""


for member in (start, run, list_workers, stop, health):
    worker.add_command(member)
