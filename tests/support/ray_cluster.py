"""A Ray cluster of several nodes on this machine, for tests: each node has an address of loopback, and can be lost.

A node is known by a variable in the environment of its processes, which Ray hands on to actors and these to workers.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.waiting import until

NODE = "THEMIS_TEST_NODE"
PORT = 6397
# A lost node is noticed in seconds, where Ray takes a minute by default.
QUICK = {
    "health_check_initial_delay_ms": 0,
    "health_check_period_ms": 1000,
    "health_check_timeout_ms": 1000,
    "health_check_failure_threshold": 4,
    "gcs_rpc_server_reconnect_timeout_s": 8,
}


class RayCluster:
    """Nodes of one cluster; the first is the head, on which no worker fits.

    Attributes:
        address: address of the cluster.
    """

    address = f"127.0.0.2:{PORT}"

    def __init__(self, folder: Path, **environment: str) -> None:
        """Start no node yet; `environment` is that of all nodes."""
        self._folder, self._environment = folder, environment
        self._number = 2

    def start(self, name: str, *, cpus: int) -> None:
        """Start a node; the first one is the head."""
        options = ["--disable-usage-stats", f"--num-cpus={cpus}", "--num-gpus=0", "--object-store-memory=100000000"]
        if self._number == 2:
            options += ["--head", f"--port={PORT}", "--include-dashboard=false", f"--temp-dir={self._folder / 'ray'}"]
            options += [f"--system-config={json.dumps(QUICK)}"]
        else:
            options += [f"--address={self.address}"]
        options += [f"--node-ip-address=127.0.0.{self._number}"]
        self._number += 1
        environment = {**os.environ, **self._environment, NODE: f"{self._folder}/{name}"}
        environment["THEMIS_QUEUES_DIR"] = str(self._folder / f"queues-of-{name}")
        done = subprocess.run(
            [program(), "start", *options],
            env=environment,
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def signal(self, name: str, number: signal.Signals, *, only: str = "") -> int:
        """Send a signal to the processes of a node, or to those alone whose command line has a word; how many."""
        found = [pid for pid, command in self._processes(name) if only in command]
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        return len(found)

    def count(self, name: str, word: str) -> int:
        """Return how many processes of a node have a word in their command line."""
        return sum(word in command for _, command in self._processes(name))

    def stop(self) -> None:
        """End all nodes."""
        until(lambda: not self.signal("", signal.SIGKILL), "the cluster to end", every_s=0.5)

    def _processes(self, name: str) -> Iterator[tuple[int, str]]:
        wanted = f"{NODE}={self._folder}/{name}".encode()
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                variables = (folder / "environ").read_bytes().split(b"\0")
                if any(one == wanted or (not name and one.startswith(wanted)) for one in variables):
                    yield int(folder.name), (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()


def program() -> str:
    """Path of Ray's command; the test is skipped where it is missing."""
    found = shutil.which("ray", path=sysconfig.get_path("scripts"))
    if found is None:
        pytest.skip("Ray is not installed (the extra ray)")
    return found


@contextlib.contextmanager
def ray_cluster(**environment: str) -> Iterator[RayCluster]:
    """A cluster without nodes, which ends with the block; in a short path, as sockets have short names."""
    program()
    with tempfile.TemporaryDirectory(prefix="ray", dir="/tmp", ignore_cleanup_errors=True) as folder:
        made = RayCluster(Path(folder), **environment)
        try:
            yield made
        finally:
            made.stop()
