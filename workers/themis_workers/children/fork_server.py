"""The process that has the library imported and nothing else, and forks a supervisor for each slot.

It is a program of its own, so that no supervisor inherits a lock, a connection or a thread of the worker's; and it has
one thread, so that a fork of it is whole. It dies with its worker: the kernel sees to it where it can, else it sees its
channel's end.

                 worker
                   └ fork server ─┬ guardian ─ supervisor (PID 1 of a namespace) ─ a job's process
                              └ supervisor (where namespaces are not permitted) ─ a job's process

A guardian does nothing but begin the namespace: whoever leaves a PID namespace stays in it; the next child is outside.
"""

import contextlib
import gc
import importlib
import os
import selectors
import signal
import socket
import time
import traceback
from collections.abc import Iterator
from typing import NoReturn

import themis.core.jobs.claimed_job  # so that no job has to wait for it
import themis.core.jobs.store_cache  # noqa: F401
from themis.core.components.resolution import preload_builtins
from themis.core.processes.isolation import AUTO, Isolation
from themis.core.stores import registry
from themis_workers import capabilities, linux
from themis_workers.channel import Channel
from themis_workers.children.open_files import close_all_but
from themis_workers.children.slot_supervisor import SlotSupervisor
from themis_workers.messages import Refused, StartSupervisor

FAREWELL_S = 4.0
"""Seconds that supervisors have to end when the worker has let them go; ending what runs takes them milliseconds."""

_IMPORTED_LATE = ("email.parser", "encodings.ascii", "filelock")


def main(descriptor: int, isolation: str) -> NoReturn:
    """Fork supervisors until the worker is gone; `isolation` is what they are to rely on, or `auto`."""
    adopts = isolation != Isolation.GROUP and capabilities.controls_processes()
    if adopts:
        linux.die_with_parent()
        linux.adopt_orphans()
    capabilities.name_this_process("themis-forksrv")
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    preload()
    gc.collect()
    gc.freeze()  # what every child shares should not be touched by its collector
    with Channel(socket.socket(fileno=descriptor)) as channel:
        _ForkServer(channel, isolation, adopts=adopts).serve()
    os._exit(0)


def preload() -> None:
    """Import and read what each job's process would import and read for itself, every time."""
    for module in _IMPORTED_LATE:
        importlib.import_module(module)
    preload_builtins()
    registry.preload()


class _ForkServer:
    """Forks supervisors, and buries them.

    Attributes:
        supervisors: those that live; where there are guardians, these.
    """

    def __init__(self, channel: Channel, isolation: str, *, adopts: bool) -> None:
        """For the worker at the end of `channel`; `adopts`: whether what supervisors leave comes to this process."""
        self.supervisors: set[int] = set()
        self._channel = channel
        self._isolation = isolation
        self._adopts = adopts

    def serve(self) -> None:
        """Do what the worker asks for until it is gone."""
        self._channel.stop_waiting()
        wakes, wake = socket.socketpair()
        for end in (wakes, wake):
            end.setblocking(False)  # noqa: FBT003  # a socket's own way
        signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        with selectors.DefaultSelector() as selector:
            selector.register(self._channel, selectors.EVENT_READ)
            selector.register(wakes, selectors.EVENT_READ)
            while True:
                selector.select()
                with contextlib.suppress(BlockingIOError):
                    wakes.recv(4_096)
                with contextlib.suppress(BlockingIOError):
                    for descriptor in self._asked():
                        self.supervisors.add(_fork_supervisor(descriptor, self._isolation))
                    self._see_off()
                    return
                self._bury()

    def _asked(self) -> Iterator[int]:
        """The ends of the channels to the supervisors that the worker asks for, until it is gone.

        Raises:
            BlockingIOError: it asks for no more just now.
            MessageError: it says what makes no sense.
        """
        while (received := self._channel.receive()) is not None:
            if isinstance(received.message, StartSupervisor) and received.descriptor is not None:
                yield received.descriptor

    def _see_off(self) -> None:
        """The worker is gone, as every supervisor sees for itself: wait until they have ended what they keep."""
        patient_until = time.monotonic() + FAREWELL_S
        while self.supervisors and time.monotonic() < patient_until:
            self._bury()
            time.sleep(0.005)

    def _bury(self) -> None:
        """Note dead supervisors, and kill what one that was killed has left, where that comes to this process."""
        some_died = False
        with contextlib.suppress(ChildProcessError):
            while (pid := os.waitpid(-1, os.WNOHANG)[0]) != 0:
                some_died = True
                self.supervisors.discard(pid)
        if not (some_died and self._adopts):
            return
        # In this order: what a supervisor has begun since the first look is no stray.
        found = linux.descendants(os.getpid())
        cared_for = {pid for supervisor in self.supervisors for pid in (supervisor, *linux.descendants(supervisor))}
        for stray in found:
            if stray not in cared_for:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(stray, signal.SIGKILL)


def _fork_supervisor(descriptor: int, wanted: str) -> int:
    """A child that serves the worker through `descriptor`; returns its number."""
    isolation = capabilities.best_isolation() if wanted == AUTO else Isolation(wanted)
    child = os.fork()
    if child:
        os.close(descriptor)
        return child
    # From here on nothing may return: this is another process.
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        close_all_but(descriptor)
        with Channel(socket.socket(fileno=descriptor)) as channel:
            if isolation is Isolation.NAMESPACE:
                _guard(channel)
            if isolation is Isolation.SUPERVISOR:
                linux.adopt_orphans()
            SlotSupervisor(channel, isolation).serve()
    except BaseException:  # noqa: BLE001  # it would stay unknown why a supervisor ends
        traceback.print_exc()
    finally:
        os._exit(1)


def _guard(channel: Channel) -> NoReturn:
    """Begin a namespace, whose first process keeps the slot, and end with it."""
    linux.die_with_parent()
    capabilities.name_this_process("themis-guardian")
    try:
        linux.leave_pid_namespace()
        child = os.fork()
    except OSError as error:
        channel.send(Refused(f"no PID namespace may be made here: {error.strerror}"))
        os._exit(1)
    if child == 0:
        try:
            linux.die_with_parent()
            linux.mount_own_proc()
            SlotSupervisor(channel, Isolation.NAMESPACE).serve()
        except BaseException:  # noqa: BLE001  # as above
            traceback.print_exc()
        finally:
            os._exit(1)
    channel.close()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.waitpid(child, 0)
    os._exit(0)
