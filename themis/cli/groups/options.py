"""`--sweep`, `--sweep-file` and `--group`: many runs from one config file, and the group that they are in."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from themis.cli.offers import values

Function = TypeVar("Function", bound=Callable[..., Any])


def sweep_options(function: Function) -> Function:
    """Add `--sweep`, `--sweep-file` and `--group`, which become `sweeps`, `sweep_file` and `group`."""
    grouped = click.option(
        "--group",
        metavar="NAME",
        help="The group that the runs are in; a sweep always makes one.  [default: group in the sweep's file, else the "
        "name in the config file, else that of the file]",
    )(function)
    from_file = click.option(
        "--sweep-file",
        type=click.Path(path_type=Path),
        metavar="FILE",
        shell_complete=values.config_files,
        help="A run for each row of a YAML file: the product of `rows`, without `exclude`, and with `include`.",
    )(grouped)
    return click.option(
        "--sweep",
        "sweeps",
        multiple=True,
        metavar="KEY.PATH=A,B",
        help="A run for each value of a key of the config file; the values are the items of a YAML list. May be "
        "repeated, for the product.",
    )(from_file)
