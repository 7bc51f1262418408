"""Options of the commands of `themis fleet`, and what they stand for."""

import functools
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from themis.cli.command import QueuePlace, Words, queue_place
from themis.cli.terminal.key_value import KeyValue
from themis.fleet.engines import NAMES
from themis.fleet.spec import DEFAULT_NAME, MAX_IDLE_S, MOST_WORKERS, FleetSpec

_COUNT = click.IntRange(0, MOST_WORKERS)
_ONE = click.IntRange(1, MOST_WORKERS)

# By field of `FleetSpec`.
_OF_SPEC: tuple[tuple[str, dict[str, Any]], ...] = (
    ("--min minimum", {"type": _COUNT, "default": 0, "metavar": "N", "help": "Workers that stay without work."}),
    ("--max maximum", {"type": _ONE, "metavar": "N", "help": "Workers at most.  [default: --min, at least 1]"}),
    ("--tags tags", {"type": Words(), "default": (), "metavar": "A,B", "help": "Also take jobs that need these tags."}),
    ("--gpus gpus", {"type": _COUNT, "default": 0, "metavar": "N", "help": "GPUs of each worker."}),
    ("--cpus cpus", {"type": _ONE, "metavar": "N", "help": "Cores of each worker.  [default: one per slot]"}),
    ("--memory memory_mb", {"type": click.IntRange(1), "metavar": "MIB", "help": "Memory of each worker."}),
    ("--slots slots", {"type": _ONE, "metavar": "N", "help": "Jobs at a time.  [default: one per GPU, else 1]"}),
    (
        "--version-mismatch version_mismatch",
        {
            "type": click.Choice(["run", "refuse"]),
            "default": "run",
            "help": "Whether to run jobs that were submitted with other versions.  [default: run]",
        },
    ),
    (
        "--max-idle max_idle_s",
        {
            "type": click.FloatRange(1),
            "default": MAX_IDLE_S,
            "metavar": "SECONDS",
            "help": f"A worker above --min ends after this time without a job.  [default: {MAX_IDLE_S:g}]",
        },
    ),
)
_OF_ENGINES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("--namespace namespace", {"metavar": "NAME", "help": "Kubernetes: the namespace.  [default: the context's]"}),
    ("--image image", {"metavar": "IMAGE", "help": "Kubernetes: the image.  [default: themis:VERSION]"}),
    (
        "--secret secret",
        {"metavar": "NAME", "help": "Kubernetes: the Secret with addresses and keys.  [default: themis-credentials]"},
    ),
    (
        "--address address",
        {"metavar": "ADDRESS", "help": "Ray: the cluster.  [default: $RAY_ADDRESS, else the local one]"},
    ),
)


def on_engine(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--on`, `--name` and the options of single engines: arguments `engine` and `fleet`."""

    @functools.wraps(function)
    def with_engine(*, on: str, fleet: str, **others: Any) -> Any:
        from themis.fleet.engines import engine_named
        from themis.fleet.spec import check_name

        check_name(fleet)
        own = {words.split()[-1]: others.pop(words.split()[-1]) for words, _ in _OF_ENGINES}
        return function(engine=engine_named(on, fleet, **own), fleet=fleet, **others)

    for words, details in reversed(_OF_ENGINES):
        with_engine = click.option(*words.split(), **details)(with_engine)
    with_engine = click.option(
        "--name", "fleet", default=DEFAULT_NAME, metavar="NAME", help=f"The fleet's name.  [default: {DEFAULT_NAME}]"
    )(with_engine)
    return click.option("--on", type=click.Choice(NAMES), required=True, help="What places the workers.")(with_engine)


def spec_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that describe a fleet, as one argument `spec`; to be used below `on_engine`."""

    @functools.wraps(function)
    def with_spec(*, place: QueuePlace, fleet: str, engine_options: Sequence[tuple[str, str]], **others: Any) -> Any:
        given = {words.split()[-1]: others.pop(words.split()[-1]) for words, _ in _OF_SPEC}
        return function(spec=_spec(place, fleet, dict(engine_options), given), **others)

    with_options: Callable[..., Any] = with_spec
    with_options = click.option(
        "--engine-option",
        "engine_options",
        type=KeyValue("engine option", "partition=gpu"),
        multiple=True,
        metavar="KEY=VALUE",
        help="Slurm: an option of sbatch, as partition=gpu. Kubernetes: a label of nodes. Ray: a resource, as tpu=1. "
        "May be repeated.",
    )(with_options)
    for words, details in reversed(_OF_SPEC):
        with_options = click.option(*words.split(), **details)(with_options)
    return queue_place(with_options)


def _spec(place: QueuePlace, fleet: str, engine_options: Mapping[str, str], given: dict[str, Any]) -> FleetSpec:
    from themis.cli.targets import find_queue_root

    if given["maximum"] is None:
        given["maximum"] = max(1, given["minimum"])
    return FleetSpec(fleet, find_queue_root(*place), engine_options=engine_options, command=_themis_here(), **given)


def _themis_here() -> tuple[str, ...]:
    """How this installation of Themis is called, on every machine that sees it."""
    script = Path(sys.executable).parent / "themis"
    return (str(script),) if script.exists() else (sys.executable, "-m", "themis")
