"""Batch script of workers in Slurm: a header for `sbatch`, the worker's options, and the shell around a worker."""

import shlex
from importlib.resources import files

from themis.fleet.spec import FleetSpec
from themis.fleet.worker_words import STOP_S, gives_devices, worker_words

JOB_PREFIX = "themis-"
_COMMAND_WORDS = 2  # `worker start`, which the shell around the worker says itself


def job_name(fleet: str) -> str:
    """Return the name of a fleet's jobs in Slurm."""
    return f"{JOB_PREFIX}{fleet}"


def batch_script(spec: FleetSpec, count: int, *, lasting: bool) -> str:
    """Return the script of an array of workers.

    Args:
        spec: the fleet.
        count: number of workers.
        lasting: whether they stay without work.
    """
    header = "".join(
        f"#SBATCH --{name}{'' if value is None else f'={value}'}\n" for name, value in _header(spec, count)
    )
    options = shlex.join(worker_words(spec, lasting=lasting)[_COMMAND_WORDS:])
    unique = '"${SLURM_ARRAY_JOB_ID:-$SLURM_JOB_ID}-${SLURM_ARRAY_TASK_ID:-0}-${SLURM_RESTART_COUNT:-0}"'
    return (
        f"#!/usr/bin/env bash\n{header}set -euo pipefail\n\n"
        f"themis=({shlex.join(spec.command)})\n"
        f"options=({options} --name {shlex.quote(spec.workers_begin)}{unique})\n"
        f"devices={'yes' if gives_devices(spec) else ''}\n\n"
        f"{files(__package__).joinpath('worker.sh').read_text(encoding='utf-8')}"
    )


def _header(spec: FleetSpec, count: int) -> list[tuple[str, str | None]]:
    """Return the options of `sbatch`; those that a person gives come last, and decide."""
    options: dict[str, str | None] = {
        "job-name": job_name(spec.name),
        "array": f"0-{count - 1}",
        "nodes": "1",
        "ntasks": "1",
        "cpus-per-task": str(spec.cores),
        "requeue": None,
        "open-mode": "append",
        "output": f"{job_name(spec.name)}-%A_%a.log",
        # To the batch script, and nothing else, as long before the time limit as a worker takes to stop.
        "signal": f"B:USR1@{STOP_S}",
    }
    if spec.gpus:
        options["gres"] = f"gpu:{spec.gpus}"
    if spec.memory_mb is not None:
        options["mem"] = f"{spec.memory_mb}M"
    return list((options | {name.removeprefix("--"): value for name, value in spec.engine_options.items()}).items())
