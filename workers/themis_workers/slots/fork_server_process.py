"""Process of a fork server, as the worker starts it: forked from the worker while that can be, else a program."""

import contextlib
import gc
import importlib
import json
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator
from typing import NoReturn, Protocol

from themis_workers.channel import Channel

_LOOK_S = 0.01

# The program searches for modules in the same places as this process.
_PROGRAM = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from themis_workers.children.fork_server import main; main(int(sys.argv[2]), sys.argv[3])"
)


class ChildProcess(Protocol):
    """A child process that can be waited for and killed, as `subprocess.Popen` has it."""

    @property
    def pid(self) -> int:
        """Its PID."""

    def wait(self, timeout: float | None = None) -> int:
        """Wait until it has ended, at most `timeout` seconds, or raise `subprocess.TimeoutExpired`."""

    def kill(self) -> None:
        """Kill it, if it has not ended."""


def fork(its_end: Channel, isolation: str) -> ChildProcess:
    """Fork a fork server from this process, so that both share the memory of what is imported.

    Call it in a process of one thread that has nothing open but its standard streams: no lock, no connection.
    """
    for stream in (sys.stdout, sys.stderr):
        stream.flush()  # else the child would write it again
    gc.collect()
    gc.freeze()  # so that the collector does not copy shared pages
    with _deaf_until_it_runs():
        pid = os.fork()
        if not pid:
            _serve(its_end.fileno(), isolation)
    return _Forked(pid)


def spawn(its_end: Channel, isolation: str) -> ChildProcess:
    """Start a fork server as a program of its own, which inherits nothing of this process."""
    command = [sys.executable, "-c", _PROGRAM, json.dumps(sys.path), str(its_end.fileno()), isolation]
    with _deaf_until_it_runs():
        return subprocess.Popen(  # noqa: S603  # this Python, and a number
            command, pass_fds=[its_end.fileno()], stdin=subprocess.DEVNULL, start_new_session=True
        )


class _Forked:
    """A child that `os.fork` made."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._status: int | None = None

    def wait(self, timeout: float | None = None) -> int:
        """Wait until it has ended, at most `timeout` seconds."""
        until_s = None if timeout is None else time.monotonic() + timeout
        while self._status is None:
            pid, status = os.waitpid(self.pid, 0 if until_s is None else os.WNOHANG)
            if pid:
                self._status = os.waitstatus_to_exitcode(status)
            elif until_s is not None and time.monotonic() >= until_s:
                raise subprocess.TimeoutExpired(str(self.pid), timeout or 0.0)
            else:
                time.sleep(_LOOK_S)
        return self._status

    def kill(self) -> None:
        """Kill it, if it has not been waited for."""
        if self._status is None:
            os.kill(self.pid, signal.SIGKILL)


def _serve(descriptor: int, isolation: str) -> NoReturn:
    try:
        importlib.import_module("themis_workers.children.forked").main(descriptor, isolation)
    except BaseException:  # noqa: BLE001  # nothing may return into the worker's program
        traceback.print_exc()
    finally:
        os._exit(1)


@contextlib.contextmanager
def _deaf_until_it_runs() -> Iterator[None]:
    """Context in which a process is started that SIGTERM does not end before it can say that it ignores it.

    It inherits the signals that are blocked. This thread gets those that arrive meanwhile when it leaves the context.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
