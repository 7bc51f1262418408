"""`themis worker list` and `stop`: list the workers of a queue, and ask them to end."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from themis.cli import errors
from themis.cli.command import command, json_option, queue_options
from themis.cli.offers import values
from themis.cli.targets import find_queue_root, workers_of_queue
from themis.cli.terminal import colours, streams
from themis.cli.terminal.fitted_table import Column, say_table_fitted
from themis.cli.terminal.output import emit, how_long, local_time, note, say
from themis.cli.terminal.prose import say_text
from themis.cli.terminal.time_options import Seconds

if TYPE_CHECKING:
    from themis.core.queue.folder.worker_registry import SeenWorker
    from themis.core.queue.model.queue_place import Place
    from themis.core.queue.port import Workers

LOOK_EVERY_S = 0.2
_NS = 1e9
_SEE_LIST = "; themis worker list shows all workers"
_WORKERS = (
    Column("worker", drop=1, below=True, bare=True),
    Column("host", drop=20),
    Column("pid", right=True, drop=15),
    Column("state", style=colours.of_state),
    Column("slots", right=True),
    Column("claimed", right=True, drop=4, below=True),
    Column("ended", drop=3, below=True, bare=True),
    Column("since", drop=30),
    Column("heartbeat", drop=2, below=True),
    Column("tags", least=8, drop=10, below=True),
)
_LIMITS = (
    Column("worker", drop=5),
    Column("slot", right=True, drop=4),
    Column("provider", drop=2, below=True, bare=True),
    Column("limit"),
    Column("in flight", right=True, drop=1, below=True),
    Column("waiting", right=True, drop=3, below=True),
    Column("why", drop=6, below=True, bare=True, lines=2),
)
_RUNS = (
    Column("worker", drop=4),
    Column("slot", right=True, drop=5),
    Column("job"),
    Column("run", drop=20),
    Column("name", drop=3, below=True, bare=True, yields=True),
    Column("attempt", right=True, drop=10),
    Column("cases", right=True),
    Column("failed", right=True, drop=1, below=True),
    Column("pid", right=True, drop=15),
    Column("for", drop=2, below=True),
)


@command("list", "themis worker list", "themis worker list --json", "themis worker list --forget-dead")
@queue_options
@click.option("--forget-dead", is_flag=True, help="Remove the files of dead workers of this host.")
@json_option
def list_workers(
    *, queue_root: "Place | None", config: Path | None, overrides: Sequence[str], forget_dead: bool, as_json: bool
) -> None:
    """List the workers of a queue, and the job of each slot.

    A worker that was killed leaves its file behind; it is marked as dead until it starts again or is forgotten.
    """
    from themis.core.monitor.workers import start_one

    root = find_queue_root(queue_root, config, overrides)
    with workers_of_queue(root) as workers:
        if forget_dead:
            workers.forget_dead()
        seen = workers.seen()
    if as_json:
        emit({"queue_root": str(root), "workers": [worker.document() for worker in seen]})
    elif seen:
        _show(seen, root)
    else:
        note(f"no worker is registered at {root}; {start_one(root)}")


@command("stop", "themis worker stop gpu-1", "themis worker stop --all --wait 600")
@click.argument("names", nargs=-1, metavar="[NAME]...", shell_complete=values.workers)
@click.option("--all", "stop_all", is_flag=True, help="Every live worker.")
@click.option(
    "--wait",
    "wait_s",
    type=Seconds(),
    metavar="S",
    help="Wait up to S seconds until they have ended; exits with 124 when one has not.",
)
@queue_options
def stop(
    *,
    names: Sequence[str],
    stop_all: bool,
    wait_s: float | None,
    queue_root: "Place | None",
    config: Path | None,
    overrides: Sequence[str],
) -> int:
    """Ask workers to take no more jobs, and to end when their runs have ended."""
    if bool(names) == stop_all:
        message = "name the workers to stop, or give --all, not both" if names else "name the workers to stop, or --all"
        raise click.UsageError(message, click.get_current_context())
    root = find_queue_root(queue_root, config, overrides)
    with workers_of_queue(root) as workers:
        seen = {worker.report.worker: worker.alive for worker in workers.seen()}
        _refuse_unknown(names, seen)
        asked = [name for name in seen if seen[name] and (stop_all or name in names)]
        workers.request_stop(asked)
        left = asked if wait_s is None else _wait(workers, asked, wait_s)
    emit({"asked": asked, "stopped": [name for name in asked if name not in left], "left": left})
    if wait_s is None and asked and streams.has_terminal():
        note("they end when their runs have ended; --wait S waits for that")
    for name in names:
        if not seen[name]:
            note(f"worker {name} is already dead")
    if stop_all and not asked:
        note(f"no worker is running at {root}")
    if wait_s is not None and left:
        note(f"after {how_long(wait_s)} still there: {', '.join(left)}; they end when their runs have ended")
        return errors.TIMED_OUT
    return 0


def ended_by_cause(worker: "SeenWorker") -> str:
    """The number of a worker's ended attempts by cause, in words."""
    return ", ".join(f"{count:,} {cause}" for cause, count in (worker.report.ended or {}).items())


