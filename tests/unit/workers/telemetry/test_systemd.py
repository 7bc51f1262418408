"""systemd is told what it asks for, over a real socket, and nobody speaks for the worker."""

import itertools
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from themis_workers.telemetry import systemd
from themis_workers.telemetry.systemd import Notifier

SYSTEMD_NOTIFY = shutil.which("systemd-notify")


class Manager:
    """systemd's end of the socket."""

    def __init__(self, address: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(f"\0{address[1:]}" if address.startswith("@") else address)
        self.socket.settimeout(5)
        self.environment = {"NOTIFY_SOCKET": address}

    def heard(self) -> dict[str, str]:
        message = self.socket.recv(4_096).decode()
        return dict(line.split("=", 1) for line in message.splitlines())

    def heard_nothing(self) -> bool:
        self.socket.setblocking(False)
        try:
            self.socket.recv(4_096)
        except BlockingIOError:
            return True
        finally:
            self.socket.settimeout(5)
        return False


@pytest.fixture(params=["file", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Manager]:
    address = str(tmp_path / "n") if request.param == "file" else f"@themis-test-{os.getpid()}-{time.time_ns()}"
    found = Manager(address)
    yield found
    found.socket.close()


def test_each_state_is_told_as_sd_notify_wants_it(manager: Manager) -> None:
    notifier = Notifier(manager.environment)
    notifier.ready("2 slots")
    assert manager.heard() == {"READY": "1", "STATUS": "2 slots"}
    before_us = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1_000
    notifier.reloading()
    told = manager.heard()
    assert told.pop("RELOADING") == "1"
    assert before_us <= int(told.pop("MONOTONIC_USEC")) <= time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1_000
    assert not told
    notifier.status("1 of 2 busy")
    assert manager.heard() == {"STATUS": "1 of 2 busy"}
    notifier.stopping()
    assert manager.heard() == {"STOPPING": "1"}


def test_a_status_that_holds_newlines_says_nothing_but_a_status(manager: Manager) -> None:
    Notifier(manager.environment).status("x\nSTOPPING=1\r\nMAINPID=1\x85ERRNO=2\u2028BUSERROR=3 \ud800")
    assert list(manager.heard()) == ["STATUS"]


def test_the_watchdog_is_fed_no_more_often_than_it_needs(manager: Manager, monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now_s)
    notifier = Notifier({**manager.environment, "WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())})
    assert notifier.interval_s == 15
    fed = []
    for tick in range(4_000):
        now_s = tick / 10
        notifier.watchdog()
        if not manager.heard_nothing():
            fed.append(now_s)
    gaps = [after - before for before, after in itertools.pairwise(fed)]
    assert fed[0] == 0
    assert 13 < min(gaps) <= max(gaps) <= 15


def test_who_calls_every_interval_a_little_early_or_late_never_misses_the_limit(
    manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now_s)
    notifier = Notifier({**manager.environment, "WATCHDOG_USEC": "2000000"})
    last_s = 0.0
    for wait_s in (0.0, 0.99, 1.01, 0.95, 0.91, 1.05, 0.5, 0.5, 0.89, 0.99) * 5:
        now_s += wait_s
        notifier.watchdog()
        if not manager.heard_nothing():
            assert now_s - last_s < 2
            last_s = now_s
    assert now_s - last_s < 2


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"},
        {"WATCHDOG_USEC": "soon"},
        {"WATCHDOG_USEC": "-5"},
        {"WATCHDOG_USEC": "0"},
        {"WATCHDOG_USEC": "9", "WATCHDOG_PID": "me"},
    ],
)
def test_a_watchdog_that_is_not_set_or_not_meant_for_this_process_is_not_fed(
    manager: Manager, variables: dict[str, str]
) -> None:
    notifier = Notifier({**manager.environment, **variables})
    assert notifier.interval_s is None
    notifier.watchdog()
    assert manager.heard_nothing()


@pytest.mark.parametrize(
    "address", ["", "/nowhere/at/all", "vsock:2:1234", "relative", "@", f"/{'long' * 100}", "/a\0b"]
)
def test_where_nobody_listens_nothing_happens(address: str) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "1000"})
    notifier.ready("up")
    notifier.watchdog()
    notifier.stopping()


def test_a_manager_that_does_not_read_does_not_stop_the_worker(
    manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(systemd, "_SEND_LIMIT_S", 0.01)
    notifier = Notifier(manager.environment)
    kept = int(Path("/proc/sys/net/unix/max_dgram_qlen").read_text(encoding="ascii"))
    for _ in range(kept + 1):
        notifier.status("fills what the manager may leave unread")
    began_s, worked_s = time.monotonic(), time.process_time()
    for _ in range(30):
        notifier.status("x" * 1_000)
    took_s = time.monotonic() - began_s
    assert 0.29 < took_s < 10
    assert time.process_time() - worked_s < took_s / 4, "it waits, and does nothing meanwhile"


def test_children_do_not_inherit_the_way_to_systemd(manager: Manager, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**manager.environment, "WATCHDOG_USEC": "9", "WATCHDOG_PID": str(os.getpid())}.items():
        monkeypatch.setenv(name, value)
    notifier = Notifier()
    asked = "import os; print([name for name in os.environ if name.startswith(('NOTIFY', 'WATCHDOG'))])"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    notifier.ready("still heard")
    assert manager.heard()["STATUS"] == "still heard"


@pytest.mark.skipif(SYSTEMD_NOTIFY is None, reason="systemd is not installed")
def test_what_is_sent_is_what_systemds_own_tool_sends(manager: Manager) -> None:
    told = [str(SYSTEMD_NOTIFY), "--no-block", "--ready", "--status=2 slots"]
    subprocess.run(told, env={**os.environ, **manager.environment}, check=True)
    theirs = manager.heard()
    Notifier(dict(manager.environment)).ready("2 slots")
    assert manager.heard().items() <= theirs.items()
