"""Slurm as an engine: `sbatch` starts workers, `squeue` knows them, `scancel` ends them.

The size of a fleet is adjusted by `scale`, which cron calls: it needs no process that stays.
"""

import re
import socket
from collections.abc import Iterator
from pathlib import Path

from themis.core.errors import FleetError
from themis.fleet.engine import Ended, FleetStatus, PlacedWorker, Started
from themis.fleet.programs import run
from themis.fleet.reaching import check_reachable
from themis.fleet.sizing import demand_of, missing, why_none
from themis.fleet.slurm.script import batch_script, job_name
from themis.fleet.spec import FleetSpec

_WHAT_TO_DO = {
    "advice": "fleets on Slurm are started where Slurm's commands are, usually on a login node",
    "no_cluster": "fleets on Slurm are started where Slurm is set up, usually on a login node",
}
_FORMAT = "%i|%T|%N|%r|%M"
_ENDED = frozenset(
    {"boot_fail", "cancelled", "completed", "deadline", "failed", "node_fail", "out_of_memory", "preempted", "timeout"}
)
_NO_TEXT = frozenset({"", "None", "(null)"})
_OPTION = re.compile(r"(?:--)?[a-z][a-z-]*")
_OURS = frozenset({"array", "job-name", "signal", "parsable", "wrap"})


class SlurmEngine:
    """Slurm, by the programs on this machine."""

    name = "slurm"

    def text(self, spec: FleetSpec) -> str:
        """Return the batch script of the largest array."""
        _check(spec)
        return batch_script(spec, spec.maximum, lasting=spec.minimum == spec.maximum)

    def up(self, spec: FleetSpec) -> Started:
        """Submit the workers that are missing now."""
        started, why_not = self._started(spec)
        if spec.minimum == spec.maximum:
            return started
        hint = "the fleet grows when `themis fleet scale` is called again with the same options, each minute by cron"
        return Started(started.submitted, started.workers, (hint,) if why_not is None else (why_not, hint))

    def scale(self, spec: FleetSpec) -> Started:
        """Submit the workers that are missing: an array of those that stay, and one of those that end without work."""
        return self._started(spec)[0]

    def _started(self, spec: FleetSpec) -> tuple[Started, str | None]:
        """Submit the workers that are missing; return them, and why there are none."""
        _check(spec)
        if isinstance(spec.place, Path):
            check_reachable(spec.place, "Slurm", other_nodes=_other_nodes())
        there = self.status(spec.name).active
        demand = demand_of(spec)
        add = missing(spec, demand, there)
        parts = [(add.lasting, True), (add.passing, False)]
        submitted = [_submit(batch_script(spec, count, lasting=lasting)) for count, lasting in parts if count]
        return Started(tuple(submitted), add.workers), why_none(spec, demand, there)

    def status(self, name: str) -> FleetStatus:
        """Return the elements of the fleet's arrays."""
        words = ["squeue", "--noheader", "--array", "--me", "--states=all", f"--name={job_name(name)}"]
        printed = run("Slurm", [*words, f"--format={_FORMAT}"], **_WHAT_TO_DO)
        return FleetStatus(tuple(_workers(printed)))

    def down(self, name: str, *, now: bool) -> Ended:
        """Withdraw elements that wait, and ask those that run to end."""
        workers = [worker for worker in self.status(name).workers if worker.active]
        waiting = tuple(worker.id for worker in workers if worker.node is None)
        running = tuple(worker.id for worker in workers if worker.node is not None)
        if waiting:
            # Those alone that still wait when Slurm looks: others have a worker to end in order.
            run("Slurm", ["scancel", "--quiet", "--state=PENDING", *waiting], **_WHAT_TO_DO)
        if running:
            how = [] if now else ["--batch", "--signal=USR2"]
            run("Slurm", ["scancel", "--quiet", *how, *running], **_WHAT_TO_DO)
        return Ended(waiting, running)


def _check(spec: FleetSpec) -> None:
    for name, value in spec.engine_options.items():
        option = name.removeprefix("--")
        if not _OPTION.fullmatch(name) or "\n" in value:
            detail = f"{name} is not an option of sbatch, as in --engine-option partition=gpu"
            raise FleetError(fleet=spec.name, detail=detail)
        if option in _OURS:
            raise FleetError(fleet=spec.name, detail=f"--{option} of sbatch is decided by the fleet itself")


def _submit(script: str) -> str:
    """Submit a script; return the number of its job."""
    return run("Slurm", ["sbatch", "--parsable"], **_WHAT_TO_DO, text=script).strip().partition(";")[0]


def _other_nodes() -> set[str]:
    """Return the nodes of the cluster that are not this machine."""
    printed = run("Slurm", ["sinfo", "--noheader", "--Node", "--format=%N"], **_WHAT_TO_DO)
    return {name for name in printed.split() if name != socket.gethostname().partition(".")[0]}


def _workers(printed: str) -> Iterator[PlacedWorker]:
    for line in printed.splitlines():
        fields = line.split("|")
        if len(fields) != _FORMAT.count("|") + 1:
            continue
        element, state, node, why, since = (field.strip() for field in fields)
        state = state.lower()
        yield PlacedWorker(
            element,
            state,
            state not in _ENDED,
            None if node in _NO_TEXT else node,
            None if why in _NO_TEXT else why,
            since,
        )
