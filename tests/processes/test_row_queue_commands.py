"""The commands on a queue of rows: submitted, run by daemons, one of which is killed, looked at, and pruned."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import postgres_server
from tests.support.waiting import until
from themis.core.queue.rows.this_host import FOLDER_VARIABLE

pytestmark = pytest.mark.slow

EXPERIMENT = """
generation: {generator: "slow:Slow"}
evaluation: {metrics: [builtin/exact_match]}
storage: {store: postgres, parameters: {url: "env:ROWS_DB"}}
runtime: {queue_root: store}
datasets:
  - dataset_id: sums
    cases:
      - {case_id: one, input: "1 + 1", expected_output: "2"}
"""
SLOW = """
import time
from pathlib import Path
from themis.core.models import GenerationResult

class Slow:
    component_id, version = "slow", "1"

    def fingerprint(self):
        return "slow"

    async def generate(self, case, context):
        print("asked", flush=True)
        first = Path(__file__).with_name("asked")
        if not first.exists():
            first.touch()
            time.sleep(600)
        return GenerationResult(candidate_id=f"{case.case_id}-{context.seed}", final_output="2")
"""
AT = "store:env:ROWS_DB"

Themis = Callable[..., Any]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ROWS_DB", postgres_server.schema_url())
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "queues"))
    (tmp_path / "experiment.yaml").write_text(EXPERIMENT)
    (tmp_path / "slow.py").write_text(SLOW)
    return tmp_path


@pytest.fixture
def themis(folder: Path) -> Themis:
    """Runs a command that must succeed; returns what it printed, parsed."""

    def run(*words: str) -> Any:
        command = [sys.executable, "-m", "themis", *words]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0, done.stderr
        assert "hunter2" not in done.stdout + done.stderr
        return json.loads(done.stdout) if done.stdout.startswith("{") else done.stdout

    return run


def daemon(folder: Path, *words: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "themis", "worker", "start", "--queue-root", AT, *words]
    return subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True, env={**os.environ})


def test_a_job_of_a_killed_daemon_is_done_by_another_and_the_commands_tell_its_story(
    folder: Path, themis: Themis, monkeypatch: pytest.MonkeyPatch
) -> None:
    submitted = themis("submit", "experiment.yaml")
    assert (submitted["status"], submitted["manifest_path"]) == ("pending", None)
    assert themis("queue", "list", "--queue-root", AT, "--json")["counts"]["queued"] == 1

    with daemon(folder, "--name", "first") as first:
        until((folder / "asked").exists, "the model to be asked", seconds=60)
        (worker,) = themis("worker", "list", "--queue-root", AT, "--json")["workers"]
        assert (worker["worker"], worker["alive"]) == ("first", True)
        first.send_signal(signal.SIGKILL)
    with daemon(folder, "--name", "second", "--drain") as second:
        _, said = second.communicate(timeout=120)
        assert second.returncode == 0, said
        assert "an orphaned job was recovered" in said

    (job,) = themis("queue", "list", "--config", "experiment.yaml", "--json")["jobs"]
    assert (job["state"], job["path"]) == ("done", None)
    shown = themis("queue", "show", job["key"], "--queue-root", AT, "--json")
    assert [attempt["cause"] for attempt in shown["attempts"]] == ["worker lost", "done"]
    told = themis("queue", "logs", job["key"], "--queue-root", AT, "--json")
    moves = [line["move"] for line in told["journal"]]
    assert moves == ["submit", "claim", "recover", "claim", "settle"]
    assert "asked" in told["logs"]["2"]
    status = themis("status", submitted["run_id"], "--queue-root", AT, "--json")
    assert (status["state"], status["metric_means"]) == ("completed", {"builtin/exact_match": 1.0})
    assert themis("queue", "watch", "--once", "--queue-root", AT, "--json")["counts"]["done"] == 1
    assert "Nothing is out of place" in themis("queue", "doctor", "--queue-root", AT)

    # As another host sees it, which has no logs of its own.
    monkeypatch.setenv(FOLDER_VARIABLE, str(folder / "elsewhere"))
    text = themis("queue", "logs", job["key"], "--queue-root", AT, "--attempt", "2")
    assert str(folder / "queues") in text
    assert "asked" in text
    pruned = themis("queue", "prune", "--older-than", "0s", "--yes", "--queue-root", AT, "--json")
    assert pruned["count"] == 1
    assert themis("queue", "list", "--queue-root", AT, "--json")["jobs"] == []


def test_a_queue_of_rows_is_paused_reordered_cancelled_and_retried_by_commands(folder: Path, themis: Themis) -> None:
    (folder / "asked").touch()
    for seed in (1, 2):
        themis("submit", "experiment.yaml", "--set", f"seeds=[{seed}]")
    first, second = themis("queue", "list", "--queue-root", AT, "--json")["jobs"]
    assert themis("queue", "set", second["key"], "--priority", "0", "--queue-root", AT)["priority"] == 0
    jobs = themis("queue", "list", "--queue-root", AT, "--json")["jobs"]
    assert [job["key"] for job in jobs] == [second["key"], first["key"]]
    assert themis("queue", "pause", "--reason", "a move", "--queue-root", AT)["paused"]
    assert themis("worker", "run", "--queue-root", AT) == {"status": "idle"}
    themis("queue", "resume", "--queue-root", AT)
    assert themis("queue", "cancel", first["key"], "--queue-root", AT)["state"] == "cancelled"
    assert themis("worker", "run", "--queue-root", AT)["status"] == "completed"
    assert themis("worker", "run", "--config", "experiment.yaml") == {"status": "idle"}
    assert themis("queue", "retry", first["key"], "--queue-root", AT)["state"] == "queued"
    assert themis("worker", "run", "--config", "experiment.yaml")["status"] == "completed"
    plan = themis("submit", "experiment.yaml", "--set", "seeds=[1]", "--dry-run")
    assert (plan["folder"], plan["job"], plan["job_state"]) == (AT, first["key"], "done")


@pytest.fixture
def server() -> Iterator[postgres_server.Server]:
    """A server of the test's own, which may be stopped."""
    with postgres_server.servers_folder() as folder:
        made = postgres_server.Server(folder / "server").start()
        yield made
        made.stop("immediate")


