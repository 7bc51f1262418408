"""The Slurm script: clean shell, and in a Slurm of one node the worker starts and is asked to stop in time."""

import os
import secrets
import socket
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.support.deployment import DEPLOY, SCRIPTS, TOP, root_only, run, tool
from tests.support.waiting import until

SCRIPT = DEPLOY / "slurm/themis-worker.sbatch"
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
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
MpiDefault=none
KillWait=5
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory=500
PartitionName=all Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""
# It says what it was told, and ends as a worker does that is asked to stop.
STAND_IN = """#!/bin/sh
trap 'echo asked to stop; exit 5' TERM
echo "$@"
while :; do sleep 0.2; done
"""


@pytest.mark.parametrize("script", [SCRIPT, TOP / ".ci/run"], ids=lambda path: path.name)
def test_a_script_is_clean_shell(script: Path) -> None:
    assert run("bash", "-n", script).stderr == ""
    checked = run(tool("shellcheck", "Debian's shellcheck"), "--norc", script)
    assert (checked.returncode, checked.stdout) == (0, "")


def test_a_script_without_a_queue_says_what_is_missing() -> None:
    done = run("env", "--unset=QUEUE_ROOT", "bash", SCRIPT)
    assert done.returncode != 0
    assert "name the queue" in done.stderr


def start(stack: list[subprocess.Popen[bytes]], words: Sequence[str | Path], log: Path) -> None:
    with log.open("wb") as output:
        stack.append(subprocess.Popen(words, stdout=output, stderr=output, stdin=subprocess.DEVNULL))


def free_ports() -> tuple[int, int]:
    with socket.socket() as first, socket.socket() as second:
        first.bind(("127.0.0.1", 0))
        second.bind(("127.0.0.1", 0))
        return int(first.getsockname()[1]), int(second.getsockname()[1])


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A Slurm of one node, which is this machine; its folder."""
    root_only("a Slurm of one's own runs as root")
    munged, controller, node = (tool(name, "Debian's slurm-wlm") for name in ("munged", "slurmctld", "slurmd"))
    for name in ("state", "spool"):
        (tmp_path / name).mkdir()
    key = tmp_path / "munge.key"
    key.write_bytes(secrets.token_bytes(1024))
    key.chmod(0o400)
    port, next_port = free_ports()
    host, cpus = socket.gethostname().partition(".")[0], os.cpu_count()
    config = CONFIG.format(host=host, folder=tmp_path, port=port, next_port=next_port, cpus=cpus)
    (tmp_path / "slurm.conf").write_text(config, encoding="utf-8")
    monkeypatch.setenv("SLURM_CONF", str(tmp_path / "slurm.conf"))
    daemons: list[subprocess.Popen[bytes]] = []
    munge_options = {"socket": "socket", "key-file": "key", "pid-file": "pid", "log-file": "log", "seed-file": "seed"}
    options = [f"--{option}={tmp_path}/munge.{suffix}" for option, suffix in munge_options.items()]
    try:
        start(daemons, [munged, "--foreground", "--force", *options], tmp_path / "munged.log")
        until((tmp_path / "munge.socket").exists, "munge to listen")
        start(daemons, [controller, "-D"], tmp_path / "slurmctld.log")
        start(daemons, [node, "-D"], tmp_path / "slurmd.log")
        until(lambda: "idle" in run("sinfo", "--noheader").stdout, "the node to be idle", every_s=0.3)
        yield tmp_path
    finally:
        for daemon in reversed(daemons):
            daemon.terminate()
            daemon.wait(timeout=30)


def submitted(folder: Path, path: str, *more: str) -> str:
    """Submit the script with `path` in front of the PATH; its job's number."""
    output = f"--output={folder}/out-%a.log"
    options = ("--parsable", "--mem=100", "--cpus-per-task=1", output, *more)
    environment = {"PATH": f"{path}:{os.environ['PATH']}", "QUEUE_ROOT": str(folder / "runs/queue")}
    queued = run("sbatch", *options, SCRIPT, cwd=folder, **environment)
    assert queued.returncode == 0, queued.stderr
    return queued.stdout.strip()


@pytest.mark.slow
def test_each_element_of_the_array_is_a_worker_and_is_asked_to_stop_before_its_time_is_up(slurm: Path) -> None:
    stand_in = slurm / "bin" / "themis"
    stand_in.parent.mkdir()
    stand_in.write_text(STAND_IN, encoding="utf-8")
    stand_in.chmod(0o755)
    # Less than the two minutes that the signal comes before the end: it comes at once.
    job = submitted(slurm, str(stand_in.parent), "--time=1", "--array=0-1")
    until(lambda: run("squeue", "--noheader").stdout == "", "the jobs to end", every_s=0.3)
    for element in (0, 1):
        said = (slurm / f"out-{element}.log").read_text(encoding="utf-8")
        assert f"worker start --queue-root {slurm}/runs/queue --name slurm-{job}-{element} --drain" in said
        assert "asked to stop" in said
    assert run("scontrol", "show", "job", job).stdout.count("ExitCode=5:0") == 2


@pytest.mark.slow
def test_the_workers_end_when_the_queue_is_empty(slurm: Path) -> None:
    assert run(SCRIPTS / "themis", "init", "--path", ".", cwd=slurm).returncode == 0
    words = ("submit", "--config", "experiment.yaml", "--mode", "worker-pool")
    assert run(SCRIPTS / "themis", *words, cwd=slurm).returncode == 0
    job = submitted(slurm, str(SCRIPTS), "--time=10", "--array=0-1")
    until(lambda: run("squeue", "--noheader").stdout == "", "the jobs to end", 120, every_s=0.3)
    assert run("scontrol", "show", "job", job).stdout.count("ExitCode=0:0") == 2
    assert len(list((slurm / "runs/queue/done").iterdir())) == 1
