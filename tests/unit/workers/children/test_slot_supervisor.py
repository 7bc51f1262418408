"""How a supervisor ends what is left of a job, and what it still takes down of it."""

import contextlib
import os
import selectors
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.processes.worker_world import is_gone
from tests.support.waiting import until
from themis.core.processes.isolation import Isolation
from themis.core.queue.model.states import Cause
from themis_workers import linux
from themis_workers.channel import Channel, pair
from themis_workers.children.job_log import JobLog
from themis_workers.children.slot_supervisor import SlotSupervisor, _Job, _kill_descendants
from themis_workers.messages import Exited, Message, ProgressReport, Ready, RunEnded, Secret, encode


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


@pytest.fixture
def ends() -> Iterator[tuple[Channel, Channel]]:
    ours, its = pair()
    ours.stop_waiting()
    with ours, its:
        yield ours, its


@pytest.fixture
def keep() -> Iterator[Callable[..., SlotSupervisor]]:
    """Makes supervisors, and closes what they opened."""
    made: list[SlotSupervisor] = []

    def make(channel: Channel, isolation: Isolation = Isolation.SUPERVISOR) -> SlotSupervisor:
        made.append(SlotSupervisor(channel, isolation))
        return made[-1]

    yield make
    for supervisor in made:
        supervisor._selector.close()
        supervisor._wakes.close()
        supervisor._wake.close()


def _job(supervisor: SlotSupervisor, log: Path, pid: int = 0, status: int | None = None) -> tuple[_Job, int, int]:
    """A job of a supervisor's, and the ends of the pipes that its process would have."""
    printed, prints = os.pipe()
    reported, reports = os.pipe()
    for end in (printed, reported):
        os.set_blocking(end, False)
        supervisor._selector.register(end, selectors.EVENT_READ)
    supervisor._job = _Job(pid, printed, reported, JobLog(log, 1_000), status=status)
    return supervisor._job, prints, reports


def _told(channel: Channel) -> list[Message]:
    found: list[Message] = []
    try:
        while (received := channel.receive()) is not None:
            found.append(received.message)
    except BlockingIOError:
        pass
    return found


def test_what_orphans_print_while_they_are_ended_is_kept_and_told(
    tmp_path: Path, ends: tuple[Channel, Channel], keep: Callable[..., SlotSupervisor], monkeypatch: pytest.MonkeyPatch
) -> None:
    supervisor = keep(ends[1])
    _, prints, reports = _job(supervisor, tmp_path / "1.log", status=signal.SIGTERM)

    def orphans_die() -> None:
        os.write(prints, b"the last line of an orphan\n")
        os.write(reports, encode(ProgressReport(1, 1, 0)) + b"\n")
        os.close(prints)
        os.close(reports)

    monkeypatch.setattr(supervisor, "_kill_all", orphans_die)
    supervisor._end_job()
    assert (tmp_path / "1.log").read_text() == "the last line of an orphan\n"
    assert _told(ends[0]) == [ProgressReport(1, 1, 0), Exited(-signal.SIGTERM)]


def test_of_what_a_job_writes_where_it_reports_only_reports_go_further_and_a_secret_does_not(
    tmp_path: Path, ends: tuple[Channel, Channel], keep: Callable[..., SlotSupervisor]
) -> None:
    supervisor = keep(ends[1])
    job, prints, reports = _job(supervisor, tmp_path / "1.log")
    lines = [
        b"",
        b"nonsense",
        b"[" * 50_000,
        encode(Secret("KEY", "sesame-open-up", is_key=False)),
        encode(Exited(0)),
        encode(Ready(Isolation.GROUP, 1)),
        encode(ProgressReport(2, 1, 0)),
        b'{"type":"RunEnded","cause":"worker lost","message":"","retry_after_s":null,"lack":null}',
        encode(RunEnded(Cause.EXCEPTION, "x" * 40_000)),
        encode(RunEnded(Cause.DONE, "")),
    ]
    os.set_blocking(reports, False)
    for line in lines:
        os.write(reports, line + b"\n")
        supervisor._pump()
    os.write(prints, b"it is sesame-open-up\n")
    supervisor._pump()
    os.close(prints)
    os.close(reports)
    assert _told(ends[0]) == [ProgressReport(2, 1, 0), RunEnded(Cause.DONE, "")]
    for end in (job.printed, job.reported):
        os.close(end)
    job.log.close()
    printed = (tmp_path / "1.log").read_text()
    assert printed.startswith("it is ")
    assert "sesame" not in printed


def test_a_group_is_killed_with_what_its_leader_left_and_nothing_else(
    tmp_path: Path, ends: tuple[Channel, Channel], keep: Callable[..., SlotSupervisor]
) -> None:
    hold = "import subprocess, sys; p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']); "
    leader = subprocess.Popen(
        [sys.executable, "-c", f"{hold}print(p.pid, flush=True)"], stdout=subprocess.PIPE, start_new_session=True
    )
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    with leader, other:
        assert leader.stdout is not None
        left = int(leader.stdout.readline())
        leader.wait()
        assert not is_gone(left)
        supervisor = keep(ends[1], Isolation.GROUP)
        job, prints, reports = _job(supervisor, tmp_path / "1.log", leader.pid, status=0)
        try:
            supervisor._kill_all()
            until(lambda: is_gone(left), "what the leader left to be gone", 20.0)
            assert other.poll() is None
        finally:
            other.kill()
            with contextlib.suppress(ProcessLookupError):
                os.kill(left, signal.SIGKILL)
    for end in (prints, reports, job.printed, job.reported):
        os.close(end)
    job.log.close()
