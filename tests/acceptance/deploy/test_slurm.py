"""The Slurm script: clean shell, and in a Slurm of one node the worker starts and is asked to stop in time."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.deployment import DEPLOY, SCRIPTS, TOP, run, tool
from tests.support.slurm_cluster import is_empty, slurm_of_one_node
from tests.support.waiting import until

SCRIPT = DEPLOY / "slurm/themis-worker.sbatch"
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


def test_the_shell_around_a_worker_is_that_of_fleets() -> None:
    assert SCRIPT.read_text("utf-8").endswith((TOP / "themis/fleet/slurm/worker.sh").read_text("utf-8"))


def test_a_script_without_a_queue_says_what_is_missing() -> None:
    done = run("env", "--unset=QUEUE_ROOT", "bash", SCRIPT)
    assert done.returncode != 0
    assert "name the queue" in done.stderr


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A Slurm of one node, which is this machine; its folder."""
    with slurm_of_one_node(tmp_path, monkeypatch) as folder:
        yield folder


def submitted(folder: Path, path: str, *more: str) -> str:
    """Submit the script with `path` in front of the PATH; its job's number."""
    output = f"--output={folder}/out-%a.log"
    options = ("--parsable", "--mem=100", "--cpus-per-task=1", output, *more)
    environment = {"PATH": f"{path}:{os.environ['PATH']}", "QUEUE_ROOT": str(folder / "runs/queue")}
    queued = run("sbatch", *options, SCRIPT, cwd=folder, **environment)
    assert queued.returncode == 0, queued.stderr
    return queued.stdout.strip()


@pytest.mark.slow
def test_each_element_is_a_worker_that_is_asked_to_stop_before_its_time_is_up_and_waits_for_more_time(
    slurm: Path,
) -> None:
    stand_in = slurm / "bin" / "themis"
    stand_in.parent.mkdir()
    stand_in.write_text(STAND_IN, encoding="utf-8")
    stand_in.chmod(0o755)
    # Less than the two minutes that the signal comes before the end: it comes at once.
    job = submitted(slurm, str(stand_in.parent), "--time=1", "--array=0-1")

    def restarts() -> int:
        return run("scontrol", "show", "job", job).stdout.count("Restarts=1")

    until(lambda: restarts() == 2, "the elements to be queued again", every_s=0.3)
    for element in (0, 1):
        said = (slurm / f"out-{element}.log").read_text(encoding="utf-8")
        assert f"worker start --queue-root {slurm}/runs/queue --name slurm-{job}-{element}-0 --drain" in said
        assert "asked to stop" in said


@pytest.mark.slow
def test_the_workers_end_when_the_queue_is_empty(slurm: Path) -> None:
    assert run(SCRIPTS / "themis", "init", "--path", ".", cwd=slurm).returncode == 0
    words = ("submit", "--config", "experiment.yaml", "--mode", "worker-pool")
    assert run(SCRIPTS / "themis", *words, cwd=slurm).returncode == 0
    job = submitted(slurm, str(SCRIPTS), "--time=10", "--array=0-1")
    until(is_empty, "the jobs to end", 120, every_s=0.3)
    assert run("scontrol", "show", "job", job).stdout.count("ExitCode=0:0") == 2
    assert len(list((slurm / "runs/queue/done").iterdir())) == 1
