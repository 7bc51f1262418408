"""`themis worker start`: a worker that goes on until it is told to end."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from themis.cli.command import Words, command, queue_options
from themis.cli.targets import find_queue_root
from themis.core.processes.isolation import CHOICES, current_name


class _IsolationChoice(click.Choice[str]):
    """An isolation, by its name or one that it had before."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Its name."""
        return super().convert(current_name(str(value)), param, ctx)


# By field of `WorkerSettings`, whose defaults and bounds are the only ones.
_OPTIONS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("slots", {"type": int, "metavar": "N", "help": "Experiments at once.  [default: one a device, else 1]"}),
    ("drain", {"is_flag": True, "default": None, "help": "End when nothing is left in the queue."}),
    ("max-jobs", {"type": int, "metavar": "N", "help": "End after so many experiments."}),
    ("max-idle", {"type": float, "metavar": "SECONDS", "help": "End after so long without one."}),
    ("max-rss", {"type": int, "metavar": "MIB", "help": "End when the worker itself uses so much memory."}),
    ("grace", {"type": float, "metavar": "SECONDS", "help": "How long runs may go on after SIGTERM.  [default: 30]"}),
    (
        "job-grace",
        {"type": float, "metavar": "SECONDS", "help": "From asking one run to end to killing it.  [default: 10]"},
    ),
    ("tags", {"type": Words(), "metavar": "A,B", "help": "Serve experiments that ask for these tags, too."}),
    (
        "devices",
        {"type": Words(), "metavar": "0,1", "help": "Each slot gets one of them as its CUDA_VISIBLE_DEVICES."},
    ),
    (
        "allow-modules",
        {"type": Words(), "metavar": "PREFIXES", "help": "The modules that a job may import.  [default: all]"},
    ),
    (
        "version-mismatch",
        {"type": click.Choice(["run", "refuse"]), "help": "What to do with what another version submitted."},
    ),
    (
        "isolation",
        {
            "type": _IsolationChoice(CHOICES),
            "help": "What keeps a job from outliving its worker.  [default: auto]",
        },
    ),
    (
        "min-free-mb",
        {"type": int, "metavar": "MIB", "help": "Take nothing while the disk has less free.  [default: 64]"},
    ),
    ("log-limit-mb", {"type": int, "metavar": "MIB", "help": "Rotate an attempt's log at this size.  [default: 16]"}),
    (
        "health-file",
        {"type": click.Path(path_type=Path), "metavar": "FILE", "help": "Keep this file fresh, for probes."},
    ),
    ("metrics-port", {"type": int, "metavar": "PORT", "help": "Serve metrics for Prometheus."}),
    ("metrics-address", {"metavar": "ADDRESS", "help": "Where to serve them.  [default: 127.0.0.1]"}),
    ("metrics-file", {"type": click.Path(path_type=Path), "metavar": "FILE", "help": "Write metrics to this file."}),
    ("hook", {"metavar": "COMMAND", "help": "Run it when an experiment is done or has failed."}),
    ("webhook", {"metavar": "URL", "help": "POST to it when an experiment is done or has failed."}),
)


def _worker_options(function: Callable[..., Any]) -> Callable[..., Any]:
    for name, details in reversed(_OPTIONS):
        function = click.option(f"--{name}", **details)(function)
    return function


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
    help="Take options from this TOML file, too; read again on SIGHUP.",
)
@click.option(
    "--log-format", type=click.Choice(["text", "json"]), default="text", show_default=True, help="Of what it says."
)
def start(
    *,
    queue_root: Path | None,
    config: Path | None,
    overrides: Sequence[str],
    name: str | None,
    settings_file: Path | None,
    log_format: str,
    **options: Any,
) -> int:
    """Run experiments from the queue, each in a process of its own, until told to end.

    The first SIGTERM or Ctrl-C lets what runs end within --grace, and gives the rest back; the second ends at once.

    Exit codes: 0 it ended by itself, or nothing was cut short; 4 with --drain jobs are left that could not be taken;
    5 runs were stopped and given back; 6 the same, at once; 7 a slot was lost and could not be replaced.
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
            log_format="json" if log_format == "json" else "text",
        )
    )
