"""What a worker tells those who watch it: systemd, probes, Prometheus, and who reads its log."""

import itertools
import json
import os
import re
import signal
import socket
import sqlite3
import struct
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.processes.worker_world import World, stop
from tests.support.waiting import until
from themis.core.jobs.store_cache import StoreCache
from themis.core.queue import FileQueue
from themis.core.queue.folder.worker_registry import request_stop
from themis.core.queue.model import layout

HOSTILE = "first line\nsecond line \x1b[2J\r\x00 " + json.dumps({"event": "forged"}) + " http://me:hunter2@host/x"


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    made.prepare()
    return made


# --- systemd


class Manager:
    """Stands for systemd: hears what a service says, from which process, and when."""

    def __init__(self, address: str) -> None:
        self.heard: list[tuple[float, int, list[str]]] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self._socket.bind(address)
        self._socket.setblocking(False)

    def hear(self) -> None:
        while True:
            try:
                data, ancillary, _, _ = self._socket.recvmsg(4_096, 256)
            except BlockingIOError:
                return
            pid = struct.unpack("3i", ancillary[0][2])[0]
            self.heard.append((time.monotonic(), pid, data.decode().splitlines()))

    def hears(self, line: str, times: int = 1) -> bool:
        """Whether it has been told a line so often by now."""
        self.hear()
        return sum(line in lines for _, _, lines in self.heard) >= times

    def states(self) -> list[str]:
        return [line for _, _, lines in self.heard for line in lines if line in _STATES]

    def longest_silence_s(self) -> float:
        """Between two pings."""
        pings = [at for at, _, lines in self.heard if "WATCHDOG=1" in lines]
        return max(after - before for before, after in itertools.pairwise(pings))

    def close(self) -> None:
        self._socket.close()


_STATES = {"READY=1", "RELOADING=1", "STOPPING=1"}


@pytest.fixture(params=["a file", pytest.param("an abstract one", marks=pytest.mark.slow)])
def manager(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Manager]:
    name = str(tmp_path / "notify") if request.param == "a file" else f"@themis-test-{os.getpid()}"
    with closing(Manager(name.replace("@", "\0"))) as made:
        monkeypatch.setenv("NOTIFY_SOCKET", name)
        monkeypatch.setenv("WATCHDOG_USEC", "1000000")
        monkeypatch.delenv("WATCHDOG_PID", raising=False)
        yield made


