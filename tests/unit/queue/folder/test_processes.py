"""Who a worker is, and whether a process that was recorded is still the same."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace

import psutil
import pytest

from themis.core.processes import identity
from themis.core.queue.folder import processes
from themis.core.stores.job_rows import Owner


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    """A process that leads a group of its own, and sleeps."""
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True) as process:
        yield process
        process.kill()


def _owner(child: subprocess.Popen[bytes]) -> Owner:
    started = identity.process_started(child.pid)
    assert started is not None
    here = processes.this_process("w")
    return replace(here, pid=child.pid, pid_started=started, job_pid=child.pid, job_pid_started=started)


def test_a_worker_is_called_by_its_host_and_number_unless_it_has_a_name() -> None:
    named, unnamed = processes.this_process("w"), processes.this_process()
    assert (named.worker, unnamed.worker) == ("w", f"{named.host}-{os.getpid()}")
    assert named.pid == os.getpid()
    assert named.pid_started == identity.process_started(os.getpid()) != 0
    assert named.boot_id
    assert processes.is_here(named)
    assert processes.lives(named)


def test_a_process_is_known_by_its_number_its_start_and_its_machine(child: subprocess.Popen[bytes]) -> None:
    owner = _owner(child)
    assert processes.lives(owner)
    assert not processes.lives(replace(owner, pid_started=owner.pid_started + 1))
    assert not processes.lives(replace(owner, host="another"))
    assert not processes.lives(replace(owner, boot_id="another"))
    assert not processes.is_here(replace(owner, boot_id="another"))
    child.kill()
    child.wait()
    assert not processes.lives(owner)
    assert identity.process_started(child.pid) is None
    assert identity.stat_fields(child.pid) == []


def test_a_process_that_was_stopped_is_suspended_until_it_continues(child: subprocess.Popen[bytes]) -> None:
    owner = _owner(child)
    assert not processes.is_suspended(owner)
    os.kill(child.pid, signal.SIGSTOP)
    os.waitid(os.P_PID, child.pid, os.WSTOPPED)
    assert processes.is_suspended(owner)
    assert not processes.is_suspended(replace(owner, host="another"))
    assert not processes.is_suspended(replace(owner, pid_started=1))
    assert not processes.is_suspended(None)
    os.kill(child.pid, signal.SIGCONT)
    os.waitid(os.P_PID, child.pid, os.WCONTINUED)
    assert not processes.is_suspended(owner)


@pytest.mark.parametrize(
    "facts",
    [
        {"job_pid": None},
        {"job_pid_started": None},
        {"job_pid_started": 1},
        {"host": "another"},
        {"boot_id": "another"},
    ],
    ids=str,
)
def test_what_may_be_another_process_is_not_killed(child: subprocess.Popen[bytes], facts: dict[str, object]) -> None:
    assert processes.kill_job_of(replace(_owner(child), **facts)) is False  # type: ignore[arg-type]
    time.sleep(0.02)
    assert child.poll() is None


def test_the_group_of_a_lost_job_is_killed_once(child: subprocess.Popen[bytes]) -> None:
    owner = _owner(child)
    assert processes.kill_job_of(owner) is True
    assert child.wait(20) == -signal.SIGKILL
    assert processes.kill_job_of(owner) is False
    assert processes.kill_job_of(None) is False


def test_a_job_that_is_no_group_of_its_own_is_left_with_its_workers() -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as member:
        try:
            assert processes.kill_job_of(_owner(member)) is False
            assert member.poll() is None
        finally:
            member.kill()


@pytest.mark.parametrize("fields", [[], ["S"], ["S", *["x"] * 30]])
def test_what_the_system_does_not_say_in_full_is_no_start(fields: list[str]) -> None:
    assert identity.started_in(fields) is None


def test_a_worker_whose_start_nobody_can_say_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "process_started", lambda _: None)
    assert processes.this_process().pid_started == 0


def test_where_no_process_is_shown_its_number_alone_says_that_it_lives_and_nobody_is_killed_for_a_number(
    child: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded = _owner(child)
    monkeypatch.setattr(identity, "stat_fields", lambda _: [])
    assert identity.process_started(child.pid) == 0
    unknown = replace(recorded, pid_started=0, job_pid_started=0)
    assert processes.lives(unknown)
    assert not processes.is_suspended(unknown)
    assert not processes.kill_job_of(unknown)
    assert not processes.kill_job_of(recorded)
    assert child.poll() is None
    child.kill()
    child.wait()
    assert identity.process_started(child.pid) is None
    assert not processes.lives(unknown)
    for number in (0, -1, 2**40):
        assert identity.process_started(number) is None


def test_other_systems_than_linux_tell_by_psutil(
    child: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert psutil.Process(child.pid).is_running()  # it is imported as for this system
    monkeypatch.setattr(identity, "stat_fields", lambda _: [])
    monkeypatch.setattr(sys, "platform", "darwin")
    owner = _owner(child)
    assert owner.pid_started > 0
    assert processes.lives(owner)
    assert not processes.lives(replace(owner, pid_started=owner.pid_started + 1))
    assert not processes.is_suspended(owner)
    os.kill(child.pid, signal.SIGSTOP)
    os.waitid(os.P_PID, child.pid, os.WSTOPPED)
    assert processes.is_suspended(owner)
    assert processes.kill_job_of(owner)
    assert child.wait(20) == -signal.SIGKILL
