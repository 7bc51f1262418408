"""The process of one job: from its supervisor's order to a report of how it ended.

What it reports are messages, a line each: its progress now and then, and at its end how the run ended, that it was
asked to end and did, or that the job is another worker's by now. Before any of its code has a secret, the supervisor,
and nobody else, is told what must not be in the log.
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
from themis.core.queue.model.states import AttemptOutcome
from themis.core.stores.job_rows import Fence
from themis.core.stores.protocol import RunStore
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
"""The exit code of a job's process that could not even begin; EX_SOFTWARE of sysexits.h."""

PROGRESS_S = 0.5

WATCH_S = 0.5
"""Seconds between looks whether the supervisor lives, where the kernel does not tell."""

_REPORTS = 3  # the descriptor, beside the standard three


def main(order: RunJob, channel: Channel, pipes: tuple[int, int], watched: int | None) -> NoReturn:
    """Carry the order out in this process, which was just forked, and end it.

    Args:
        order: what to run.
        channel: the supervisor's, to the worker.
        pipes: to print to, and to report to.
        watched: the supervisor, whose end this process has to notice itself; None where the kernel ends both.
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
    except BaseException:  # noqa: BLE001  # whatever it is, it must stand in the log
        traceback.print_exc()
        code = BROKEN
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):  # whatever a component has put there
            stream.flush()
    # Not by way of the interpreter's own end: what a component left running is its supervisor's affair.
    os._exit(code)


def _arrange_descriptors(prints: int, reports: int) -> None:
    """Nothing stays open but the standard streams and the reports; output arrives line by line."""
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
    """End this process and its group when the supervisor, which would, has died."""
    while os.getppid() == supervisor:
        time.sleep(WATCH_S)
    os.killpg(os.getpgrp(), signal.SIGKILL)


def _work(order: RunJob) -> None:
    manifest = manifest_file.decode(order.manifest.encode(), order.key, key=order.key)
    progress, ended = RunProgress(), threading.Event()
    # A daemon: what blocks this process must not be blocked by it, either.
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
    options = JobOptions(
        allow_modules=order.allow_modules,
        fence=Fence(order.key, order.version),
        progress=progress,
        enforce_time_limit=False,  # the worker does, for whatever this process and its children may do
    )
    try:
        outcome = _open(manifest, stores)
        if outcome is None:
            store = stores.run_store(manifest.store)
            outcome = _arrange_environment(manifest, store, order) or execute_job(
                manifest, store, options, stop_on=(signal.SIGTERM,)
            )
    except asyncio.CancelledError:
        return Stopped()
    except ClaimLostError as error:
        logging.getLogger("themis").error("%s", error)  # noqa: TRY400  # one line says it all
        return ClaimLost()
    if outcome.message:
        logging.getLogger("themis").error("%s: %s", outcome.cause, outcome.message)
    return RunEnded.by(outcome)


def _open(manifest: Manifest, stores: StoreCache) -> AttemptOutcome | None:
    """Open the job's store; the outcome when that cannot be."""
    try:
        stores(manifest.store)
    except ThemisError as error:
        return classify(error)
    return None


def _arrange_environment(manifest: Manifest, store: RunStore, order: RunJob) -> AttemptOutcome | None:
    """Have this process's environment be the job's; the outcome when that cannot be."""
    snapshot = store.load_snapshot(manifest.run_id)
    if snapshot is None:
        return None  # running it says so
    try:
        runtime = read_payload(manifest.payload, name=manifest.key).runtime
        arranged = job_environment(os.environ, runtime, named_variables(snapshot, runtime))
    except ThemisError as error:
        return classify(error)
    if withheld := sorted(os.environ.keys() - arranged.keys()):
        logging.getLogger("themis").info("withheld, as the experiment does not name them: %s", ", ".join(withheld))
    if order.device is not None:
        arranged["CUDA_VISIBLE_DEVICES"] = order.device
    os.environ.clear()
    os.environ.update(arranged)
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
    # On a line of its own, whatever a component may have written there before.
    data = b"\n" + encode(report) + b"\n"
    while data:
        data = data[os.write(_REPORTS, data) :]
