"""A probe sees whether the worker's heart beats, from a file that is whole at any time."""

import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from themis.cli.main import main
from themis.core.errors import ConfigError
from themis.core.monitor.health import health_of
from themis.core.queue.folder.processes import this_process
from themis.core.queue.folder.worker_report import SlotReport, WorkerReport
from themis_workers.telemetry.health import HealthFile

NS = 1_000_000_000


def report_of(age_s: float = 0.0, **facts: object) -> WorkerReport:
    owner, now_ns = this_process("w"), time.time_ns()
    slots = (SlotReport(0, key="k"), SlotReport(1))
    report = WorkerReport(
        "w", owner.host, owner.boot_id, owner.pid, owner.pid_started, "4", now_ns, now_ns, slots=slots
    )
    return replace(report, heartbeat_ns=now_ns - int(age_s * NS), **facts)  # type: ignore[arg-type]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "health.json"


def test_a_worker_whose_heart_beats_is_healthy(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    HealthFile(path).write(report_of())
    assert health_of(path).is_healthy
    assert main(["worker", "health", "--file", str(path)]) == 0
    assert capsys.readouterr().out.startswith("healthy: running, 1 of 2 slots busy, heartbeat 0.")


@pytest.mark.parametrize("state", ["draining", "waiting"])
def test_a_worker_that_drains_or_waits_for_a_disk_is_not_started_anew(path: Path, state: str) -> None:
    HealthFile(path).write(report_of(state=state))
    assert health_of(path).line.startswith(state)
    assert health_of(path).is_healthy


@pytest.mark.parametrize("age_s", [31, -3_600])
def test_an_old_heartbeat_or_one_of_the_future_is_not_healthy(
    path: Path, age_s: float, capsys: pytest.CaptureFixture[str]
) -> None:
    HealthFile(path).write(report_of(age_s))
    assert not health_of(path).is_healthy
    assert main(["worker", "health", "--file", str(path)]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("themis: unhealthy: running")
    assert said.err.count("\n") == 1


def test_how_old_is_too_old_can_be_said(path: Path) -> None:
    HealthFile(path).write(report_of(31))
    assert health_of(path, max_age_s=40).is_healthy
    assert main(["worker", "health", "--file", str(path), "--max-age", "40"]) == 0
    assert main(["worker", "health", "--file", str(path), "--max-age", "0"]) == 2


def test_a_worker_that_has_ended_is_not_healthy(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = HealthFile(path)
    file.write(report_of())
    file.remove()
    file.remove()
    assert list(path.parent.iterdir()) == []
    assert main(["worker", "health", "--file", str(path)]) == 1
    assert "is the worker running?" in capsys.readouterr().err


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"null",
        b"{",
        b"\xff\xfe",
        b"[" * 60_000,
        b'{"state": "running"}',
        b'{"state": "running", "heartbeat_ns": "now", "slots": {"busy": 1, "total": 1}}',
        b'{"state": "running", "heartbeat_ns": 1, "slots": []}',
        b'{"state": "running", "heartbeat_ns": NaN, "slots": {"busy": "x", "total": 1}}',
        b'{"state": "running", "heartbeat_ns": Infinity, "slots": {"busy": 1, "total": 1}}',
        b'{"state": "running", "heartbeat_ns": NaN, "slots": {"busy": 1, "total": 1}}',
        b'{"state": "running", "heartbeat_ns": 1' + b"0" * 4_000 + b', "slots": {"busy": 1, "total": 1}}',
    ],
)
def test_what_is_no_health_file_is_not_healthy(path: Path, text: bytes) -> None:
    path.write_bytes(text)
    assert not health_of(path).is_healthy


def test_a_state_that_holds_an_escape_code_is_said_in_one_line(path: Path) -> None:
    HealthFile(path).write(report_of(state="\x1b[2Jfine\nforged"))
    assert health_of(path).line.isprintable()


def test_a_reader_never_sees_half_a_file(path: Path) -> None:
    file = HealthFile(path)
    file.write(report_of())
    over = threading.Event()

    def write_on() -> None:
        while not over.is_set():
            file.write(report_of())

    writer = threading.Thread(target=write_on)
    writer.start()
    try:
        for _ in range(2_000):
            json.loads(path.read_text())
    finally:
        over.set()
        writer.join()


def test_what_a_killed_worker_of_the_same_pid_left_half_written_is_no_hindrance(path: Path) -> None:
    path.with_name(f".health.json.{os.getpid()}").write_text("{")
    HealthFile(path).write(report_of())
    assert health_of(path).is_healthy


def test_a_link_that_somebody_planted_is_not_written_through(path: Path) -> None:
    victim = path.with_name("victim")
    victim.write_text("precious")
    path.with_name(f".health.json.{os.getpid()}").symlink_to(victim)
    path.symlink_to(victim)
    HealthFile(path).write(report_of())
    assert victim.read_text() == "precious"
    assert health_of(path).is_healthy


def test_a_folder_that_is_not_there_is_said_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is not a writable folder"):
        HealthFile(tmp_path / "nowhere" / "health.json")


def test_a_disk_that_fails_later_does_not_stop_the_worker(path: Path) -> None:
    folder = path.parent / "f"
    folder.mkdir()
    file = HealthFile(folder / "health.json")
    folder.rmdir()
    file.write(report_of())
    assert not health_of(folder / "health.json").is_healthy


def test_a_probe_imports_nothing_that_only_the_worker_needs(path: Path) -> None:
    HealthFile(path).write(report_of())
    probe = (
        "import sys; from themis.cli.main import main; code = main(['worker', 'health', '--file', sys.argv[1]]);"
        "print(*({'pydantic', 'yaml', 'sqlite3', 'asyncio', 'filelock', 'rich'} & set(sys.modules))); sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", probe, str(path)], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[1] == ""
