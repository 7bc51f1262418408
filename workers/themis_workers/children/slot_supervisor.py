"""Slot supervisor: the process that forks each job's process, writes its log, and kills all that it leaves behind.

Where that is permitted it is PID 1 of a PID namespace: one call kills all remaining processes, and the kernel kills
them when the supervisor dies. Otherwise, on Linux, it adopts orphaned descendants, and finds all of them in `/proc`. On
any system it can kill the job's process group, and does so when its worker dies.
"""

import contextlib
import os
import selectors
import signal
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from themis.core.errors import MessageError
from themis.core.processes.isolation import Isolation
from themis_workers import capabilities, linux
from themis_workers.channel import Channel
from themis_workers.children import job_process
from themis_workers.children.job_log import JobLog
from themis_workers.messages import (
    ClaimLost,
    Exited,
    Kill,
    Message,
    NotStarted,
    ProgressReport,
    Ready,
    RunEnded,
    RunJob,
    Secret,
    Stopped,
    Terminate,
    decode,
)

_CHUNK_BYTES = 65_536
_MOST_CHUNKS = 16
_LONGEST_REPORT_BYTES = 32_768  # an outcome's message takes 24,000 at most; longer lines are not valid reports
_LONGEST_PARTIAL_BYTES = 524_288  # the longest secret with every character escaped
_ENDING_S = 10.0
_GROUP_ENDING_S = 1.0  # where nobody reaps the orphans of a group, it never seems to be gone
_PAUSE_S = 0.005


@dataclass(slots=True)
class _Job:
    """A job's process, as its supervisor sees it.

    Attributes:
        pid: of its leader, and ID of its process group.
        printed, reported: read ends of the pipes for its output and its reports.
        log: file for its output.
        partial: beginning of a report whose end has not arrived yet.
        status: wait status of the leader; None while it is alive.
    """

    pid: int
    printed: int
    reported: int
    log: JobLog
    partial: bytearray = field(default_factory=bytearray)
    status: int | None = None


