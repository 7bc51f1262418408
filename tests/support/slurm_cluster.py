"""A Slurm of one node, this machine, for tests: its daemons have a folder of their own, and free ports of loopback."""

import contextlib
import secrets
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.deployment import root_only, run, tool
from tests.support.waiting import until

# More processors than the machine may have, as the workers of tests wait most of the time.
CPUS = 8
CONFIG = """
ClusterName=one
SlurmctldHost={host}(127.0.0.1)
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CryptoType=crypto/munge
SlurmUser=root
SlurmdUser=root
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldPort={port}
SlurmdPort={next_port}
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=sched_interval=1,bf_interval=1
MpiDefault=none
KillWait=5
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory=500
PartitionName=all Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


@contextmanager
def slurm_of_one_node(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Run a Slurm of one node in a folder, and yield the folder; the test is skipped where that is not possible."""
    root_only("a Slurm of one's own runs as root")
    munged, controller, node = (tool(name, "Debian's slurm-wlm") for name in ("munged", "slurmctld", "slurmd"))
    for name in ("state", "spool"):
        (folder / name).mkdir()
    key = folder / "munge.key"
    key.write_bytes(secrets.token_bytes(1024))
    key.chmod(0o400)
    port, next_port = _free_ports()
    host = socket.gethostname().partition(".")[0]
    config = CONFIG.format(host=host, folder=folder, port=port, next_port=next_port, cpus=CPUS)
    (folder / "slurm.conf").write_text(config, encoding="utf-8")
    monkeypatch.setenv("SLURM_CONF", str(folder / "slurm.conf"))
    daemons: list[subprocess.Popen[bytes]] = []
    munge_options = {"socket": "socket", "key-file": "key", "pid-file": "pid", "log-file": "log", "seed-file": "seed"}
    options = [f"--{option}={folder}/munge.{suffix}" for option, suffix in munge_options.items()]
    try:
        _start(daemons, [munged, "--foreground", "--force", *options], folder / "munged.log")
        until((folder / "munge.socket").exists, "munge to listen")
        _start(daemons, [controller, "-D"], folder / "slurmctld.log")
        _start(daemons, [node, "-D"], folder / "slurmd.log")
        until(lambda: "idle" in run("sinfo", "--noheader").stdout, "the node to be idle", every_s=0.3)
        yield folder
    finally:
        run("scancel", "--quiet", "--user=root")
        with contextlib.suppress(AssertionError):  # a step that cannot tell the controller of its end stays for long
            until(is_empty, "all jobs to end", 20, every_s=0.3)
        for daemon in reversed(daemons):
            daemon.terminate()
            daemon.wait(timeout=30)


def is_empty() -> bool:
    """Whether no job waits or runs."""
    return run("squeue", "--noheader").stdout == ""


def _start(stack: list[subprocess.Popen[bytes]], words: Sequence[str | Path], log: Path) -> None:
    with log.open("wb") as output:
        stack.append(subprocess.Popen(words, stdout=output, stderr=output, stdin=subprocess.DEVNULL))


def _free_ports() -> tuple[int, int]:
    with socket.socket() as first, socket.socket() as second:
        first.bind(("127.0.0.1", 0))
        second.bind(("127.0.0.1", 0))
        return int(first.getsockname()[1]), int(second.getsockname()[1])