@pytest.mark.slow
def test_systemd_is_told_everything_by_the_worker_alone(world: World, manager: Manager) -> None:
    settings = world.folder / "worker.toml"
    settings.write_text("slots = 1\n")
    with world.daemon("--settings", str(settings), "--grace", "0.2") as daemon:
        until(lambda: manager.hears("READY=1"), "it to be ready")
        until(lambda: manager.hears("STATUS=running, 0 of 1 slots busy"), "its status")
        assert "worker is ready" in world.said()
        settings.write_text("slots = 2\n")
        daemon.send_signal(signal.SIGHUP)
        until(lambda: manager.hears("READY=1", 2), "the reload to be over")
        world.submit("tell its environment")
        world.submit("wait 60")
        until(lambda: manager.hears("STATUS=running, 1 of 2 slots busy", 3), "the long job to run for a while")
        assert stop(daemon) == 5
        manager.hear()
    assert manager.states()[:4] == ["READY=1", "RELOADING=1", "READY=1", "STOPPING=1"]
    assert {pid for _, pid, _ in manager.heard} == {daemon.pid}
    (reloading,) = [lines for _, _, lines in manager.heard if "RELOADING=1" in lines]
    assert any(re.fullmatch(r"MONOTONIC_USEC=\d+", line) for line in reloading)
    found = json.loads((world.folder / "environment").read_text())
    assert not {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"} & set(found)


@pytest.mark.slow
def test_a_worker_is_ready_when_all_its_slots_are_and_not_before(world: World, manager: Manager) -> None:
    with world.daemon("--slots", "3", "--isolation", "supervisor") as daemon:
        until(lambda: manager.hears("READY=1"), "it to be ready")
        said = [path.read_text() for path in (world.queue_root / layout.WORKERS).glob("*.json")]
        assert len(json.loads(said[0])["slots"]) == 3
        names = [Path(f"/proc/{pid}/comm").read_text() for pid in _descendants(daemon.pid)]
        assert names.count("themis-slot\n") == 3
        assert stop(daemon) == 0


@pytest.mark.slow
def test_a_worker_that_never_can_take_a_job_is_never_ready(world: World, manager: Manager) -> None:
    # A library that cannot be loaded: the daemon has it already, what its processes are started with has not.
    (world.folder / "sitecustomize.py").write_text(
        "import sys\nsys.modules['themis_workers.children.fork_server'] = None\n"
    )
    with world.daemon() as daemon:
        assert daemon.wait(60) == 7, world.said()
    manager.hear()
    assert manager.states() == ["STOPPING=1"]


@pytest.mark.slow
def test_the_watchdog_is_answered_while_idle_while_busy_and_while_a_job_cannot_be_settled(
    world: World, manager: Manager
) -> None:
    with world.daemon() as daemon:
        until(lambda: manager.hears("WATCHDOG=1", 6), "pings of an idle worker")
        key = world.submit("wait 1.5", "exit 3")
        until((world.folder / "calls").exists, "the run to begin")
        until(lambda: manager.hears("WATCHDOG=1", 8), "pings of a busy one")
        assert manager.longest_silence_s() < 1.0
        with closing(sqlite3.connect(world.store_path, isolation_level=None)) as another:
            another.execute("BEGIN IMMEDIATE")
            until(lambda: "cannot be settled yet" in world.said(), "a try to settle")
            until(lambda: manager.hears("WATCHDOG=1", 11), "pings of one that waits", 8.0)
            another.execute("ROLLBACK")
        world.wait_for(key, "failed")
        assert manager.longest_silence_s() < 4.0
        assert stop(daemon) == 0
    assert "no jobs are taken" not in world.said()


# --- probes


def _is_healthy(world: World, file: Path, *options: str) -> tuple[int, str]:
    done = world.themis("worker", "health", "--file", str(file), *options)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.slow
def test_the_health_file_tells_how_the_worker_goes_until_it_ends(world: World) -> None:
    file = world.folder / "health.json"
    assert _is_healthy(world, file)[0] == 1
    with world.daemon("--health-file", str(file)) as daemon:
        until(file.exists, "the health file")
        code, line = _is_healthy(world, file)
        assert (code, "running, 0 of 1 slots busy" in line) == (0, True)
        world.submit("wait 60")
        until(lambda: json.loads(file.read_text())["slots"]["busy"] == 1, "it to be busy")
        beat = json.loads(file.read_text())["heartbeat_ns"]
        until(lambda: json.loads(file.read_text())["heartbeat_ns"] > beat, "another heartbeat", 3.0)
        assert "1 of 1 slots busy" in _is_healthy(world, file, "--max-age", "3")[1]
        daemon.send_signal(signal.SIGSTOP)
        time.sleep(2.5)
        code, line = _is_healthy(world, file, "--max-age", "2")
        assert (code, "more than 2 s" in line) == (1, True)
        daemon.send_signal(signal.SIGCONT)
        until(lambda: _is_healthy(world, file, "--max-age", "2")[0] == 0, "it to be well again")
        assert stop(daemon, times=2) == 6
    assert not file.exists()
    assert _is_healthy(world, file)[0] == 1


# --- metrics


@dataclass
class Metrics:
    """What Prometheus would read."""

    text: str

    def __call__(self, name: str, **labels: str) -> float:
        wanted = {f'{label}="{value}"' for label, value in labels.items()}
        (value,) = [
            float(found[3])
            for found in re.finditer(r"^(\w+)\{(.*)\} (\S+)$", self.text, re.MULTILINE)
            if found[1] == name and wanted <= set(found[2].split(","))
        ]
        return value


def _port(world: World) -> int:
    found: list[str] = []

    def has_said() -> bool:
        found[:] = re.findall(r"metrics are served.* port=(\d+)", world.said())
        return bool(found)

    until(has_said, "the metrics' port")
    return int(found[-1])


@pytest.mark.slow
def test_the_numbers_are_right_after_all_that_can_happen_to_a_job(world: World) -> None:
    orphan = world.submit("hang", max_worker_lost=2)
    with world.daemon() as first:
        world.noted("hanging")
        first.kill()
        first.wait()
    world.submit("well", "well")
    failing = world.submit("exit 3")
    retried = world.submit("kill itself", max_attempts=2)
    (world.queue_root / layout.QUEUED / "no job's name").write_text("x")
    file = world.folder / "worker.prom"
    options = ("--slots", "2", "--metrics-port", "0", "--metrics-file", str(file))
    with world.daemon(*options, "--name", "w") as daemon, closing(StoreCache()) as stores:
        until(lambda: world.show(orphan).row.attempt == 2, "the orphan to run again")
        world.wait_for(failing, "failed")
        url = f"http://127.0.0.1:{_port(world)}/metrics"
        during = _scrape(url, lambda read: read("themis_attempts_retried_total") == 1)
        assert during("themis_worker_slots") == 2
        during = _scrape(url, lambda read: read("themis_queue_jobs", state="running") == 1)
        assert during("themis_queue_oldest_job_age_seconds", state="running") > 0
        FileQueue(world.queue_root, stores).admin.cancel(orphan)
        world.wait_for(orphan, "cancelled")
        until(lambda: all(world.state(key) == "failed" for key in (failing, retried)), "all to end")
        _scrape(url, lambda read: read("themis_worker_slots_busy") == 0)
        after = _scrape(url, lambda read: read("themis_queue_jobs", state="cancelled") == 1)
        assert stop(daemon) == 0
    for numbers in (after, Metrics(file.read_text())):
        states = ("queued", "waiting", "running", "done", "failed", "cancelled")
        assert [numbers("themis_queue_jobs", state=state) for state in states] == [0, 0, 0, 1, 2, 1]
        assert numbers("themis_queue_rejected_files") == 1
        assert numbers("themis_jobs_claimed_total") == 5
        causes = {"done": 1, "exit code": 1, "signal": 2, "cancelled": 1, "exception": 0, "worker lost": 0}
        assert {cause: numbers("themis_attempts_ended_total", cause=cause) for cause in causes} == causes
        assert numbers("themis_attempts_retried_total") == 1
        assert numbers("themis_jobs_failed_total", cause="exit code") == 1
        assert numbers("themis_jobs_failed_total", cause="signal") == 1
        assert numbers("themis_orphans_recovered_total", worker="w") == 1
        assert numbers("themis_cases_ended_total") == 2
    assert (after("themis_worker_up"), Metrics(file.read_text())("themis_worker_up")) == (1, 0)


def _scrape(url: str, is_as_wanted: Callable[[Metrics], bool]) -> Metrics:
    """The metrics, as soon as they are as they must become: a worker reports once a second while it is busy."""
    found = Metrics("")

    def scraped() -> bool:
        with urllib.request.urlopen(url, timeout=10) as response:  # noqa: S310  # the worker's own
            found.text = response.read().decode()
        return is_as_wanted(found)

    until(scraped, "the metrics to say so")
    return found


# --- the log


@pytest.mark.slow
@pytest.mark.parametrize("log_format", ["json", "text"])
def test_whatever_experiments_say_the_log_is_a_line_an_event_and_holds_no_password(
    world: World, log_format: str
) -> None:
    failed = world.submit(f"raise {HOSTILE}")
    (world.queue_root / layout.QUEUED / "a\nname\x1b[31m").write_text("x")
    with world.daemon("--log-format", log_format, "--name", "w", "--drain") as daemon:
        assert daemon.wait(60) == 0
    said = world.said()
    assert "hunter2" not in said
    assert "hunter2" not in json.dumps(
        world.themis("queue", "show", failed, "--queue-root", str(world.queue_root)).stdout
    )
    lines = said.split("\n")
    assert lines.pop() == ""
    assert not any(character < " " or "\x7f" <= character < "\xa0" for line in lines for character in line)
    assert not [line for line in lines if line.startswith(("second", "name", '{"event"'))]
    if log_format == "json":
        events = [json.loads(line) for line in lines]
        assert all({"at", "level", "event", "worker"} <= set(event) for event in events)
        assert {event["worker"] for event in events} == {"w"}
        (end,) = [event for event in events if event["event"] == "attempt ended"]
        assert (end["level"], end["cause"], end["state"]) == ("warning", "exception", "failed")
        assert "first line" in end["why"]


@pytest.mark.slow
def test_a_request_to_stop_is_said_once_and_how_it_ended(world: World) -> None:
    with world.daemon("--log-format", "json", "--name", "w") as daemon:
        until(lambda: "worker is ready" in world.said(), "it to be ready")
        request_stop(world.queue_root, ["w"])
        assert daemon.wait(30) == 0
    events = [json.loads(line) for line in world.said().splitlines()]
    assert [event["event"].partition(":")[0] for event in events] == [
        "worker begins",
        "the queue is new",
        "worker is ready",
        "stopping, as `themis worker stop` asked",
        "worker ends",
    ]
    assert (events[-1]["how"], events[-1]["exit_code"], events[-1]["did"]) == ("clean", 0, "no jobs")


def _descendants(pid: int) -> list[int]:
    found = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return [*found, *(below for child in found for below in _descendants(child))]
