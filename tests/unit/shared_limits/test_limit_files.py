"""Limit files: private, changed by one process at a time, without the dead, and never a reason to fail."""

import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.support.limit_files import fresh, holder
from themis.core.errors import LimitFileError
from themis.core.processes import identity
from themis.core.shared_limits import file_lock, limit_file
from themis.core.shared_limits.document import MOST_BYTES, LimitDocument, encode
from themis.core.shared_limits.folder import FOLDER_VARIABLE, limits_folder
from themis.core.shared_limits.holder import FORGOTTEN_S, SILENT_S, this_holder
from themis.core.shared_limits.limit_file import LimitFile, all_limits
from themis.core.values.run_rules import OperatorRules

NAME = "openai:https://api.openai.com/v1"
_NS = 10**9


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LimitFile:
    monkeypatch.setattr(limit_file, "PATIENCE_S", 60.0)  # the machine may be busy with other tests
    return LimitFile(NAME, tmp_path / "limits")


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as process:
        yield process
        process.kill()


def ago(seconds: float) -> int:
    return time.time_ns() - round(seconds * _NS)


# --- where they are


def test_the_folder_is_named_by_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    assert limits_folder() == tmp_path
    monkeypatch.delenv(FOLDER_VARIABLE, raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", "/var/state")
    assert limits_folder() == Path("/var/state/themis/limits")
    monkeypatch.setenv("HOME", "/home/ann")
    for no_folder in ("", "relative/path"):
        monkeypatch.setenv("XDG_STATE_HOME", no_folder)
        assert limits_folder() == Path("/home/ann/.local/state/themis/limits")


def test_without_a_home_folder_one_line_says_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_home(self: Path) -> Path:
        msg = "Could not determine home directory."
        raise RuntimeError(msg)

    monkeypatch.delenv(FOLDER_VARIABLE, raising=False)
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setattr(Path, "expanduser", no_home)
    with pytest.raises(LimitFileError, match=f"set {FOLDER_VARIABLE}"):
        limits_folder()


# --- what is in them


def test_a_file_is_private_and_is_gone_when_nothing_is_left_in_it(file: LimitFile) -> None:
    assert file.read() == LimitDocument(NAME)
    assert not file.path.parent.exists()
    file.update(lambda now: replace(now, operator=OperatorRules(24)))
    assert file.read().operator.concurrency == 24
    assert file.path.parent.stat().st_mode & 0o777 == 0o700
    assert [path.stat().st_mode & 0o777 for path in sorted(file.path.parent.iterdir())] == [0o600, 0o600]
    file.update(lambda now: replace(now, operator=OperatorRules(None)))
    assert list(file.path.parent.iterdir()) == []


def test_no_change_is_lost_while_many_are_made_at_once(file: LimitFile) -> None:
    def count_up() -> None:
        for _ in range(25):
            file.update(lambda now: replace(now, operator=OperatorRules((now.operator.concurrency or 0) + 1)))

    threads = [threading.Thread(target=count_up) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert file.read().operator.concurrency == 100


def test_no_change_is_lost_while_the_file_comes_and_goes(file: LimitFile) -> None:
    def come_and_go(number: int) -> None:
        mine = fresh(NAME, namespace=0, pid=number)
        for _ in range(25):
            assert mine in file.update(lambda now: now.with_holder(mine)).holders
            assert mine not in file.update(lambda now: now.without(mine.process)).holders

    failures: list[BaseException] = []

    def watched(number: int) -> None:
        try:
            come_and_go(number)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=watched, args=(number,)) for number in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert list(file.path.parent.iterdir()) == []


# --- who is in them


def test_a_process_is_alive_until_it_is_killed(file: LimitFile, child: subprocess.Popen[bytes]) -> None:
    process = replace(this_holder(), pid=child.pid, pid_started=identity.process_started(child.pid) or 0)
    asking = fresh(NAME, process=process)
    file.update(lambda now: now.with_holder(asking))
    assert list(all_limits(file.path.parent)) == [LimitDocument(NAME, OperatorRules(), (asking,))]
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert list(all_limits(file.path.parent)) == [], "it is dropped by the next reader"
    assert list(file.path.parent.iterdir()) == [], "from the disk too"


def test_the_next_writer_drops_a_killed_process_too(file: LimitFile, child: subprocess.Popen[bytes]) -> None:
    process = replace(this_holder(), pid=child.pid, pid_started=identity.process_started(child.pid) or 0)
    file.update(lambda now: now.with_holder(holder(NAME, process=process, at_ns=ago(SILENT_S + 1))))
    assert len(file.read().holders) == 1
    child.kill()
    child.wait()
    assert file.update(lambda now: replace(now, operator=OperatorRules(2))).holders == ()


@pytest.mark.parametrize(
    ("facts", "age_s", "is_alive"),
    [
        ({}, 0.0, True),
        ({}, SILENT_S + 1, True),  # the process is there: it may be busy
        ({}, FORGOTTEN_S + 1, False),
        ({}, -FORGOTTEN_S - 1, False),  # from the future: a clock that was set back
        ({"pid_started": 1}, 0.0, False),
        ({"boot_id": "before the restart"}, 0.0, False),
        ({"namespace": 1}, 0.0, True),  # a job in a namespace of its own: its pid proves nothing here
        ({"namespace": 1}, SILENT_S + 1, False),
        ({"host": "another", "boot_id": "its own"}, 0.0, True),  # a home folder that hosts share
        ({"host": "another", "boot_id": "its own"}, SILENT_S + 1, False),
        ({"pid_started": 0}, 0.0, True),
        ({"pid_started": 0}, SILENT_S + 1, False),
    ],
    ids=str,
)
def test_who_is_alive_is_known_by_the_process_else_by_its_reports(
    facts: dict[str, Any], age_s: float, is_alive: bool
) -> None:
    assert holder(NAME, at_ns=ago(age_s), **facts).is_alive(look=True) is is_alive


# --- what may be wrong with them


def test_a_file_that_was_left_empty_is_no_file(file: LimitFile) -> None:
    file.path.parent.mkdir(parents=True)
    file.path.touch()
    assert file.read() == LimitDocument(NAME)
    assert file.update(lambda now: replace(now, operator=OperatorRules(3))).operator.concurrency == 3


def test_broken_content_stays_until_it_is_repaired(file: LimitFile) -> None:
    file.path.parent.mkdir(parents=True)
    file.path.write_bytes(b"{nonsense")
    for use in (file.read, lambda: file.update(lambda now: replace(now, operator=OperatorRules(3)))):
        with pytest.raises(LimitFileError, match=f"{file.path}: it is not JSON"):
            use()
    assert file.path.read_bytes() == b"{nonsense"
    assert file.update(lambda now: replace(now, operator=OperatorRules(3)), repair=True).operator.concurrency == 3
    assert file.read().operator.concurrency == 3


def test_what_a_newer_version_wrote_is_not_repaired_away(file: LimitFile) -> None:
    file.path.parent.mkdir(parents=True)
    file.path.write_bytes(b'{"format": 2, "provider": "moved"}')
    with pytest.raises(LimitFileError, match="a newer version of Themis wrote it"):
        file.update(lambda now: replace(now, operator=OperatorRules(3)), repair=True)
    assert file.path.read_bytes() == b'{"format": 2, "provider": "moved"}'


def test_hostile_files_are_named_and_the_others_are_read(tmp_path: Path) -> None:
    LimitFile("good", tmp_path).update(lambda now: replace(now, operator=OperatorRules(2)))
    (tmp_path / "link.json").symlink_to("/etc/passwd")
    (tmp_path / "folder.json").mkdir()
    os.mkfifo(tmp_path / "pipe.json")
    (tmp_path / "large.json").write_bytes(b" " * (MOST_BYTES + 1))
    (tmp_path / "deep.json").write_bytes(b"[" * 500_000)
    (tmp_path / "misplaced.json").write_bytes(encode(LimitDocument("elsewhere", OperatorRules(3))))
    found = list(all_limits(tmp_path))
    assert [one for one in found if isinstance(one, LimitDocument)] == [LimitDocument("good", OperatorRules(2))]
    messages = [str(one) for one in found if isinstance(one, LimitFileError)]
    assert len(messages) == 6
    assert all("\n" not in message and ".json: " in message for message in messages)


def test_a_folder_that_is_a_file_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "limits").write_text("x")
    file = LimitFile(NAME, tmp_path / "limits")
    for use in (file.read, lambda: file.update(lambda now: now), lambda: list(all_limits(tmp_path / "limits"))):
        with pytest.raises(LimitFileError, match=r"limits of providers: .*limits.*: (Not a directory|File exists)"):
            use()


