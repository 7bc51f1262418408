"""The workers of a queue are seen and stopped, and when it will be empty is foreseen."""

import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.model_module import model_module

Themis = Any
"""The fixture's class: see conftest."""

REGISTERED = """
import sys, time
from pathlib import Path
from themis.core.queue.folder.processes import this_process
from themis.core.queue.folder.worker_report import SlotReport, WorkerReport
from themis_workers.registry import Registration
me = this_process(sys.argv[1])
now_ns = time.time_ns()
busy = SlotReport(0, key="4f1c09ab00112233", run_id="ab" * 32, attempt=1, started_ns=now_ns, total=60, done=7, failed=2)
with Registration(Path(sys.argv[2]), me) as registration:
    registration.write(WorkerReport(
        me.worker, me.host, me.boot_id, me.pid, me.pid_started, "4", now_ns, now_ns,
        why="the disk is full\\x1b[2J", tags=("gpu",), slots=(busy, SlotReport(1)),
        claimed=12, ended={"done": 11, "time limit": 1}))
    print("registered", flush=True)
    while not registration.stop_requested:
        time.sleep(0.05)
"""
SLOW_MODEL = model_module("""
    await asyncio.sleep(0.02)
    return GenerationResult(candidate_id=case.case_id, final_output=case.expected_output)
""")
SLOW_MODULE = "slow_model_of_the_acceptance_tests"


class Workers:
    """Processes that are registered as workers, and run nothing."""

    def __init__(self) -> None:
        self.started: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str) -> subprocess.Popen[bytes]:
        """One more, that ends when asked to stop."""
        root = Path("runs/queue").absolute()
        process = subprocess.Popen([sys.executable, "-c", REGISTERED, name, str(root)], stdout=subprocess.PIPE)
        assert process.stdout is not None
        assert process.stdout.readline() == b"registered\n"
        self.started[name] = process
        return process


@pytest.fixture
def workers(themis: Themis) -> Iterator[Workers]:
    themis.submit("--not-before", "1h")
    found = Workers()
    yield found
    for process in found.started.values():
        process.kill()
        process.communicate()


# --- worker list and stop


def test_workers_are_listed_with_what_they_run_and_dead_ones_are_marked(themis: Themis, workers: Workers) -> None:
    assert "no worker is registered at" in themis("worker", "list").err
    workers.start("one")
    workers.start("two").kill()
    workers.started["two"].wait()
    one, two = themis("worker", "list", "--json").document["workers"]
    assert (one["worker"], one["alive"], one["claimed"], one["ended"]) == (
        "one",
        True,
        12,
        {"done": 11, "time limit": 1},
    )
    assert (one["slots"][0]["key"], one["slots"][0]["done"], one["tags"]) == ("4f1c09ab00112233", 7, ["gpu"])
    assert (two["worker"], two["alive"]) == ("two", False)
    shown = themis("worker", "list").out.splitlines()
    assert shown[1].split()[3:10] == ["running", "1/2", "12", "11", "done,", "1", "time"]
    assert shown[2].split()[3:5] == ["dead", "0/2"]
    assert [line.split()[:7] for line in shown[5:6]] == [
        ["one", "0", "4f1c09ab00112233", "abababababab", "-", "1", "7/60"]
    ]
    assert shown[-1] == "one takes no job: the disk is full\N{REPLACEMENT CHARACTER}[2J"


@pytest.mark.slow
def test_dead_workers_are_forgotten_when_asked_and_living_ones_never(themis: Themis, workers: Workers) -> None:
    workers.start("one")
    workers.start("two").kill()
    workers.started["two"].wait()
    (left,) = themis("worker", "list", "--forget-dead", "--json").document["workers"]
    assert left["worker"] == "one"
    assert not Path("runs/queue/workers/two.json").exists()


def test_a_worker_is_stopped_by_its_name_and_waited_for(themis: Themis, workers: Workers) -> None:
    one, two = workers.start("one"), workers.start("two")
    done = themis("worker", "stop", "one", "--wait", "30")
    assert (done.code, done.document) == (0, {"asked": ["one"], "stopped": ["one"], "left": []})
    assert one.wait(timeout=10) == 0
    assert two.poll() is None
    assert themis("worker", "stop", "--all", "--wait", "30").document["stopped"] == ["two"]
    assert themis("worker", "stop", "--all").document == {"asked": [], "stopped": [], "left": []}


def test_a_worker_that_is_still_there_after_the_wait_is_said_to_be(themis: Themis, workers: Workers) -> None:
    process = workers.start("one")
    process.send_signal(signal.SIGSTOP)
    done = themis("worker", "stop", "one", "--wait", "0.3")
    assert (done.code, json.loads(done.out)["left"]) == (124, ["one"])
    assert done.err.startswith("themis: after 300 ms still there: one")
    process.send_signal(signal.SIGCONT)
    assert process.wait(timeout=10) == 0


def test_a_worker_that_nobody_knows_stops_nothing(themis: Themis, workers: Workers) -> None:
    process = workers.start("gpu-1")
    done = themis("worker", "stop", "gpu-1", "gpu-l")
    assert (done.code, done.out) == (2, "")
    assert done.err == (
        "themis: error: worker 'gpu-l': no worker of this queue has that name; did you mean \"gpu-1\"?\n"
    )
    for words in ([], ["gpu-1", "--all"]):
        assert themis("worker", "stop", *words).code == 2
    time.sleep(0.2)
    assert process.poll() is None