def _refuse_unknown(names: Sequence[str], known: dict[str, bool]) -> None:
    from themis.core.errors import WorkerNameError
    from themis.core.text.nearest import nearest_hint

    for name in names:
        if name not in known:
            raise WorkerNameError(
                name=name, detail=f"no worker of this queue has that name{nearest_hint(name, known) or _SEE_LIST}"
            )


def _wait(workers: "Workers", names: Sequence[str], wait_s: float) -> list[str]:
    """Wait until these workers have ended; returns those that are still running after `wait_s`."""
    patient_until = time.monotonic() + wait_s
    while True:
        alive = {worker.report.worker for worker in workers.seen() if worker.alive}
        left = [name for name in names if name in alive]
        if not left or time.monotonic() >= patient_until:
            return left
        time.sleep(LOOK_EVERY_S)


def _show(workers: "Sequence[SeenWorker]", root: "Place") -> None:
    from themis.core.monitor.job_runs import runs_of_jobs

    keys = [slot.key for worker in workers if worker.alive for slot in worker.report.slots if slot.key is not None]
    named = {key: run.name for key, run in runs_of_jobs(root, keys).items()} if keys else {}
    now_ns = time.time_ns()
    rows = [
        (
            worker.report.worker,
            worker.report.host,
            worker.report.pid,
            worker.state,
            f"{worker.busy}/{len(worker.report.slots)}",
            f"{worker.report.claimed:,}",
            ended_by_cause(worker) or None,
            local_time(worker.report.started_ns),
            f"{how_long(max(now_ns - worker.report.heartbeat_ns, 0) / _NS)} ago",
            ", ".join(worker.report.tags) or None,
        )
        for worker in workers
    ]
    say_table_fitted(_WORKERS, rows)
    runs = [
        (
            worker.report.worker,
            slot.slot,
            slot.key,
            slot.run_id[:12] if slot.run_id else None,
            named.get(slot.key),
            slot.attempt,
            f"{slot.done:,}/{slot.total:,}",
            f"{slot.failed:,}",
            slot.pid,
            how_long(max(now_ns - slot.started_ns, 0) / _NS) if slot.started_ns else None,
        )
        for worker in workers
        for slot in worker.report.slots
        if worker.alive and slot.key is not None
    ]
    if runs:
        say()
        say_table_fitted(_RUNS, runs)
    _show_calls(workers)
    for worker in workers:
        if worker.alive and worker.report.why:
            say()
            say_text(f"{worker.report.worker} takes no job: {worker.report.why}")


def _show_calls(workers: "Sequence[SeenWorker]") -> None:
    """Print what the providers that the runs ask bear now, and the calls that have stalled."""
    slots = [(worker.report.worker, slot) for worker in workers if worker.alive for slot in worker.report.slots]
    rows = [
        (name, slot.slot, one.provider, one.limit_text, f"{one.in_flight:,}", f"{one.waiting:,}", one.why)
        for name, slot in slots
        for one in slot.limits
    ]
    if rows:
        say()
        say_table_fitted(_LIMITS, rows)
    for name, slot in slots:
        if slot.stalled is not None:
            say()
            say_text(f"{name}, slot {slot.slot}, has a stalled call: {slot.stalled.text}")
