"""`themis worker start`: a worker that runs until it is told to end."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from themis.cli.command import Words, command, queue_options
from themis.cli.targets import find_queue_root
from themis.cli.terminal import streams
from themis.cli.terminal.output import FORM_VARIABLE
from themis.core.processes.isolation import CHOICES, current_name

if TYPE_CHECKING:
    from themis.core.queue.model.queue_place import Place
    from themis_workers.telemetry.logs import LogFormat


class _IsolationChoice(click.Choice[str]):
    """The name of an isolation, or a former name."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The present name."""
        return super().convert(current_name(str(value)), param, ctx)


# By field of `WorkerSettings`, which alone defines defaults and bounds.
_OPTIONS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("slots", {"type": int, "metavar": "N", "help": "Experiments at a time.  [default: one per device, else 1]"}),
    ("drain", {"is_flag": True, "default": None, "help": "End when nothing is left in the queue."}),
    ("max-jobs", {"type": int, "metavar": "N", "help": "End after this many experiments."}),
    ("max-idle", {"type": float, "metavar": "SECONDS", "help": "End after this time without an experiment."}),
    ("max-rss", {"type": int, "metavar": "MIB", "help": "End when the worker itself uses this much memory."}),
    ("grace", {"type": float, "metavar": "SECONDS", "help": "Time for runs to end after SIGTERM.  [default: 30]"}),
    (
        "job-grace",
        {"type": float, "metavar": "SECONDS", "help": "Time for one run to end before it is killed.  [default: 10]"},
    ),
    ("tags", {"type": Words(), "metavar": "A,B", "help": "Also take experiments that need these tags."}),
    (
        "devices",
        {"type": Words(), "metavar": "0,1", "help": "Give each slot one of them as its CUDA_VISIBLE_DEVICES."},
    ),
    (
        "allow-modules",
        {"type": Words(), "metavar": "PREFIXES", "help": "The modules that a job may import.  [default: all]"},
    ),
    (
        "version-mismatch",
        {"type": click.Choice(["run", "refuse"]), "help": "Whether to run jobs that another version submitted."},
    ),
    (
        "preemptible",
        {"is_flag": True, "default": None, "help": "The host may be taken away: that is charged to no job at first."},
    ),
    (
        "isolation",
        {
            "type": _IsolationChoice(CHOICES),
            "help": "The means to keep a job from outliving its worker.  [default: auto]",
        },
    ),
    (
        "min-free-mb",
        {"type": int, "metavar": "MIB", "help": "Take no job while the disk has less free.  [default: 64]"},
    ),
    ("log-limit-mb", {"type": int, "metavar": "MIB", "help": "Rotate an attempt's log at this size.  [default: 16]"}),
    (
        "health-file",
        {
            "type": click.Path(path_type=Path),
            "metavar": "FILE",
            "help": "Write each heartbeat to this file, for probes.",
        },
    ),
    ("metrics-port", {"type": int, "metavar": "PORT", "help": "Serve metrics for Prometheus."}),
    ("metrics-address", {"metavar": "ADDRESS", "help": "The address to serve them at.  [default: 127.0.0.1]"}),
    ("metrics-file", {"type": click.Path(path_type=Path), "metavar": "FILE", "help": "Write metrics to this file."}),
    ("hook", {"metavar": "COMMAND", "help": "Run this command when an experiment is done or has failed."}),
    ("webhook", {"metavar": "URL", "help": "POST to this URL when an experiment is done or has failed."}),
)


def _worker_options(function: Callable[..., Any]) -> Callable[..., Any]:
    for name, details in reversed(_OPTIONS):
        function = click.option(f"--{name}", **details)(function)
    return function


def _usual_format() -> str:
    return "words" if streams.has_terminal() and os.environ.get(FORM_VARIABLE) != "json" else "text"


@command(
    "start",
    "themis worker start",
    "themis worker start --slots 4 --queue-root /srv/evals/runs/queue",
    "themis worker start --drain --devices 0,1 --tags gpu",
)
@queue_options
@click.option("--name", metavar="NAME", help="The worker's name.  [default: host and process]")
@_worker_options
@click.option(
    "--settings",
    "settings_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Read options from this TOML file, too; SIGHUP reads it again.",
)
@click.option(
    "--log-format",
    type=click.Choice(["words", "text", "json"]),
    help="The format of messages: words for people, text with name=value.  [default: words on a terminal, else text]",
)
def start(
    *,
    queue_root: "Place | None",
    config: Path | None,
    overrides: Sequence[str],
    name: str | None,
    settings_file: Path | None,
    log_format: str | None,
    **options: Any,
) -> int:
    """Run experiments from the queue, each in a process of its own, until told to end.

    After the first SIGTERM or Ctrl-C, runs have --grace to end, and the rest is given back; the second ends at once.

    Exit codes: 0 it ended by itself, or no run was cut short; 4 with --drain, jobs are left that could not be taken; 5
    runs were stopped and given back; 6 the same, at once; 7 a slot was lost and could not be replaced.
    """
    from themis_workers.daemon import run_worker
    from themis_workers.settings import load_settings

    given = {field: value for field, value in options.items() if value is not None}
    root = find_queue_root(queue_root, config, overrides)
    return int(
        run_worker(
            root,
            lambda: load_settings(given, settings_file),
            name=name,
            log_format=cast("LogFormat", log_format or _usual_format()),
        )
    )
