"""Fork server: a process that has imported the library and nothing else, and forks a supervisor for each slot.

The worker forks it before it opens anything, so that both share the memory of the library, and no supervisor inherits a
lock, a connection or a thread of the worker. One that replaces a lost one is a program of its own, for the same reason.
It has only one thread, so that it can fork safely. It dies with its worker: the kernel kills it where it can, else it
notices that its channel is closed.

                 worker
                   └ fork server ─┬ guardian ─ supervisor (PID 1 of a namespace) ─ a job's process
                              └ supervisor (where namespaces are not permitted) ─ a job's process

A guardian only creates the namespace: the process that calls unshare(2) stays in the old PID namespace, and its next
child is PID 1 of the new one.
"""

import contextlib
import gc
import os
import selectors
import signal
import socket
import time
import traceback
from collections.abc import Iterator
from typing import NoReturn

from themis.core.processes.isolation import AUTO, Isolation
from themis_workers import capabilities, linux
from themis_workers.channel import Channel
from themis_workers.children import standard_streams
from themis_workers.children.open_files import close_all_but
from themis_workers.children.slot_supervisor import SlotSupervisor
from themis_workers.messages import Refused, StartSupervisor
from themis_workers.preloading import preload

FAREWELL_S = 4.0
"""Seconds that supervisors have to end after the worker is gone; killing their jobs takes milliseconds."""


def main(descriptor: int, isolation: str) -> NoReturn:
    """Fork supervisors until the worker is gone; `isolation` of their jobs is an `Isolation`, or `auto`."""
    adopts = isolation != Isolation.GROUP and capabilities.controls_processes()
    if adopts:
        linux.die_with_parent()
        linux.adopt_orphans()
    capabilities.name_this_process("themis-forksrv")
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # a signal to all processes of a worker is for the worker alone
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})  # its worker has blocked it until here
    standard_streams.arrange()
    preload()
    gc.collect()
    gc.freeze()  # so that the collector of a child does not copy shared pages
    with Channel(socket.socket(fileno=descriptor)) as channel:
        _ForkServer(channel, isolation, adopts=adopts).serve()
    os._exit(0)


class _ForkServer:
    """Forks supervisors, and reaps them.

    Attributes:
        supervisors: PIDs of those that are alive, or of their guardians.
    """

    def __init__(self, channel: Channel, isolation: str, *, adopts: bool) -> None:
        """Serve the worker at the end of `channel`; `adopts`: whether this process adopts their orphans."""
        self.supervisors: set[int] = set()
        self._channel = channel
        self._isolation = isolation
        self._adopts = adopts

    def serve(self) -> None:
        """Fork supervisors as the worker requests, until it is gone."""
        self._channel.stop_waiting()
        wakes, wake = socket.socketpair()
        for end in (wakes, wake):
            end.setblocking(False)  # noqa: FBT003  # positional only
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
        """Channel descriptors for the supervisors that the worker requests, until it is gone.

        Raises:
            BlockingIOError: there are no more requests at present.
            MessageError: the worker sent an invalid message.
        """
        while (received := self._channel.receive()) is not None:
            if isinstance(received.message, StartSupervisor) and received.descriptor is not None:
                yield received.descriptor

    def _see_off(self) -> None:
        """Wait until the supervisors, which notice themselves that the worker is gone, have ended."""
        patient_until = time.monotonic() + FAREWELL_S
        while self.supervisors and time.monotonic() < patient_until:
            self._bury()
            time.sleep(0.005)

    def _bury(self) -> None:
        """Reap dead supervisors, and kill the orphans that they left, where this process adopts them."""
        some_died = False
        with contextlib.suppress(ChildProcessError):
            while (pid := os.waitpid(-1, os.WNOHANG)[0]) != 0:
                some_died = True
                self.supervisors.discard(pid)
        if not (some_died and self._adopts):
            return
        # In this order: a process that a supervisor starts after the first listing is not a stray.
        found = linux.descendants(os.getpid())
        cared_for = {pid for supervisor in self.supervisors for pid in (supervisor, *linux.descendants(supervisor))}
        for stray in found:
            if stray not in cared_for:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(stray, signal.SIGKILL)


def _fork_supervisor(descriptor: int, wanted: str) -> int:
    """Fork a child that serves the worker through `descriptor`; returns its PID."""
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
    except BaseException:  # noqa: BLE001  # else the reason why a supervisor ends is lost
        traceback.print_exc()
    finally:
        os._exit(1)


def _guard(channel: Channel) -> NoReturn:
    """Create a namespace whose first process is the slot supervisor, and end with it."""
    linux.die_with_parent()
    capabilities.name_this_process("themis-guardian")
    try:
        linux.leave_pid_namespace()
        child = os.fork()
    except OSError as error:
        channel.send(Refused(f"no PID namespace can be created here: {error.strerror}"))
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
    os.waitpid(child, 0)
    os._exit(0)
