"""The process that has the library imported and nothing else, and forks a keeper for each slot.

It is a program of its own, so that no keeper inherits a lock, a connection or a thread of the worker's; and it has one
thread, so that a fork of it is whole. It dies with its worker.

                 worker
                   └ nursery ─┬ guardian ─ keeper (PID 1 of a namespace) ─ a job's process
                              └ keeper (where namespaces are not permitted) ─ a job's process

A guardian does nothing but begin the namespace: whoever leaves a PID namespace stays in it; the next child is outside.
"""

import contextlib
import functools
import gc
import importlib
import os
import selectors
import signal
import socket
import time
import traceback
from typing import NoReturn

import themis.core.job_run  # so that no job has to wait for it
import themis.core.store_cache  # noqa: F401
from themis.core.components import preload_builtins
from workers import linux, messages
from workers.children.keeper import Keeper

FAREWELL_S = 4.0
"""Seconds that keepers have to end when the worker has let them go; ending what runs takes them milliseconds."""

_IMPORTED_LATE = ("email.parser", "encodings.ascii", "filelock")


def main(descriptor: int) -> NoReturn:
    """Fork keepers until the worker is gone."""
    linux.die_with_parent()
    linux.adopt_orphans()
    linux.call_this_process("themis-nursery")
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    preload()
    gc.collect()
    gc.freeze()  # what every child shares should not be touched by its collector
    with socket.socket(fileno=descriptor) as channel:
        channel.setblocking(False)  # noqa: FBT003  # a socket's own way
        _serve(channel)
    os._exit(0)


def preload() -> None:
    """Import and read what each job's process would import and read for itself, every time."""
    for module in _IMPORTED_LATE:
        importlib.import_module(module)
    preload_builtins()


def _serve(channel: socket.socket) -> None:
    wakes, wake = socket.socketpair()
    for end in (wakes, wake):
        end.setblocking(False)  # noqa: FBT003  # a socket's own way
    signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    keepers: set[int] = set()
    with selectors.DefaultSelector() as selector:
        selector.register(channel, selectors.EVENT_READ)
        selector.register(wakes, selectors.EVENT_READ)
        while True:
            selector.select()
            with contextlib.suppress(BlockingIOError):
                wakes.recv(4_096)
            with contextlib.suppress(BlockingIOError):
                request, its_end = messages.receive_with_descriptor(channel)
                if request is None:
                    _see_off(keepers)
                    return
                if its_end is not None:
                    keepers.add(_fork_keeper(request, its_end))
            _bury(keepers)


def _see_off(keepers: set[int]) -> None:
    """The worker is gone, as every keeper sees for itself: wait until they have ended what they keep."""
    patient_until = time.monotonic() + FAREWELL_S
    while keepers and time.monotonic() < patient_until:
        _bury(keepers)
        time.sleep(0.005)


def _bury(keepers: set[int]) -> None:
    """Take note of dead keepers, and kill what one that was killed has left: it is a child of this process now."""
    some_died = False
    with contextlib.suppress(ChildProcessError):
        while (pid := os.waitpid(-1, os.WNOHANG)[0]) != 0:
            some_died = True
            keepers.discard(pid)
    if not some_died:
        return
    # In this order: what a keeper has begun since the first look is no stray.
    found = linux.descendants(os.getpid())
    cared_for = {pid for keeper in keepers for pid in (keeper, *linux.descendants(keeper))}
    for stray in found:
        if stray not in cared_for:
            with contextlib.suppress(ProcessLookupError):
                os.kill(stray, signal.SIGKILL)


def _fork_keeper(request: dict[str, object], descriptor: int) -> int:
    """A child that serves the worker through `descriptor`; returns its number."""
    wanted = request.get("isolation", "auto")
    in_namespace = wanted == "namespace" or (wanted == "auto" and namespaces_are_permitted())
    child = os.fork()
    if child:
        os.close(descriptor)
        return child
    # From here on nothing may return: this is another process.
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        with socket.socket(fileno=descriptor) as channel:
            _close_all_but(channel.fileno())
            if in_namespace:
                _guard(channel)
            else:
                linux.adopt_orphans()
                Keeper(channel, in_namespace=False).serve()
    except BaseException:  # noqa: BLE001  # it would stay unknown why a keeper ends
        traceback.print_exc()
    finally:
        os._exit(1)


@functools.cache
def namespaces_are_permitted() -> bool:
    """Whether this process may make PID namespaces, with a `/proc` of their own; tried out in a child, once."""
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1] == 0
    code = 1
    try:
        linux.leave_pid_namespace()
        first = os.fork()
        if first == 0:
            linux.mount_own_proc()
            os._exit(0)
        code = os.waitpid(first, 0)[1]
    finally:
        os._exit(1 if code else 0)


def _guard(channel: socket.socket) -> NoReturn:
    """Begin a namespace, whose first process keeps the slot, and end with it."""
    linux.die_with_parent()
    linux.call_this_process("themis-guardian")
    try:
        linux.leave_pid_namespace()
        child = os.fork()
    except OSError as error:
        messages.send(channel, {"event": "refused", "why": f"no PID namespace may be made here: {error.strerror}"})
        os._exit(1)
    if child == 0:
        try:
            linux.die_with_parent()
            linux.mount_own_proc()
            Keeper(channel, in_namespace=True).serve()
        except BaseException:  # noqa: BLE001  # as above
            traceback.print_exc()
        finally:
            os._exit(1)
    channel.close()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.waitpid(child, 0)
    os._exit(0)


def _close_all_but(descriptor: int) -> None:
    os.closerange(3, descriptor)
    os.closerange(descriptor + 1, os.sysconf("SC_OPEN_MAX"))
