"""Process of one job: from the order of its supervisor to the report of its end.

Its reports are messages, one per line: its progress now and then, and at its end the outcome of the run, that it was
asked to end and did, or that its claim is lost to another worker. Before any code of the job gets a secret, the
supervisor, and nobody else, is told the secret, to mask it in the log.
"""

import asyncio
import contextlib
import faulthandler
import logging
import os
import signal
import sys
import threading
import time
import traceback
from typing import NoReturn

from themis.core.engine.run import RunProgress
from themis.core.errors import ClaimLostError, ThemisError
from themis.core.jobs.claimed_job import JobOptions, classify, execute_job
from themis.core.jobs.environment import job_environment, named_variables
from themis.core.jobs.payload import read_payload
from themis.core.jobs.store_cache import StoreCache
from themis.core.queue.model import manifest_file
from themis.core.queue.model.manifest_file import Manifest
from themis.core.queue.model.states import AttemptOutcome, Cause
from themis.core.snapshot import RunSnapshot
from themis.core.stores.job_rows import Fence
from themis.core.text import masking
from themis_workers import capabilities, linux
from themis_workers.channel import Channel
from themis_workers.children.open_files import close_from
from themis_workers.messages import (
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


def main(order: RunJob, channel: Channel, pipes: tuple[int, int], watched: int | None) -> NoReturn:
    """Run the job in this process, which was just forked, and exit.

    Args:
        order: the job to run.
        channel: the supervisor's channel to the worker.
        pipes: write ends for output, and for reports.
        watched: PID of the supervisor, for this process to watch; None where the kernel kills both together.
    """
    os.setsid()
    if watched is None:
        linux.die_with_parent()
    capabilities.name_this_process("themis-job")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    if order.cgroup is not None:
        with open(f"{order.cgroup}/cgroup.procs", "w", encoding="ascii") as file:  # noqa: PTH123
            file.write("0")
    channel.send(Started(os.getpid()))
    _arrange_descriptors(*pipes)
    masking.listen(lambda name, value, is_key: _report(Secret(name, value[: masking.MOST_CHARACTERS], is_key)))
    if watched is not None:
        threading.Thread(target=_watch, args=(watched,), name="themis-watch", daemon=True).start()
    try:
        _work(order)
        code = 0
    except BaseException:  # noqa: BLE001  # every error must be in the log
        traceback.print_exc()
        code = BROKEN
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):  # a component may have replaced them
            stream.flush()
    # Without the interpreter's shutdown: the supervisor kills the threads and processes that a component left running.
    os._exit(code)


def _arrange_descriptors(prints: int, reports: int) -> None:
    """Close all descriptors but the standard streams and the report pipe; make output line-buffered."""
    os.dup2(prints, 1)
    os.dup2(prints, 2)
    os.dup2(reports, _REPORTS, inheritable=False)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    close_from(_REPORTS + 1)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False)  # noqa: SIM115
    faulthandler.enable()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", force=True)


def _watch(supervisor: int) -> None:
    """Kill this process and its group when the supervisor, which would do so, has died."""
    while os.getppid() == supervisor:
        time.sleep(WATCH_S)
    os.killpg(os.getpgrp(), signal.SIGKILL)


def _work(order: RunJob) -> None:
    manifest = manifest_file.decode(order.manifest.encode(), order.key, key=order.key)
    progress, ended = RunProgress(), threading.Event()
    # A daemon thread, so that it cannot keep this process from ending.
    threading.Thread(target=_report_progress, args=(progress, ended), name="themis-progress", daemon=True).start()
    stores = StoreCache()
    try:
        result = _run(manifest, order, stores, progress)
    finally:
        ended.set()
        stores.close()
    _report(_counts(progress))
    _report(result)


def _run(manifest: Manifest, order: RunJob, stores: StoreCache, progress: RunProgress) -> Report:
    try:
        outcome = _open(manifest, stores)
        if outcome is None:
            store = stores.run_store(manifest.store)
            snapshot = store.load_snapshot(manifest.run_id)
            options = JobOptions(
                allow_modules=order.allow_modules,
                fence=Fence(order.key, order.version),
                progress=progress,
                enforce_time_limit=False,  # the worker does, even if this process hangs
                snapshot=snapshot,
            )
            outcome = None if snapshot is None else _arrange_environment(manifest, snapshot, order)
            outcome = outcome or execute_job(manifest, store, options, stop_on=(signal.SIGTERM,))
    except asyncio.CancelledError:
        return Stopped()
    except ClaimLostError as error:
        logging.getLogger("themis").error("%s", error)  # noqa: TRY400  # no traceback is needed
        return ClaimLost()
    if outcome.message:
        level = logging.INFO if outcome.cause is Cause.BATCH else logging.ERROR
        logging.getLogger("themis").log(level, "%s: %s", outcome.cause, outcome.message)
    return RunEnded.by(outcome)


def _open(manifest: Manifest, stores: StoreCache) -> AttemptOutcome | None:
    """Open the job's store; returns the outcome if that fails."""
    try:
        stores(manifest.store)
    except ThemisError as error:
        return classify(error)
    return None


def _arrange_environment(manifest: Manifest, snapshot: RunSnapshot, order: RunJob) -> AttemptOutcome | None:
    """Replace the environment of this process by the job's; returns the outcome if that fails."""
    try:
        runtime = read_payload(manifest.payload, name=manifest.key).runtime
        arranged = job_environment(os.environ, runtime, named_variables(snapshot, runtime))
    except ThemisError as error:
        return classify(error)
    if withheld := sorted(os.environ.keys() - arranged.keys()):
        logging.getLogger("themis").info("withheld, as the experiment does not name them: %s", ", ".join(withheld))
    if order.device is not None:
        arranged["CUDA_VISIBLE_DEVICES"] = order.device
    for name in withheld:
        del os.environ[name]
    os.environ.update({name: value for name, value in arranged.items() if os.environ.get(name) != value})
    return None


def _report_progress(progress: RunProgress, ended: threading.Event) -> None:
    before: ProgressReport | None = None
    while not ended.wait(PROGRESS_S):
        counts = _counts(progress)
        if counts != before:
            _report(counts)
            before = counts


def _counts(progress: RunProgress) -> ProgressReport:
    return ProgressReport(progress.total, progress.done, progress.failed)


def _report(report: Report | Secret) -> None:
    # On a line of its own, even if a component has written to the pipe.
    data = b"\n" + encode(report) + b"\n"
    while data:
        data = data[os.write(_REPORTS, data) :]
