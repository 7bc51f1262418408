"""The scripted server in a process of its own, for benchmarks and for tests of workers."""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

TOP = Path(__file__).parents[3]
PATIENCE_S = 30.0


@dataclass(frozen=True, slots=True)
class ServerProcess:
    """A server that runs.

    Attributes:
        base_url: for clients of Anthropic.
        openai_url: for clients of OpenAI.
        pid: of the process.
    """

    base_url: str
    openai_url: str
    pid: int

    def summary(self) -> dict[str, int]:
        """The counts so far.

        `questions`, `answered`, `most_at_once`, `most_in_a_minute`, `most_answered_in_a_minute`,
        `retry_after_violations`.
        """
        found: dict[str, int] = json.loads(self._get("summary"))
        return found

    def requests(self) -> list[dict[str, Any]]:
        """The requests so far, without headers and bodies."""
        return [json.loads(line) for line in self._get("requests").splitlines()]

    def cpu_s(self) -> float:
        """The processor time that it has used."""
        times = psutil.Process(self.pid).cpu_times()
        return float(times.user + times.system)

    def _get(self, name: str) -> bytes:
        with urllib.request.urlopen(f"{self.base_url}/_server/{name}", timeout=PATIENCE_S) as reply:  # noqa: S310  # ours
            found: bytes = reply.read()
        return found


@contextmanager
def model_server_process(*options: str) -> Iterator[ServerProcess]:
    """A server with these options of the command line, ended at the end of the block."""
    command = [sys.executable, "-m", "tests.support.model_server", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=TOP) as process:
        try:
            assert process.stdout is not None
            said = json.loads(process.stdout.readline())
            yield ServerProcess(said["base_url"], said["openai_url"], process.pid)
        finally:
            process.terminate()
            process.wait(PATIENCE_S)
