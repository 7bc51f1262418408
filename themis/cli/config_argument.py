"""CONFIG: the config file of a command that needs one, as an argument or behind `--config`."""

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from themis.cli.offers import values

CONFIG_NAME = "named_config"
"""Name of the parameter that CONFIG is."""

_FILE = click.Path(path_type=Path)
_OFFERED: dict[str, Any] = {"shell_complete": values.config_files}
_HELP = "The experiment: a YAML or TOML file; the same as CONFIG."


def config_argument(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add CONFIG and `--config`, of which one must be given, together as the argument `config`."""

    @functools.wraps(function)
    def with_config(*, config: Path | None, named_config: Path | None, **others: Any) -> Any:
        return function(config=_only([named_config, config]), **others)

    return _added(with_config)


def optional_config_argument(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add CONFIG and `--config`, of which one may be given, together as the argument `config`."""

    @functools.wraps(function)
    def with_config(*, config: Path | None, named_config: Path | None, **others: Any) -> Any:
        is_given = config is not None or named_config is not None
        return function(config=_only([named_config, config]) if is_given else None, **others)

    return _added(with_config)


def config_arguments(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add any number of CONFIG, and `--config`, of which one must be given, together as the argument `configs`."""

    @functools.wraps(function)
    def with_configs(*, named_config: Sequence[Path], config: Sequence[Path], **others: Any) -> Any:
        found = tuple(dict.fromkeys((*named_config, *config)))
        if not found:
            raise _missing()
        return function(configs=found, **others)

    return _added(with_configs, several=True)


def _added(function: Callable[..., Any], *, several: bool = False) -> Callable[..., Any]:
    function = click.option("--config", type=_FILE, metavar="FILE", multiple=several, help=_HELP, **_OFFERED)(function)
    name = "CONFIG..." if several else "CONFIG"
    # Not required, as `--config` stands for it; shown as if it were, since one of both is.
    count = -1 if several else 1
    named = click.argument(CONFIG_NAME, nargs=count, required=False, type=_FILE, metavar=name, **_OFFERED)
    return named(function)


def _only(given: Sequence[Path | None]) -> Path:
    found = [path for path in given if path is not None]
    if not found:
        raise _missing()
    if len(found) > 1:
        message = f"give {found[0]} or --config, not both"
        raise click.UsageError(message, click.get_current_context())
    return found[0]


def _missing() -> click.UsageError:
    context = click.get_current_context()
    message = f"name the config file, as in: {context.command_path} experiment.yaml"
    return click.UsageError(message, context)
