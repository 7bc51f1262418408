"""The process of one job: from its keeper's order to a report of how it ended.

What it reports are lines of JSON: `{"progress": [total, done, failed]}` now and then, and at its end one of
`{"outcome": …}`, `{"stopped": true}` (it was asked to end, and did) and `{"lost": true}` (the job is another worker's).
Before any of its code has a secret, `{"secret": …}` tells the keeper, and nobody else, what must not be in the log.
"""

import asyncio
import contextlib
import faulthandler
import json
import logging
import os
import signal
import socket
import sys
import threading
import traceback
from typing import Any, NoReturn

from themis.core import masking
from themis.core.engine.run import RunProgress
from themis.core.errors import ClaimLostError, ThemisError
from themis.core.job_environment import job_environment, named_variables
from themis.core.job_payload import read_payload
from themis.core.job_run import JobOptions, classify, execute_job
from themis.core.queue import manifest_file
from themis.core.queue.manifest_file import Manifest
from themis.core.queue.states import Outcome
from themis.core.store_cache import StoreCache
from themis.core.stores.job_rows import Fence
from themis.core.stores.protocol import RunStore
from workers import linux, messages
from workers.children.job_log import secret_report

BROKEN = 70
"""The exit code of a job's process that could not even begin; EX_SOFTWARE of sysexits.h."""

PROGRESS_S = 0.5

_REPORTS = 3  # the descriptor, beside the standard three


def main(order: dict[str, Any], channel: socket.socket, prints: int, reports: int) -> NoReturn:
    """Carry the order out in this process, which was just forked, and end it."""
    os.setsid()
    linux.die_with_parent()
    linux.call_this_process("themis-job")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    if order.get("cgroup"):
        with open(f"{order['cgroup']}/cgroup.procs", "w", encoding="ascii") as file:  # noqa: PTH123
            file.write("0")
    # The kernel tells the worker by which number it knows the sender.
    messages.send(channel, {"event": "started"})
    _arrange_descriptors(prints, reports)
    masking.listen(lambda *secret: _report(secret_report(*secret)))
    try:
        _work(order)
        code = 0
    except BaseException:  # noqa: BLE001  # whatever it is, it must stand in the log
        traceback.print_exc()
        code = BROKEN
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):  # whatever a component has put there
            stream.flush()
    # Not by way of the interpreter's own end: what a component left running is its keeper's affair.
    os._exit(code)


def _arrange_descriptors(prints: int, reports: int) -> None:
    """Nothing stays open but the standard streams and the reports; output arrives line by line."""
    os.dup2(prints, 1)
    os.dup2(prints, 2)
    os.dup2(reports, _REPORTS, inheritable=False)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.closerange(_REPORTS + 1, os.sysconf("SC_OPEN_MAX"))
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False)  # noqa: SIM115
    faulthandler.enable()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", force=True)


def _work(order: dict[str, Any]) -> None:
    manifest = manifest_file.decode(order["manifest"].encode(), order["key"], key=order["key"])
    progress, ended = RunProgress(), threading.Event()
    # A daemon: what blocks this process must not be blocked by it, either.
    threading.Thread(target=_report_progress, args=(progress, ended), name="themis-progress", daemon=True).start()
    stores = StoreCache()
    try:
        result = _run(manifest, order, stores, progress)
    finally:
        ended.set()
        stores.close()
    _report({"progress": _counts(progress)} | result)


def _run(manifest: Manifest, order: dict[str, Any], stores: StoreCache, progress: RunProgress) -> dict[str, Any]:
    options = JobOptions(
        allow_modules=order["allow_modules"],
        fence=Fence(order["key"], int(order["version"])),
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
        return {"stopped": True}
    except ClaimLostError as error:
        logging.getLogger("themis").error("%s", error)  # noqa: TRY400  # one line says it all
        return {"lost": True}
    if outcome.message:
        logging.getLogger("themis").error("%s: %s", outcome.cause, outcome.message)
    retry = {} if outcome.retry_after_s is None else {"retry_after_s": outcome.retry_after_s}
    lack = {} if outcome.lack is None else {"lack": outcome.lack}
    return {"outcome": {"cause": outcome.cause, "message": outcome.message, **retry, **lack}}


def _open(manifest: Manifest, stores: StoreCache) -> Outcome | None:
    """Open the job's store; the outcome when that cannot be."""
    try:
        stores(manifest.store)
    except ThemisError as error:
        return classify(error)
    return None


def _arrange_environment(manifest: Manifest, store: RunStore, order: dict[str, Any]) -> Outcome | None:
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
    if order.get("device") is not None:
        arranged["CUDA_VISIBLE_DEVICES"] = str(order["device"])
    os.environ.clear()
    os.environ.update(arranged)
    return None


def _report_progress(progress: RunProgress, ended: threading.Event) -> None:
    before: list[int] = []
    while not ended.wait(PROGRESS_S):
        counts = _counts(progress)
        if counts != before:
            _report({"progress": counts})
            before = counts


def _counts(progress: RunProgress) -> list[int]:
    return [progress.total, progress.done, progress.failed]


def _report(document: dict[str, Any]) -> None:
    # On a line of its own, whatever a component may have written there before.
    data = b"\n" + json.dumps(document).encode() + b"\n"
    while data:
        data = data[os.write(_REPORTS, data) :]
