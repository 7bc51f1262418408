"""Slurm as the engine of a fleet, with stand-ins for its programs."""

import shlex
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.processes.queue_world import world
from themis.core.errors import EngineError, EngineMissingError, FleetError, UnreachableQueueError
from themis.fleet.slurm.engine import SlurmEngine
from themis.fleet.slurm.script import batch_script
from themis.fleet.spec import FleetSpec

# It notes how it was called, and prints what a file of its name says.
STAND_IN = f"""#!{sys.executable}
import pathlib, sys
here = pathlib.Path(__file__).parent
name = pathlib.Path(__file__).name
with (here / "calls").open("a") as calls:
    calls.write(" ".join([name, *sys.argv[1:]]) + "\\n")
if name == "sbatch":
    (here / "script").write_text(sys.stdin.read())
said = here / (name + ".out")
if said.exists():
    print(said.read_text())
if (here / (name + ".err")).exists():
    sys.exit("sbatch: error: " + (here / (name + ".err")).read_text())
"""


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "programs"
    folder.mkdir()
    for name in ("sbatch", "squeue", "scancel", "sinfo"):
        (folder / name).write_text(STAND_IN)
        (folder / name).chmod(0o755)
    (folder / "sbatch.out").write_text("7;cluster")
    monkeypatch.setenv("PATH", str(folder))
    return folder


def spec(place: Path, **facts: Any) -> FleetSpec:
    return FleetSpec(**{"name": "big", "place": place, "command": ("/opt/the mis/bin/themis",), **facts})


def calls(programs: Path) -> list[str]:
    return (programs / "calls").read_text().splitlines()


def test_the_script_says_what_the_worker_needs_and_options_of_a_person_decide() -> None:
    told = {"partition": "gpu", "--time": "04:00:00", "output": "/logs/%A"}
    text = batch_script(
        spec(Path("/srv/a queue"), gpus=1, memory_mb=2048, tags=("gpu",), engine_options=told), 3, lasting=False
    )
    header = [line.removeprefix("#SBATCH --") for line in text.splitlines() if line.startswith("#SBATCH")]
    assert set(header) >= {"array=0-2", "requeue", "signal=B:USR1@120", "gres=gpu:1", "mem=2048M", "cpus-per-task=1"}
    assert set(header) >= {"partition=gpu", "time=04:00:00", "output=/logs/%A", "job-name=themis-big"}
    assert "nodelist" not in text
    assert f"themis=({shlex.quote('/opt/the mis/bin/themis')})" in text
    assert "--queue-root '/srv/a queue' --grace 90 --preemptible --slots 1 --tags gpu --max-idle 300 " in text
    assert " --name big." in text


def test_a_fleet_submits_what_is_missing_for_the_jobs_that_wait(tmp_path: Path, programs: Path) -> None:
    with world(tmp_path) as here:
        for number in range(5):
            here.submit(f"run-{number}")
        (programs / "squeue.out").write_text("6_0|RUNNING|n1|None|1:00\n6_1|COMPLETED|n1|None|0:30\n")
        started = SlurmEngine().scale(spec(here.queue.path, maximum=4))
    assert (started.submitted, started.workers) == (("7",), 3)
    assert "#SBATCH --array=0-2\n" in (programs / "script").read_text()
    assert "--me --states=all --name=themis-big" in next(line for line in calls(programs) if "squeue" in line)


def test_without_work_nothing_is_submitted(tmp_path: Path, programs: Path) -> None:
    started = SlurmEngine().up(spec(tmp_path / "queue", maximum=4))
    assert (started.submitted, started.workers) == ((), 0)
    assert not any(line.startswith("sbatch") for line in calls(programs))


def test_workers_that_stay_are_an_array_of_their_own(tmp_path: Path, programs: Path) -> None:
    started = SlurmEngine().up(spec(tmp_path / "queue", minimum=2, maximum=2))
    assert (started.submitted, started.workers, started.hints) == (("7",), 2, ())
    assert "--max-idle" not in (programs / "script").read_text()


def test_the_end_of_a_fleet_withdraws_what_waits_and_asks_what_runs(programs: Path) -> None:
    (programs / "squeue.out").write_text("6_0|RUNNING|n1|None|1:00\n6_1|PENDING||Priority|0:00\n6_2|FAILED|n1||0:01")
    ended = SlurmEngine().down("big", now=False)
    assert (ended.withdrawn, ended.asked) == (("6_1",), ("6_0",))
    assert [line for line in calls(programs) if line.startswith("scancel")] == [
        "scancel --quiet --state=PENDING 6_1",
        "scancel --quiet --batch --signal=USR2 6_0",
    ]
    SlurmEngine().down("big", now=True)
    assert calls(programs)[-1] == "scancel --quiet 6_0"


def test_a_queue_on_a_disk_of_this_machine_is_refused_where_there_are_other_nodes(
    tmp_path: Path, programs: Path
) -> None:
    (programs / "sinfo.out").write_text("node1\nnode2")
    with pytest.raises(UnreachableQueueError, match="store:env:THEMIS_DATABASE_URL"):
        SlurmEngine().up(spec(tmp_path / "queue", minimum=1))
    (tmp_path / "queue").mkdir()
    (tmp_path / "queue/queue.json").write_text('{"shared": true}')
    assert SlurmEngine().up(spec(tmp_path / "queue", minimum=1)).workers == 1


@pytest.mark.parametrize(("option", "told"), [("gpu partition", "is not an option"), ("array", "decided by the fleet")])
def test_an_option_that_cannot_be_passed_on_is_refused(tmp_path: Path, option: str, told: str) -> None:
    with pytest.raises(FleetError, match=told):
        SlurmEngine().text(spec(tmp_path, engine_options={option: "1"}))


def test_without_slurm_a_person_is_told_where_to_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(EngineMissingError, match=r"squeue is not on this machine: .* login node"):
        SlurmEngine().status("big")


def test_what_slurm_refuses_is_said_in_its_words(tmp_path: Path, programs: Path) -> None:
    (programs / "sbatch.err").write_text("invalid partition specified: gpu")
    with pytest.raises(EngineError, match=r"Slurm: sbatch .*invalid partition"):
        SlurmEngine().up(spec(tmp_path / "queue", minimum=1))