class SlotSupervisor:
    """Serves a worker through a channel: one job at a time."""

    def __init__(self, channel: Channel, isolation: Isolation) -> None:
        """Serve the worker at the other end of `channel`; `isolation` says how it can kill all processes of a job."""
        self._channel = channel
        self._isolation = isolation
        self._selector = selectors.DefaultSelector()
        self._wakes, self._wake = socket.socketpair()
        self._job: _Job | None = None

    def serve(self) -> NoReturn:
        """Carry out the orders of the worker until it is gone; then kill all processes of the job, and exit."""
        capabilities.name_this_process("themis-slot")
        self._channel.stop_waiting()
        for end in (self._wakes, self._wake):
            end.setblocking(False)  # noqa: FBT003  # positional only
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wake.fileno(), warn_on_full_buffer=False)
        self._selector.register(self._wakes, selectors.EVENT_READ)
        self._selector.register(self._channel, selectors.EVENT_READ)
        try:
            self._tell(Ready(self._isolation, os.getpid()))
            while self._hear():
                self._bury()
                self._pump()
                self._end_job()
                self._selector.select()
        finally:
            self._kill_all()
            os._exit(0)

    def _hear(self) -> bool:
        """Handle the messages of the worker, and drain the wake-up socket; False when the worker is gone."""
        with contextlib.suppress(BlockingIOError):
            self._wakes.recv(4_096)
        with contextlib.suppress(BlockingIOError):
            while (received := self._channel.receive()) is not None:
                self._obey(received.message, received.descriptor)
            return False
        return True

    def _obey(self, message: Message, descriptor: int | None) -> None:
        try:
            if isinstance(message, RunJob) and self._job is None:
                self._job = self._begin(message, descriptor)
        except OSError as error:  # no process, memory or open file left
            self._tell(NotStarted(error.strerror or str(error)))
        finally:
            if descriptor is not None:
                os.close(descriptor)
        if isinstance(message, RunJob):
            return
        if isinstance(message, Terminate) and self._job is not None:
            _signal_group(self._job, signal.SIGTERM)
        elif isinstance(message, Kill) and self._job is not None:
            self._kill_all()

    def _begin(self, order: RunJob, lease: int | None) -> _Job:
        printed, prints = os.pipe()
        reported, reports = os.pipe()
        supervisor = os.getpid()
        # A request to end must not be lost on the new process, which ignores it until it has a handler of its own.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        try:
            pid = os.fork()
        except OSError:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
            for end in (printed, prints, reported, reports):
                os.close(end)
            raise
        if pid == 0:
            try:
                signal.set_wakeup_fd(-1)
                watched = supervisor if self._isolation is Isolation.GROUP else None
                job_process.main(order, self._channel, (prints, reports), watched, lease)
            finally:
                os._exit(job_process.BROKEN)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        os.close(prints)
        os.close(reports)
        for end in (printed, reported):
            os.set_blocking(end, False)  # as it is called
            self._selector.register(end, selectors.EVENT_READ)
        return _Job(pid, printed, reported, JobLog(Path(order.log), order.log_limit_bytes))

    def _end_job(self) -> None:
        """If the job's leader has died, kill its remaining processes, and report its exit."""
        job = self._job
        if job is None or job.status is None:
            return
        self._kill_all()
        self._pump()
        for end in (job.printed, job.reported):
            with contextlib.suppress(KeyError):
                self._selector.unregister(end)
            os.close(end)
        job.log.close()
        self._job = None
        self._tell(Exited(os.waitstatus_to_exitcode(job.status)))

    def _pump(self) -> None:
        """Write the job's output to its log, and forward its reports."""
        job = self._job
        if job is None:
            return
        # In this order: a secret is reported before it can be printed, so its report has arrived when the output has.
        printed = list(self._read_all(job.printed))
        for data in self._read_all(job.reported):
            job.partial += data
        while (end := job.partial.find(b"\n")) >= 0:
            line = bytes(job.partial[:end])
            del job.partial[: end + 1]
            if line:
                self._take_report(job, line)
        if len(job.partial) > _LONGEST_PARTIAL_BYTES:
            job.partial.clear()
        for data in printed:
            job.log.write(data)

    def _take_report(self, job: _Job, line: bytes) -> None:
        """Forward one report of the job's process; an invalid line is dropped, as user code can write to the pipe.

        A secret is not forwarded.
        """
        try:
            report = decode(line)
        except MessageError:
            return
        if isinstance(report, Secret):
            job.log.keep_out(report)
        elif isinstance(report, ProgressReport | RunEnded | Stopped | ClaimLost) and len(line) <= _LONGEST_REPORT_BYTES:
            self._tell(report)

    def _read_all(self, end: int) -> Iterator[bytes]:
        """Read the data in a pipe in chunks; no more than a pipe can hold, so that the other inputs get their turn."""
        for _ in range(_MOST_CHUNKS):
            try:
                data = os.read(end, _CHUNK_BYTES)
            except BlockingIOError:
                return
            if not data:  # no writer is left: the pipe would wake this process all the time
                with contextlib.suppress(KeyError):
                    self._selector.unregister(end)
                return
            yield data

    def _bury(self) -> bool:
        """Reap dead children; False when no child is left, alive or dead."""
        try:
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return True
                if self._job is not None and pid == self._job.pid:
                    self._job.status = status
        except ChildProcessError:
            return False

    def _kill_all(self) -> None:
        """Kill all reachable processes below this one; return when they are gone, or after a time limit."""
        if self._isolation is Isolation.GROUP:
            self._kill_group()
            return
        patient_until = time.monotonic() + _ENDING_S
        # Every orphaned descendant becomes a child of this process: without children no process is left.
        while self._bury() and time.monotonic() < patient_until:
            if self._isolation is Isolation.NAMESPACE:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(-1, signal.SIGKILL)
            else:
                _kill_descendants()
            time.sleep(_PAUSE_S)

    def _kill_group(self) -> None:
        """Kill the job's process group; return when it is gone, or after a time limit."""
        job = self._job
        if job is None:
            return
        began_s = time.monotonic()
        while _signal_group(job, signal.SIGKILL) or job.status is None:
            self._bury()
            patience_s = _ENDING_S if job.status is None else _GROUP_ENDING_S
            if time.monotonic() - began_s > patience_s:
                return
            time.sleep(_PAUSE_S)

    def _tell(self, message: Message) -> None:
        """Send a message to the worker, which reads all the time; a lost worker is noticed elsewhere."""
        with contextlib.suppress(OSError):
            self._channel.send(message)


def _signal_group(job: _Job, number: int) -> bool:
    """Send a signal to the process group of a job; False when the group is gone for good."""
    try:
        os.killpg(job.pid, number)
    except PermissionError:  # some systems raise this for a group of zombies
        return job.status is None
    except ProcessLookupError:
        if job.status is not None:
            return False
        with contextlib.suppress(ProcessLookupError):
            os.kill(job.pid, number)  # it has not created its group yet
    return True


def _kill_descendants() -> None:
    # All are stopped before the first is killed; otherwise a fork bomb could escape.
    found = linux.descendants(os.getpid())
    for number in (signal.SIGSTOP, signal.SIGKILL):
        for pid in found:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)
