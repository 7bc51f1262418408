"""Ctrl-C, a polite end and a hard one: what is done is kept, and the run goes on later."""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.support.command_here import done_here
from tests.support.model_module import model_module
from tests.support.waiting import until

CASES = 60
MODEL = model_module("""
    await asyncio.sleep(0.1)
    with open("generated.txt", "a") as file:
        file.write(case.case_id + "\\n")
    return GenerationResult(candidate_id=case.case_id, final_output=case.input)
""")
CONFIG = """
generation: {generator: "slow_model:Model"}
evaluation: {metrics: [builtin/exact_match]}
datasets: [{dataset_id: d, path: cases.jsonl}]
runtime: {max_concurrent_tasks: 4}
"""


@pytest.fixture(autouse=True)
def slow_experiment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An experiment in the current folder that takes a second and a half."""
    monkeypatch.chdir(tmp_path)
    Path("slow_model.py").write_text(MODEL, encoding="utf-8")
    Path("experiment.yaml").write_text(CONFIG, encoding="utf-8")
    lines = [{"case_id": f"c{number}", "input": "x", "expected_output": "x"} for number in range(CASES)]
    Path("cases.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")


def start(*words: str) -> subprocess.Popen[str]:
    # A shell that starts something in the background may have told it to ignore SIGINT.
    return subprocess.Popen(
        [sys.executable, "-m", "themis", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509
    )


class Themis:
    """The command in the current folder, done in this process: those that are interrupted are started."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *words: str) -> Any:
        """The JSON value that a command prints."""
        done = done_here(Path.cwd(), list(words), self._capsys)
        assert done.code == 0, done.err
        return json.loads(done.out)

    def committed(self) -> set[str]:
        """The cases that are stored as they stand."""
        state = self("inspect", "state", "--config", "experiment.yaml")
        return {case["case_id"] for case in state["case_states"].values()}


@pytest.fixture
def themis(capsys: pytest.CaptureFixture[str]) -> Themis:
    return Themis(capsys)


def generated() -> Counter[str]:
    """How often each case was generated."""
    file = Path("generated.txt")
    return Counter(file.read_text(encoding="utf-8").split()) if file.exists() else Counter()


def wait_until(so_many: int) -> None:
    """Wait until so many cases were generated."""
    until(lambda: generated().total() >= so_many, f"{so_many} cases", 30.0, every_s=0.01)


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_an_interrupted_run_ends_cleanly_and_is_resumed(themis: Themis, number: signal.Signals) -> None:
    process = start("run", "--config", "experiment.yaml")
    wait_until(8)
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (128 + number, "")
    assert err == "themis: interrupted; finished cases are kept, and the same command continues with the rest\n"
    (row,) = themis("status", "--json")
    assert row["state"] == "cancelled"
    before, kept = generated(), themis.committed()
    assert 4 <= len(kept) < CASES
    assert set(before) == kept, "what was generated before a clean end is committed"

    result = themis("resume", "--config", "experiment.yaml")
    assert (result["status"], result["completed_cases"]) == ("completed", CASES)
    assert set(generated().values()) == {1}


@pytest.mark.slow
def test_a_killed_run_repeats_no_case_that_was_committed(themis: Themis) -> None:
    process = start("run", "--config", "experiment.yaml")
    wait_until(20)
    process.kill()
    process.communicate(timeout=30)
    kept = themis.committed()
    assert kept
    result = themis("run", "--config", "experiment.yaml")
    assert result["metric_means"] == {"builtin/exact_match": 1.0}
    times = generated()
    assert {times[case] for case in kept} == {1}
    assert len(times) == CASES


@pytest.mark.slow
def test_an_interrupted_worker_gives_its_job_back(themis: Themis) -> None:
    themis("submit", "--config", "experiment.yaml")
    process = start("worker", "run", "--queue-root", "runs/queue")
    wait_until(8)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (128 + signal.SIGINT, "")
    assert err == "themis: interrupted; the experiment is back in the queue, and its finished cases are kept\n"
    assert len(os.listdir("runs/queue/queued")) == 1  # noqa: PTH208
    assert themis("worker", "run")["status"] == "completed"
    assert set(generated().values()) == {1}
    assert themis("queue", "list", "--json")["counts"]["done"] == 1
