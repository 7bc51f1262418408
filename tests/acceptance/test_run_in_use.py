"""A run has one process at a time, and everybody says the same of it, also when it was killed or its job failed."""

import json
import os
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.support.model_module import model_module
from tests.support.waiting import until
from themis.cli import run as run_command
from themis.core.errors import RunBusyError
from themis.core.experiment import Experiment
from themis.core.queue import AttemptOutcome, Cause, this_process
from themis.core.stores import run_locks, sqlite_store
from themis.core.submission import open_queue, run_batch_request

Themis = Any
"""The fixture's class: see conftest."""

STORE = Path("runs/themis.sqlite3")
QUEUE = Path("runs/queue")
CONFIG = ("--config", "experiment.yaml")
DIES = model_module("""
    if not (HERE / "well").exists() and case.case_id == "two":
        os._exit(9)
    return GenerationResult(candidate_id=case.case_id, final_output=case.expected_output)
""")


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_locks, "PATIENCE_S", 0.05)
    monkeypatch.setattr(run_command, "_LOOK_EVERY_S", 0.01)


@pytest.fixture
def run_id(themis: Themis) -> str:
    return str(themis("config", "validate", *CONFIG).document["run_id"])


def said_of(themis: Themis, run_id: str) -> dict[str, str]:
    """How the run stands, as each command that shows it says."""
    report = json.loads(themis("report", *CONFIG).out)
    return {
        "report by its id": json.loads(themis("report", run_id).out)["run_result"]["status"],
        "status": themis("status", run_id, "--json").document["state"],
        "status of all": themis("status", "--json").document[0]["state"],
        "quickcheck": json.loads(themis("quickcheck", *CONFIG).out)["status"],
        "report": report["run_result"]["status"],
        "report's state": report["execution_state"]["status"],
        "markdown": themis("report", *CONFIG, "--format", "markdown").out.partition("\n- status: ")[2].split()[0],
        "its summary": themis("report", *CONFIG, "--format", "markdown-summary")
        .out.partition("| status | ")[2]
        .partition(" |")[0],
        "inspect": json.loads(themis("inspect", "state", *CONFIG).out)["status"],
    }


def test_a_second_run_says_who_has_it_and_a_third_waits(themis: Themis, run_id: str) -> None:
    STORE.parent.mkdir()
    with run_locks.hold(STORE.absolute(), run_id, job=None):
        themis("submit", *CONFIG)
        for command in ("run", "resume"):
            busy = themis(command, *CONFIG, "--quiet")
            assert (busy.code, busy.out) == (4, "")
            assert f"process {os.getpid()} on " in busy.err
            assert "--wait" in busy.err

    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with run_locks.hold(STORE.absolute(), run_id, job=None):
            held.set()
            done.wait(0.3)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(10)
    waited = themis("run", *CONFIG, "--quiet", "--wait")
    thread.join()
    assert waited.document["status"] == "completed"
    assert waited.err.count("waiting: ") == 1


def test_an_experiment_in_a_script_raises_our_error(themis: Themis, run_id: str) -> None:
    experiment = Experiment.from_config("experiment.yaml")
    experiment.open_store().close()
    with run_locks.hold(STORE.absolute(), run_id, job=None), pytest.raises(RunBusyError):
        experiment.run()
    in_memory = Experiment.from_config("experiment.yaml", overrides=["storage={store: memory}"])
    assert in_memory.run().status == "completed"
    assert themis("run", *CONFIG, "--quiet").document["status"] == "completed"


def test_a_worker_leaves_a_run_that_is_in_use_uncharged_behind_the_others(themis: Themis, run_id: str) -> None:
    key, _ = themis.submit()
    other = themis("submit", *CONFIG, "--set", "seeds=[7]").document["run_id"]
    worker = ("worker", "run", "--quiet")
    with run_locks.hold(STORE.absolute(), run_id, job=None):
        assert themis(*worker).document.items() >= {"run_id": run_id, "status": "pending"}.items()
        assert themis(*worker).document.items() >= {"run_id": other, "status": "completed"}.items()
        shown = themis("queue", "show", key, "--json").document
        assert (shown["state"], shown["failures"], shown["lost"]) == ("queued", 0, 0)
        assert shown["cause"] == Cause.RUN_IN_USE
        assert f"process {os.getpid()} on " in shown["message"]
        assert shown["ready_ns"] > time.time_ns()
    themis("queue", "set", key, "--not-before", "now")
    assert themis(*worker).document.items() >= {"run_id": run_id, "status": "completed"}.items()


def test_what_a_worker_runs_is_not_run_twice(themis: Themis, run_id: str) -> None:
    themis.submit()
    with run_locks.hold(STORE.absolute(), run_id, job="abcd"):
        busy = themis("run", *CONFIG, "--quiet")
    assert busy.code == 4
    assert "a worker for job abcd" in busy.err