def test_a_daemon_outlives_a_crash_of_the_server_and_does_each_job_once(
    folder: Path, themis: Themis, server: postgres_server.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROWS_DB", server.url())
    (folder / "slow.py").write_text(SLOW.replace("if not first.exists()", "if True").replace("600", "0.3"))
    for seed in range(6):
        themis("submit", "experiment.yaml", "--set", f"seeds=[{seed}]")
    with daemon(folder, "--drain", "--slots", "2") as worker:
        counts = ["queue", "list", "--queue-root", AT, "--json"]
        until(lambda: themis(*counts)["counts"]["done"] >= 1, "the first job to be done", every_s=0.2)
        server.stop("immediate")
        time.sleep(3)
        server.start()
        _, said = worker.communicate(timeout=180)
        assert worker.returncode == 0, said
        assert "Traceback" not in said
    jobs = themis("queue", "list", "--queue-root", AT, "--json")["jobs"]
    assert [job["state"] for job in jobs] == ["done"] * 6
    for job in jobs:
        attempts = themis("queue", "show", job["key"], "--queue-root", AT, "--json")["attempts"]
        assert [attempt["cause"] for attempt in attempts].count("done") == 1
        assert {attempt["cause"] for attempt in attempts} <= {"done", "outage"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("queue", "list", "--queue-root", "store"), "name it here, as in store:env:"),
        (("queue", "list", "--queue-root", "store:postgresql://me:hunter2@db/x"), "holds a password"),
        (("queue", "list", "--queue-root", "store:env:NO_SUCH_VARIABLE"), "NO_SUCH_VARIABLE"),
        (("queue", "doctor", "--fix", "--moved", "--queue-root", AT), "is for a queue in a folder"),
        (("submit", "experiment.yaml", "--set", "storage={store: sqlite}"), "needs a results store in Postgres"),
    ],
)
def test_a_place_that_cannot_be_is_one_clear_line(folder: Path, words: tuple[str, ...], said: str) -> None:
    command = [sys.executable, "-m", "themis", *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode in {2, 4}
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert "hunter2" not in done.stderr
