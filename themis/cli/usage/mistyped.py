"""Better words for a command line that click does not understand."""

import click

from themis.cli.config_argument import CONFIG_NAME
from themis.cli.offers.hints import argument_hint, option_hint


def reworded(command: click.Command, ctx: click.Context, error: click.UsageError) -> click.UsageError:
    """Return the error with what to write instead; one that needs no other words is returned as it is.

    Args:
        command: the command whose words were not understood.
        ctx: of the command.
        error: as click has it.
    """
    if isinstance(error, click.NoSuchOption):
        return _no_such_option(command, ctx, error)
    if isinstance(error, click.MissingParameter) and error.param is not None:
        return _missing(command, ctx, error)
    if type(error) is click.UsageError and error.message.startswith("Got unexpected extra argument"):
        words = error.message.partition("(")[2].removesuffix(")").split()
        return click.UsageError(f"unexpected argument {words[0]!r}{argument_hint(ctx.command_path, words[0])}", ctx)
    return error


def _no_such_option(command: click.Command, ctx: click.Context, error: click.NoSuchOption) -> click.UsageError:
    parameters = command.get_params(ctx)
    known = [name for option in parameters for name in option.opts if name.startswith("-")]
    if isinstance(command, click.Group) and (members := _commands_with(command, ctx, error.option_name)):
        hint = f"; name what to do first: {', '.join(members)}"
    else:
        has_config = any(one.name == CONFIG_NAME for one in parameters)
        hint = option_hint(error.option_name, known, has_config=has_config, command=ctx.command_path)
    return click.UsageError(f"no option {error.option_name!r}{hint}", ctx)


def _commands_with(group: click.Group, ctx: click.Context, option: str) -> list[str]:
    """The commands below a group that have an option; none of `themis` itself, whose commands are imported late."""
    if ctx.parent is None:
        return []
    members = [(name, group.get_command(ctx, name)) for name in group.list_commands(ctx)]
    return [name for name, one in members if one and any(option in parameter.opts for parameter in one.params)]


def _missing(command: click.Command, ctx: click.Context, error: click.MissingParameter) -> click.UsageError:
    """The error about an option or argument that must be given, with an example that has it."""
    kind = "option" if isinstance(error.param, click.Option) else "argument"
    name = error.param.opts[0] if isinstance(error.param, click.Option) else error.param.make_metavar(ctx)  # type: ignore[union-attr]
    examples = [one for one in getattr(command, "examples", ()) if kind == "argument" or f"{name} " in one]
    example = f", as in: {examples[0]}" if examples else ""
    return click.UsageError(f"missing {kind} {name}{example}", ctx)