def test_a_batch_request_and_a_rerun_do_not_touch_a_run_in_use(themis: Themis, run_id: str) -> None:
    request = Path(themis("submit", *CONFIG, "--mode", "batch").document["manifest_path"])
    assert themis("run", *CONFIG, "--quiet").code == 0
    rerun = ("--set", "runtime.existing_run_policy=rerun")
    with run_locks.hold(STORE.absolute(), run_id, job=None):
        assert themis("submit", *CONFIG, *rerun).code == 4
        with pytest.raises(RunBusyError):
            run_batch_request(request)
    assert themis("status", run_id, "--json").document["completed_cases"] == 2
    assert request.exists()


def test_a_killed_run_is_said_to_be_interrupted_and_continues(themis: Themis) -> None:
    Path("dies.py").write_text(DIES, encoding="utf-8")
    themis.write(
        "experiment.yaml",
        {**themis.experiment, "generation": {"generator": "dies:Model"}, "runtime": {"max_concurrent_tasks": 1}},
    )
    words = [sys.executable, "-m", "themis", "run", *CONFIG, "--quiet"]
    killed = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    assert killed.wait(60) == 9
    run_id = themis("status", "--json").document[0]["run_id"]
    assert set(said_of(themis, run_id).values()) == {"failed"}
    one = themis("status", run_id, "--json").document
    assert one["error"].startswith(f"interrupted: process {killed.pid} on ")
    assert "interrupted: " in themis("status").out
    assert "interrupted: " in themis("quickcheck", *CONFIG).err
    assert themis("status", run_id, "--wait", "--timeout", "20").code == 3
    Path("well").touch()
    assert themis("run", *CONFIG, "--quiet").document["status"] == "completed"
    assert set(said_of(themis, run_id).values()) == {"completed"}
    assert not list(STORE.parent.glob("*-locks"))


@pytest.mark.few(1)
@pytest.mark.parametrize(
    ("cause", "states"),
    [(Cause.EXIT_CODE, {"failed"}), (Cause.CANCELLED, {"cancelled"}), (Cause.GIVEN_BACK, {"queued", "pending"})],
)
def test_when_a_job_ends_without_a_word_of_its_run_all_say_the_same(
    themis: Themis, cause: Cause, states: set[str]
) -> None:
    key, _ = themis.submit("--set", "runtime.max_attempts=1")
    queue = open_queue(QUEUE)
    claim = queue.claim(this_process()).claim
    assert claim is not None
    run_id = claim.row.run_id
    with closing(sqlite_store(STORE)) as store:
        store.start_run(run_id)
    assert set(said_of(themis, run_id).values()) == {"running"}
    claim.settle(AttemptOutcome(cause, "why"))
    assert set(said_of(themis, run_id).values()) == states
    shown = themis("queue", "show", key, "--json").document
    assert shown["state"] in states
    if cause is Cause.EXIT_CODE:
        (ended,) = themis("queue", "watch", "--once", "--json").document["ended"]
        assert ended["state"] == "failed"
        assert themis("status", run_id, "--json").document["error"] == "why"
        assert json.loads(themis("report", *CONFIG).out)["run_result"]["error"] == "why"


def test_the_whole_of_a_long_message_is_in_the_store(themis: Themis) -> None:
    Path("long.py").write_text(model_module("raise ValueError('é' * 500_000)"), encoding="utf-8")
    themis.write("experiment.yaml", {**themis.experiment, "generation": {"generator": "long:Model"}})
    themis.submit("--set", "runtime.max_attempts=1")
    ran = themis("worker", "run", "--quiet")
    assert ran.document["status"] == "failed"
    assert len(ran.err) < 10_000
    rows = json.loads(themis("quickcheck", *CONFIG).out)["score_rows"]
    assert [len(row["error_message"]) for row in rows] == [500_000] * 2
    assert "(cut: it has 1,0" in themis("status").out + themis("queue", "list").out + json.dumps(
        themis("status", "--json").document, ensure_ascii=False
    )


@pytest.mark.slow
def test_a_worker_that_has_a_run_is_seen_to_run(themis: Themis) -> None:
    Path("slow.py").write_text(
        model_module("""
        (HERE / "began").touch()
        await asyncio.sleep(60)
    """),
        encoding="utf-8",
    )
    themis.write("experiment.yaml", {**themis.experiment, "generation": {"generator": "slow:Model"}})
    themis.submit()
    words = [sys.executable, "-m", "themis", "worker", "run", "--quiet"]
    worker = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(Path("began").exists, "the model to be asked")
        run_id = themis("status", "--json").document[0]["run_id"]
        assert set(said_of(themis, run_id).values()) == {"running"}
        busy = themis("run", *CONFIG, "--quiet")
        assert busy.code == 4
        assert f"process {worker.pid} on " in busy.err
    finally:
        worker.kill()
        worker.wait()
