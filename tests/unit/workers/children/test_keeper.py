"""How a keeper ends what is left of a job, and what it still takes down of it."""

import os
import selectors
import signal
from pathlib import Path
from typing import Any

import pytest

from workers import linux, messages
from workers.children.job_log import JobLog
from workers.children.keeper import Keeper, _Job, _kill_descendants

PATIENCE_S = 20.0


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Signals that would be sent; nobody has the number 12."""
    found: list[tuple[int, int]] = []

    def kill(pid: int, number: int) -> None:
        found.append((pid, number))
        if pid == 12:
            raise ProcessLookupError

    monkeypatch.setattr(linux, "descendants", lambda _: [11, 12, 13])
    monkeypatch.setattr(os, "kill", kill)
    return found


def test_all_that_is_left_is_stopped_before_the_first_is_killed(asked: list[tuple[int, int]]) -> None:
    _kill_descendants()
    stopped, killed = asked[:3], asked[3:]
    assert stopped == [(pid, signal.SIGSTOP) for pid in (11, 12, 13)]
    assert killed == [(pid, signal.SIGKILL) for pid in (11, 12, 13)]


def test_what_orphans_print_while_they_are_ended_is_kept_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, its = messages.pair()
    printed, prints = os.pipe()
    reported, reports = os.pipe()
    with ours, its:
        ours.settimeout(PATIENCE_S)
        keeper = Keeper(its, in_namespace=False)
        for end in (printed, reported):
            os.set_blocking(end, False)
            keeper._selector.register(end, selectors.EVENT_READ)
        log = JobLog(tmp_path / "1.log", 1_000)
        keeper._job = _Job(0, printed, reported, log, status=signal.SIGTERM)

        def orphans_die() -> None:
            os.write(prints, b"the last line of an orphan\n")
            os.write(reports, b'{"progress": [1, 1, 0]}\n')
            os.close(prints)
            os.close(reports)

        monkeypatch.setattr(keeper, "_kill_all", orphans_die)
        keeper._end_job()
        told: list[Any] = [messages.receive(ours), messages.receive(ours)]
        keeper._selector.close()
        keeper._wakes.close()
        keeper._wake.close()
    assert (tmp_path / "1.log").read_text() == "the last line of an orphan\n"
    assert [message["event"] for message in told] == ["report", "ended"]
    assert told[1]["exit"] == -signal.SIGTERM
