"""The worker never waits for those who are told, and one that fails keeps nobody else from being told."""

import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.support.job_ended import EVENT, has_gone
from themis.core.errors import ConfigError
from themis_workers.notifications import JobEnded, Notifications, dispatch, webhook


class Slow:
    """A channel that the test opens."""

    def __init__(self, command: str) -> None:
        self.told: list[str] = []
        self.open = threading.Event()
        self.busy = threading.Event()
        self.abandoned = False

    def deliver(self, event: JobEnded, closing: threading.Event) -> None:
        self.busy.set()
        self.open.wait(30)
        self.told.append(event.key)

    def abandon(self) -> None:
        self.abandoned = True
        self.open.set()


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Slow:
    channel = Slow("")
    monkeypatch.setattr(dispatch, "Hook", lambda command: channel)
    return channel


def said(caplog: pytest.LogCaptureFixture) -> dict[str, Any]:
    return {record.getMessage(): record.__dict__["facts"] for record in caplog.records}


def numbered(number: int) -> JobEnded:
    return replace(EVENT, key=str(number))


def test_without_hook_and_webhook_nothing_is_started_and_nothing_is_told() -> None:
    before = threading.active_count()
    notifications = Notifications(None, None)
    notifications.tell(EVENT)
    assert threading.active_count() == before
    notifications.close(1)


def test_events_are_told_in_order_and_those_that_wait_at_the_end_too(slow: Slow) -> None:
    notifications = Notifications("x", None)
    for number in range(50):
        notifications.tell(numbered(number))
    slow.open.set()
    notifications.close(10)
    assert slow.told == [str(number) for number in range(50)]
    assert not slow.abandoned


def test_to_tell_takes_no_time_though_nobody_listens(slow: Slow) -> None:
    notifications = Notifications("x", None)
    began_s = time.monotonic()
    for number in range(5_000):
        notifications.tell(numbered(number))
    assert time.monotonic() - began_s < 1
    notifications.close(0)


def test_a_full_queue_drops_the_oldest_and_says_how_many(slow: Slow, caplog: pytest.LogCaptureFixture) -> None:
    notifications = Notifications("x", None)
    notifications.tell(numbered(-1))
    assert slow.busy.wait(5)
    for number in range(dispatch.MOST_WAITING + 7):
        notifications.tell(numbered(number))
    slow.open.set()
    notifications.close(10)
    assert slow.told == ["-1", *(str(number) for number in range(7, dispatch.MOST_WAITING + 7))]
    assert said(caplog)["notifications dropped"] == {"count": 7}


def test_what_cannot_be_told_in_time_at_the_end_is_given_up_and_counted(
    slow: Slow, caplog: pytest.LogCaptureFixture
) -> None:
    notifications = Notifications("x", None)
    for number in range(3):
        notifications.tell(numbered(number))
    assert slow.busy.wait(5)
    began_s = time.monotonic()
    notifications.close(0.1)
    assert time.monotonic() - began_s < 2
    assert slow.abandoned
    assert said(caplog)["notifications given up"] == {"count": 3}
    notifications.tell(EVENT)
    notifications.close(5)
    assert slow.told == ["0"]


def test_a_channel_that_breaks_keeps_neither_the_next_event_nor_another_channel(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(Slow):
        def deliver(self, event: JobEnded, closing: threading.Event) -> None:
            raise MemoryError

    other = Slow("")
    other.open.set()
    monkeypatch.setattr(dispatch, "Hook", Broken)
    monkeypatch.setattr(webhook, "Webhook", lambda url: other)
    notifications = Notifications("x", "y")
    notifications.tell(numbered(1))
    notifications.tell(numbered(2))
    notifications.close(10)
    assert other.told == ["1", "2"]
    assert "notification failed" in said(caplog)


def test_a_hook_that_runs_when_the_worker_ends_is_killed(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    program = f"import os, time; open({str(pid)!r}, 'w').write(str(os.getpid())); time.sleep(600)"
    notifications = Notifications(f'{sys.executable} -c "{program}"', None)
    notifications.tell(EVENT)
    until_s = time.monotonic() + 10
    while not (pid.exists() and pid.read_text()) and time.monotonic() < until_s:
        time.sleep(0.02)
    notifications.close(0.1)
    assert has_gone(int(pid.read_text()))


@pytest.mark.parametrize(("hook", "webhook"), [("no-such-program", None), (None, "gopher://example.org")])
def test_what_cannot_be_right_is_said_at_the_start(hook: str | None, webhook: str | None) -> None:
    with pytest.raises(ConfigError):
        Notifications(hook, webhook)


def test_a_worker_that_ends_without_a_word_is_not_kept_alive() -> None:
    program = (
        "import sys; from tests.support.job_ended import EVENT\n"
        "from themis_workers.notifications import Notifications\n"
        "Notifications('sleep 600', None)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False, timeout=30).returncode == 0
