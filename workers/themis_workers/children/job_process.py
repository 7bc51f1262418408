"""Process of one job: from the order of its supervisor to the report of its end.

Its reports are messages, one per line: its progress now and then, and at its end the outcome of the run, that it was
asked to end and did, or that its claim is lost to another worker. Before any code of the job gets a secret, the
supervisor, and nobody else, is told the secret, to mask it in the log.
"""

import asyncio
import logging
import os
import signal
import threading
import time
import traceback
from typing import NoReturn

from themis.core.engine.calls.blocking import run_to_end
from themis.core.engine.run_options import RunProgress
from themis.core.engine.tracing import tracing_variables
from themis.core.errors import ClaimLostError, ThemisError
from themis.core.jobs.claimed_job import JobOptions, classify, execute_job_async
from themis.core.jobs.environment import inherited_environment, job_environment, named_variables
from themis.core.jobs.payload import read_payload
from themis.core.jobs.precautions import precautions
from themis.core.jobs.store_cache import StoreCache
from themis.core.queue.folder.lease_end import SharedEnd
from themis.core.queue.model import manifest_file
from themis.core.queue.model.manifest_file import Manifest
from themis.core.queue.model.states import AttemptOutcome, Cause
from themis.core.snapshot import RunSnapshot
from themis.core.stores.job_rows import Fence
from themis.core.text import masking
from themis_workers import capabilities, linux
from themis_workers.channel import Channel
from themis_workers.children import standard_streams
from themis_workers.children.open_files import close_from
from themis_workers.messages import (
    MOST_PROVIDERS,
    ClaimLost,
    ProgressReport,
    Report,
    RunEnded,
    RunJob,
    Secret,
    Started,
    Stopped,
    encode,
)

BROKEN = 70
"""Exit code of a job's process that failed outside of the run; EX_SOFTWARE of sysexits.h."""

PROGRESS_S = 0.5

WATCH_S = 0.5
"""Seconds between checks whether the supervisor is alive, where the kernel does not kill this process with it."""

_REPORTS = 3  # the descriptor, beside the standard three


def main(order: RunJob, channel: Channel, pipes: tuple[int, int], watched: int | None, lease: int | None) -> NoReturn:
    """Run the job in this process, which was just forked, and exit.

    Args:
        order: the job to run.
        channel: the supervisor's channel to the worker.
        pipes: write ends for output, and for reports.
        watched: PID of the supervisor, for this process to watch; None where the kernel kills both together.
        lease: descriptor of the memory that says when the claim's lease is over; None without leases.
    """
    os.setsid()
    if watched is None:
        linux.die_with_parent()
    capabilities.name_this_process("themis-job")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})  # its supervisor has blocked it for the fork
    if order.cgroup is not None:
        with open(f"{order.cgroup}/cgroup.procs", "w", encoding="ascii") as file:  # noqa: PTH123
            file.write("0")
    channel.send(Started(os.getpid()))
    end = None if lease is None else SharedEnd(lease)
    prints, reports = pipes
    standard_streams.redirect(prints)
    os.dup2(reports, _REPORTS, inheritable=False)
    close_from(_REPORTS + 1)
    masking.listen(lambda name, value, is_key: _report(Secret(name, value[: masking.MOST_CHARACTERS], is_key)))
    if watched is not None:
        threading.Thread(target=_watch, args=(watched,), name="themis-watch", daemon=True).start()
    try:
        _work(order, end)
        code = 0
    except BaseException:  # noqa: BLE001  # every error must be in the log
        traceback.print_exc()
        code = BROKEN
    standard_streams.flush()
    # Without the interpreter's shutdown: the supervisor kills the threads and processes that a component left running.
    os._exit(code)


def _watch(supervisor: int) -> None:
    """Kill this process and its group when the supervisor, which would do so, has died."""
    while os.getppid() == supervisor:
        time.sleep(WATCH_S)
    os.killpg(os.getpgrp(), signal.SIGKILL)