def test_a_lock_that_is_never_freed_is_waited_for_only_so_long(
    file: LimitFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limit_file, "PATIENCE_S", 0.05)
    file.path.parent.mkdir(parents=True)
    with (
        file_lock.locked(file.path.with_suffix(".lock"), 0.0),
        pytest.raises(LimitFileError, match="another process keeps it locked"),
    ):
        file.update(lambda now: now)


def test_a_lock_whose_file_was_removed_meanwhile_is_not_taken_for_the_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, lock, calls = tmp_path / "x.lock", fcntl.flock, []

    def late(descriptor: int, how: int) -> None:
        calls.append(how)
        if len(calls) == 1:
            path.unlink()  # by the one who had it, between the opening and the locking
        lock(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", late)
    with file_lock.locked(path, 10.0):
        assert len(calls) == 2
        with pytest.raises(TimeoutError), file_lock.locked(path, 0.0):
            pytest.fail("two hold the lock")


DIES_WITH_A_CHILD = """
import os, signal, sys, time
from pathlib import Path
from themis.core.shared_limits.file_lock import locked
from themis.core.values.run_rules import OperatorRules

with locked(Path(sys.argv[1]), 0.0):
    if (child := os.fork()) == 0:
        time.sleep(60)
        os._exit(0)
    print(child, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_forked_child_keeps_no_lock_of_a_process_that_was_killed(tmp_path: Path) -> None:
    path = tmp_path / "x.lock"
    command = [sys.executable, "-c", DIES_WITH_A_CHILD, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        try:
            assert process.wait(20) == -signal.SIGKILL
            with file_lock.locked(path, 10.0):
                assert path.exists()
        finally:
            os.kill(child, signal.SIGKILL)
