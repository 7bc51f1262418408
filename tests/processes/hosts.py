"""Hosts of one machine: a worker in namespaces of its own, with its own home and its own lines to the database."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import psutil
import pytest

from themis.core.queue.folder.cases_in_flight import IN_FLIGHT

REPOSITORY = Path(__file__).parents[2]
INIT = """
import signal, socket, subprocess, sys, time

socket.sethostname(sys.argv[1])
ended = []
signal.signal(signal.SIGTERM, lambda *_: ended.append(worker.send_signal(signal.SIGTERM)))
while True:
    worker = subprocess.Popen([sys.executable, *sys.argv[2:]])
    code = worker.wait()
    if ended or code == 0:
        sys.exit(code)
    time.sleep(0.5)
"""
"""What runs a host's worker, and again after it has failed, as a service manager does."""


def skip_without_namespaces() -> None:
    """Skip the test where nobody may make what a host is made of."""
    command = ["unshare", "--uts", "--pid", "--fork", "--mount-proc", "true"]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("this user may make no UTS and PID namespaces here")


class Host:
    """A host with one worker, which is killed, frozen and thawed as a whole.

    Attributes:
        name: its host name.
        folder: its home; what its worker said is in `worker.log` there.
    """

    def __init__(self, name: str, folder: Path, options: Sequence[str], **environment: str) -> None:
        """`options` are those of the worker; `environment` is added to the test's own."""
        self.name = name
        self.folder = folder
        self._options = options
        own = {"HOME": str(folder), "XDG_STATE_HOME": str(folder / "state"), "LAB_HOST": name}
        self._environment = {**os.environ, **own, **environment}
        self._process: subprocess.Popen[bytes] | None = None
        self._said_before = 0
        folder.mkdir()

    def start(self) -> None:
        """Boot it, with its worker."""
        namespaces = ["unshare", "--uts", "--pid", "--fork", "--mount-proc", "--kill-child=SIGKILL"]
        worker = ["-m", "themis", "worker", *self._options]
        with (self.folder / "worker.log").open("ab") as log:
            self._said_before = log.tell()
            self._process = subprocess.Popen(
                [*namespaces, sys.executable, "-c", INIT, self.name, *worker],
                stdout=log, stderr=log, cwd=self.folder, env=self._environment, start_new_session=True,
            )  # fmt: skip

    def kill(self) -> None:
        """End everything on it at once, as a loss of power does: of what is noted in mapped files nothing is left.

        The machine stays up, and with it the boot id, by which a host tells such notes from those of a dead process.
        """
        if self._process is not None:
            self._process.kill()
            self._process.wait(30.0)
            for notes in list(self.folder.rglob(IN_FLIGHT)):
                shutil.rmtree(notes, ignore_errors=True)

    def freeze(self) -> None:
        """Let nothing on it go on until `thaw`."""
        stopped: set[int] = set()
        while found := {process.pid for process in self._processes()} - stopped:
            for pid in found:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGSTOP)
            stopped |= found

    def thaw(self) -> None:
        """Let everything go on, as if no time had passed; jobs first, before their worker can stop them."""
        for process in reversed(self._processes()):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.resume()

    def end(self, patience_s: float = 60.0) -> int:
        """Ask the worker to end; its exit code."""
        assert self._process is not None
        (init,) = psutil.Process(self._process.pid).children()
        init.terminate()
        return self._process.wait(patience_s)

    @property
    def is_ready(self) -> bool:
        """Whether its worker has said so since the host was booted."""
        return b"worker is ready" in (self.folder / "worker.log").read_bytes()[self._said_before :]

    def _processes(self) -> list[psutil.Process]:
        """The worker and all below it."""
        assert self._process is not None
        with contextlib.suppress(psutil.NoSuchProcess):
            return psutil.Process(self._process.pid).children(recursive=True)
        return []
