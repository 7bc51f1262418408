"""A fleet on a Slurm of one node: grown, preempted, given back and ended as a person would have it."""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.deployment import SCRIPTS, run
from tests.support.model_module import model_module
from tests.support.slurm_cluster import is_empty, slurm_of_one_node
from tests.support.waiting import until

pytestmark = pytest.mark.slow

RUNS, CASES = 4, 6
MODEL = model_module("""
    with (HERE / "calls").open("a") as calls:
        calls.write(f"{ctx.run_id} {case.case_id}\\n")
    await asyncio.sleep(1)
    return GenerationResult(candidate_id=case.case_id, final_output=case.expected_output)
""")
FLEET = ("--on", "slurm", "--name", "night", "--max", "3", "--tags", "gpu", "--max-idle", "2")


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with slurm_of_one_node(tmp_path, monkeypatch) as folder:
        yield folder


def themis(folder: Path, *words: str) -> dict[str, Any]:
    done = run(SCRIPTS / "themis", *words, cwd=folder)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def submit(folder: Path) -> None:
    """Submit runs that only workers with the tag take."""
    (folder / "slow_model.py").write_text(MODEL)
    document = {
        "generation": {"generator": "slow_model:Model"},
        "evaluation": {"metrics": ["builtin/exact_match"]},
        "storage": {"store": "sqlite"},
        "runtime": {"tags": ["gpu"], "max_concurrent_tasks": 1},
        "datasets": [
            {
                "dataset_id": "d",
                "cases": [{"case_id": f"c{no}", "input": "x", "expected_output": "y"} for no in range(CASES)],
            }
        ],
    }
    (folder / "experiment.yaml").write_text(yaml.safe_dump(document))
    for number in range(RUNS):
        themis(folder, "submit", "experiment.yaml", "--set", f"seeds=[{number}]")


def counts(folder: Path) -> dict[str, int]:
    found: dict[str, int] = themis(folder, "queue", "list", "--json")["counts"]
    return found


def calls(folder: Path) -> list[str]:
    return (folder / "calls").read_text().splitlines() if (folder / "calls").exists() else []


def charged(folder: Path) -> tuple[int, int]:
    """What all jobs were charged: failures, and losses of their workers."""
    with sqlite3.connect(folder / "runs/themis.sqlite3") as database:
        failures, lost = database.execute("SELECT sum(failures), sum(lost) FROM jobs").fetchone()
    return int(failures), int(lost)


def elements(folder: Path) -> dict[str, str]:
    return {one["id"]: one["state"] for one in themis(folder, "fleet", "status", *FLEET[:4], "--json")["workers"]}


def test_a_fleet_grows_with_the_queue_loses_nothing_to_preemption_and_ends_by_itself(slurm: Path) -> None:
    assert themis(slurm, "fleet", "up", *FLEET)["workers"] == 0
    submit(slurm)
    assert themis(slurm, "fleet", "scale", "--on", "slurm", "--name", "plain")["workers"] == 0  # without the tag
    started = themis(slurm, "fleet", "scale", *FLEET)
    assert started["workers"] == 3
    (job,) = started["submitted"]
    assert themis(slurm, "fleet", "scale", *FLEET)["workers"] == 0  # they are on their way
    until(lambda: len(calls(slurm)) >= 6, "three jobs to run", every_s=0.3)
    # As Slurm does when it needs the node for somebody else.
    assert run("scontrol", "requeue", f"{job}_0").returncode == 0
    until(lambda: elements(slurm)[f"{job}_0"] == "pending", "the element to be queued again", every_s=0.3)
    until(lambda: run("scontrol", "update", f"JobId={job}_0", "StartTime=now").returncode == 0, "it to begin soon")
    until(lambda: counts(slurm)["done"] == RUNS, "all jobs to be done", 180, every_s=0.5)
    until(is_empty, "the workers to end", 120, every_s=0.5)
    assert charged(slurm) == (0, 0)
    # Each case was answered and kept once; the one that was under way was asked for again.
    assert RUNS * CASES <= len(calls(slurm)) <= RUNS * CASES + 1
    assert set(elements(slurm).values()) == {"completed"}


def test_the_end_of_a_fleet_lets_jobs_end_or_gives_them_back(slurm: Path) -> None:
    submit(slurm)
    (job,) = themis(slurm, "fleet", "up", *FLEET)["submitted"]
    until(lambda: len(calls(slurm)) >= 3, "three jobs to run", every_s=0.3)
    ended = themis(slurm, "fleet", "down", *FLEET[:4])
    assert sorted(ended["asked"]) == [f"{job}_0", f"{job}_1", f"{job}_2"]
    until(is_empty, "the workers to end", 120, every_s=0.5)
    found = counts(slurm)
    assert (found["done"], found["queued"], found["running"]) == (3, 1, 0)
    assert themis(slurm, "fleet", "up", *FLEET)["workers"] == 1
    until(lambda: len(calls(slurm)) >= 3 * CASES + 1, "the last job to run", every_s=0.3)
    themis(slurm, "fleet", "down", *FLEET[:4], "--now")
    until(is_empty, "the worker to end", 120, every_s=0.5)
    assert counts(slurm)["queued"] == 1
    assert charged(slurm) == (0, 0)


def test_before_its_time_is_up_a_worker_ends_what_it_runs_and_its_element_waits_for_more_time(slurm: Path) -> None:
    submit(slurm)
    (job,) = themis(slurm, "fleet", "up", *FLEET)["submitted"]
    until(lambda: len(calls(slurm)) >= 3, "three jobs to run", every_s=0.3)
    # What Slurm does two minutes before the limit, by --signal of the script.
    assert run("scancel", "--batch", "--signal=USR1", f"{job}_0", f"{job}_1").returncode == 0
    until(lambda: list(elements(slurm).values()).count("pending") == 2, "both to be queued again", every_s=0.3)
    until(lambda: counts(slurm)["done"] == RUNS, "the third worker to do the rest", every_s=0.3)
    assert len(calls(slurm)) == RUNS * CASES  # what ran was done to its end
    assert charged(slurm) == (0, 0)
    withdrawn = themis(slurm, "fleet", "down", *FLEET[:4])["withdrawn"]
    assert sorted(withdrawn) == [f"{job}_0", f"{job}_1"]
