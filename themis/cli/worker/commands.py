"""The commands of `themis worker`; `start` is the default."""

import click

from themis.cli.usage.with_examples import Group

MEMBERS = {
    "start": "worker.start:start",
    "run": "worker.run:run",
    "list": "worker.list:list_workers",
    "stop": "worker.list:stop",
    "health": "worker.health:health",
}


class StartsByDefault(Group):
    """A group of commands with `start` as the default."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Add `start` if no command is named."""
        if not args or (args[0].startswith("-") and args[0] not in ctx.help_option_names):
            args = ["start", *args]
        return super().parse_args(ctx, args)


@click.group(
    "worker",
    cls=StartsByDefault,
    examples=["themis worker --slots 2", "themis worker run", "themis worker list"],
    members=MEMBERS,
)
def worker() -> None:
    """Run submitted experiments. Without a command: start."""