def _work(order: RunJob, lease: SharedEnd | None) -> None:
    manifest = manifest_file.decode(order.manifest.encode(), order.key, key=order.key)
    progress = RunProgress()
    stores = StoreCache()
    try:
        result = _run(manifest, order, stores, progress, lease)
    finally:
        stores.close()
    _report(ProgressReport(progress.total, progress.done, progress.failed), result)


def _run(
    manifest: Manifest, order: RunJob, stores: StoreCache, progress: RunProgress, lease: SharedEnd | None = None
) -> Report:
    try:
        outcome = run_to_end(_execute(manifest, order, stores, progress, lease), stop_on=(signal.SIGTERM,))
    except asyncio.CancelledError:
        return Stopped()
    except ClaimLostError as error:
        logging.getLogger("themis").error("%s", error)  # noqa: TRY400  # no traceback is needed
        return ClaimLost()
    if outcome.message:
        level = logging.INFO if outcome.cause is Cause.BATCH else logging.ERROR
        logging.getLogger("themis").log(level, "%s: %s", outcome.cause, outcome.message)
    return RunEnded.by(outcome)


async def _execute(
    manifest: Manifest, order: RunJob, stores: StoreCache, progress: RunProgress, lease: SharedEnd | None
) -> AttemptOutcome:
    """Execute the job in its own environment, reporting its progress."""
    try:
        stores(manifest.store)  # by the thread that the run uses it in: each thread has a connection of its own
        store = stores.run_store(manifest.store)
        snapshot = store.load_snapshot(manifest.run_id)
        if snapshot is not None:
            _arrange_environment(manifest, snapshot, order)
    except ThemisError as error:
        return classify(error)
    options = JobOptions(
        allow_modules=order.allow_modules,
        fence=_fence(order, stores, manifest),
        holds_lease=None if lease is None else lambda: not lease.is_over(),
        progress=progress,
        precautions=precautions(order.notes, order.token, order.alone, order.lost),
        enforce_time_limit=False,  # the worker does, even if this process hangs
        snapshot=snapshot,
    )
    reports = asyncio.create_task(_report_progress(progress))
    try:
        return await execute_job_async(manifest, store, options)
    finally:
        reports.cancel()


def _fence(order: RunJob, stores: StoreCache, manifest: Manifest) -> Fence:
    """Return the claim under which the job writes, also by the order of an earlier worker, which says no token."""
    if order.token:
        return Fence(order.key, order.version, order.token)
    row = stores(manifest.store).load(order.key)
    return Fence(order.key, order.version, None if row is None or row.version != order.version else row.token)


def _arrange_environment(manifest: Manifest, snapshot: RunSnapshot, order: RunJob) -> None:
    """Replace the environment of this process by the job's.

    Raises:
        ManifestError, ConfigError: the job's environment is invalid.
    """
    runtime = read_payload(manifest.payload, name=manifest.key).runtime
    inherited = inherited_environment()
    named = named_variables(snapshot, runtime) | tracing_variables(runtime, inherited.variables)
    arranged = job_environment(inherited, runtime, named)
    if order.device is not None:
        arranged["CUDA_VISIBLE_DEVICES"] = order.device
    if withheld := sorted(inherited.variables.keys() - arranged.keys()):
        logging.getLogger("themis").info("withheld, as the experiment does not name them: %s", ", ".join(withheld))
    for name in withheld:
        del os.environ[name]
    for name, value in arranged.items() - inherited.variables.items():
        os.environ[name] = value


async def _report_progress(progress: RunProgress) -> None:
    before: ProgressReport | None = None
    while True:
        await asyncio.sleep(PROGRESS_S)
        found = _progress(progress)
        if found != before:
            _report(found)
            before = found


def _progress(progress: RunProgress) -> ProgressReport:
    return ProgressReport(
        progress.total,
        progress.done,
        progress.failed,
        limits=progress.limits()[:MOST_PROVIDERS],
        stalled=progress.stalled(),
    )


def _report(*reports: Report | Secret) -> None:
    # Each on a line of its own, even if a component has written to the pipe.
    data = b"".join(b"\n" + encode(report) + b"\n" for report in reports)
    while data:
        data = data[os.write(_REPORTS, data) :]
