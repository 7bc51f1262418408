"""Worker process: starts everything that a worker needs, runs it, and shuts everything down."""

import os
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack

from themis.core.errors import QueueRootError, UnavailableError
from themis.core.jobs.store_cache import StoreCache
from themis.core.queue.folder.processes import this_process
from themis.core.queue.folder.worker_registry import check_name
from themis.core.queue.model.queue_place import Place
from themis.core.queue.opening import is_there, make_at, queue_at
from themis_workers import capabilities
from themis_workers.loop import work
from themis_workers.memory_limits import find_cgroup_folder
from themis_workers.preloading import preload
from themis_workers.settings import WorkerSettings
from themis_workers.signals import Signals
from themis_workers.slots.fork_server_client import ForkServer
from themis_workers.slots.fork_server_process import fork, spawn
from themis_workers.stopping import ExitCode
from themis_workers.telemetry import logs
from themis_workers.telemetry.logs import LogFormat
from themis_workers.telemetry.systemd import Notifier
from themis_workers.wake import Wake
from themis_workers.worker import Worker
from themis_workers.worker_context import WorkerContext

STORE_PATIENCE_S = 2.0
"""Seconds to wait for a store that another process has locked: what cannot be written by then is written later. A
worker that waited longer would miss time limits, and seem to hang."""

_NOTHING_TO_DRAIN = (
    "there is no queue to --drain; the first submit makes it: is this the right folder (--queue-root, --config)?"
)


def run_worker(
    queue_root: Place,
    load_settings: Callable[[], WorkerSettings],
    *,
    name: str | None = None,
    log_format: LogFormat = "text",
) -> ExitCode:
    """Run jobs of the queue in `queue_root`, which is created if missing, until the worker is to end.

    Call it in the main thread of the process.

    Args:
        queue_root: the queue's folder, or the store that has its rows.
        load_settings: returns the settings, at the start and after each SIGHUP.
        name: of the worker; by default made of the host name and the PID.
        log_format: of the log on standard error.

    Raises:
        ConfigError: the settings are invalid.
        WorkerNameError: the name is invalid, or a live worker of this queue has it.
        QueueRootError: the folder cannot be a queue; another machine with the same hostname works on it; or it is to be
            drained and does not exist.
        IsolationError: jobs cannot be isolated here as the settings require.
        UnavailableError: this is not a POSIX system.
    """
    if os.name != "posix":
        raise UnavailableError(
            detail="`themis worker start` needs a POSIX system; `themis worker run` works everywhere"
        )
    settings = load_settings()
    capabilities.refuse_impossible(settings.isolation)
    owner = this_process(name)
    check_name(owner.worker)
    logs.configure(log_format, sys.stderr, owner.worker)
    notifier = Notifier()  # first: it takes what is for this process alone out of the environment
    with ExitStack() as stack:
        fork_server = _fork_server(settings.isolation)
        stack.callback(fork_server.close)
        is_new = not is_there(queue_root)
        if is_new and settings.drain:
            raise QueueRootError(path=queue_root, detail=_NOTHING_TO_DRAIN)
        make_at(queue_root)
        stores = StoreCache(busy_timeout_s=STORE_PATIENCE_S, retry_attempts=0)
        stack.callback(stores.close)
        signals = stack.enter_context(Signals())
        wake = stack.enter_context(Wake())
        queue = queue_at(queue_root, stores, stores.jobs_at)
        queue.refuse_hostname_clash(owner)
        context = WorkerContext(queue, stores, owner, queue.rescan_s, find_cgroup_folder(), notifier)
        worker = Worker(context, load_settings, wake, signals, fork_server)
        stack.callback(worker.close)
        _tell_beginning(worker, context, is_new=is_new, has_terminal=signals.has_terminal)
        code = work(worker)
        notifier.stopping()
        how = code.name.lower().replace("_", " ")
        did = worker.reporting.what_it_did
        logs.tell("worker ends", name=owner.worker, how=how, exit_code=int(code), did=did)
    return code


def _tell_beginning(worker: Worker, context: WorkerContext, *, is_new: bool, has_terminal: bool) -> None:
    logs.tell("worker begins", name=context.owner.worker, slots=worker.slots.count, queue=context.queue.place)
    if is_new:
        logs.tell("the queue is new: nothing was submitted here yet")
    if has_terminal and sys.stderr.isatty():
        logs.tell("Ctrl-C stops this worker; closing the terminal does not", stop_with=context.stop_command)


def _fork_server(isolation: str) -> ForkServer:
    """Start the fork server before this process opens anything, and after it has what both of them need."""
    preload()
    return ForkServer(isolation, start=fork if threading.active_count() == 1 else spawn)