# --- queue watch


def test_the_watch_shows_workers_and_what_comes_next(themis: Themis, workers: Workers) -> None:
    workers.start("one")
    shown = themis("queue", "watch", "--once").out
    assert "0 running, 0 queued, 1 waiting" in shown
    assert "is unknown, as no similar run has ended yet; 2 slots" in shown
    assert "demo_generator-on-sums" in shown
    assert " in 60 min\n" in shown


def test_a_watch_goes_on_until_it_is_interrupted_and_then_ends_without_a_word(themis: Themis) -> None:
    command = [sys.executable, "-m", "themis", "queue", "watch", "--interval", "0.1", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["exists"] is False
        themis.submit()
        patient_until = time.monotonic() + 30
        # A look may fall between the making of the queue and that of the job's file.
        while (look := json.loads(process.stdout.readline()))["counts"].get("queued") != 1:
            assert time.monotonic() < patient_until
        assert look["exists"]
        process.send_signal(signal.SIGINT)
        _, complaint = process.communicate(timeout=30)
        assert (process.returncode, complaint) == (130, "")


def test_a_watch_of_a_folder_that_is_no_queue_says_so(themis: Themis) -> None:
    Path("file").touch()
    done = themis("queue", "watch", "--once", "--queue-root", "file")
    assert (done.code, done.out) == (2, "")
    assert "file: is not a folder" in done.err


@pytest.mark.slow
def test_when_forty_equal_jobs_will_be_done_is_foreseen_within_a_factor_of_two(themis: Themis) -> None:
    Path(f"{SLOW_MODULE}.py").write_text(SLOW_MODEL, encoding="utf-8")
    cases = [{"case_id": f"c{no}", "input": "x", "expected_output": "y"} for no in range(4)]
    themis.write(
        "slow.yaml",
        {
            **themis.experiment,
            "generation": {"generator": f"{SLOW_MODULE}:Model"},
            "datasets": [{"dataset_id": "d", "cases": cases}],
            "runtime": {"max_concurrent_tasks": 1},
        },
    )
    for seed in range(40):
        themis("submit", "--config", "slow.yaml", "--set", f"seeds=[{seed}]")
    for _ in range(8):
        themis("worker", "run", "--quiet")
    look = themis("queue", "watch", "--once", "--json").document
    assert (look["counts"]["queued"], look["forecast"]["jobs"], look["slots"]) == (32, 32, 0)
    foreseen_s = look["forecast"]["middle_s"]
    began_s = time.monotonic()
    for _ in range(32):
        themis("worker", "run", "--quiet")
    took_s = time.monotonic() - began_s
    assert took_s / 2 < foreseen_s < took_s * 2
    assert themis("queue", "watch", "--once", "--json").document["forecast"]["middle_s"] == 0.0


@pytest.mark.few(1)
@pytest.mark.parametrize("words", [["worker", "list"], ["queue", "watch", "--once"]])
def test_looking_imports_neither_the_engine_nor_rich(words: list[str], themis: Themis) -> None:
    themis.submit()
    program = "import sys; from themis.cli.main import main; main(sys.argv[1:]); print('loaded:', *sys.modules)"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        [sys.executable, "-c", program, *words], capture_output=True, text=True, check=True, env=environment, timeout=60
    )
    loaded = set(done.stdout.rpartition("loaded:")[2].split())
    assert "themis.core.queue.folder.worker_registry" in loaded
    assert (
        not {"themis_workers", "pydantic", "rich", "yaml", "asyncio", "themis.core.experiment", "themis.core.snapshot"}
        & loaded
    )


def test_on_a_terminal_the_screen_is_drawn_again_and_left_as_it_was(themis: Themis) -> None:
    themis.submit()
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 80, 0, 0))
    environment = {**os.environ, "TERM": "xterm", "PYTHONPATH": str(Path(__file__).parents[2])}
    for name in ("COLUMNS", "LINES", "NO_COLOR"):
        environment.pop(name, None)
    command = [sys.executable, "-m", "themis", "queue", "watch", "--interval", "0.1"]
    with subprocess.Popen(command, stdout=theirs, stderr=theirs, stdin=theirs, env=environment) as process:
        os.close(theirs)
        seen = _read_until(ours, b"demo_generator-on-sums", times=3)
        assert b"\x1b[?1049h" in seen
        process.send_signal(signal.SIGTERM)
        rest = _read_until(ours, b"\x1b[?1049l", times=1)
        assert process.wait(timeout=30) == 143
    os.close(ours)
    assert b"Traceback" not in seen + rest
    assert b"\x1b[?25h" in rest, "the cursor is back"


def _read_until(terminal: int, what: bytes, *, times: int) -> bytes:
    """What a terminal shows until `what` came so often; or for a minute."""
    seen = b""
    patient_until = time.monotonic() + 60
    while seen.count(what) < times:
        assert time.monotonic() < patient_until, seen
        if select.select([terminal], [], [], 0.1)[0]:
            seen += os.read(terminal, 65_536)
    return seen
