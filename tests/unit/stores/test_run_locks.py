"""The lock of a run: who has it keeps others out, and it is free the moment that one is gone."""

import json
import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from themis.core.errors import RunBusyError, StoreCorruptError
from themis.core.stores import SqliteRunStore, run_locks

RUN = "0123456789abcdef"


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(run_locks, "PATIENCE_S", 0.05)
    return tmp_path / "themis.sqlite3"


def _take(store: Path, job: str | None = None, run_id: str = RUN) -> None:
    with run_locks.hold(store, run_id, job=job):
        pass


def test_who_has_a_run_keeps_the_next_one_out_and_is_named(store: Path) -> None:
    with run_locks.hold(store, RUN, job=None):
        holder = run_locks.look(store, RUN)
        assert (holder.held, holder.pid, holder.job) == (True, os.getpid(), None)
        with pytest.raises(RunBusyError) as raised:
            _take(store)
        for part in (RUN[:12], f"process {os.getpid()} on ", " since 2", "--wait"):
            assert part in str(raised.value)
        _take(store, run_id="another")
    _take(store)


def test_workers_share_a_run_and_keep_out_who_is_none(store: Path) -> None:
    with run_locks.hold(store, RUN, job="key"):
        _take(store, job="key")  # the successor of a worker that was suspended
        assert run_locks.look(store, RUN).held
        with pytest.raises(RunBusyError, match="a worker for job key"):
            _take(store)
    with run_locks.hold(store, RUN, job=None), pytest.raises(RunBusyError) as raised:
        _take(store, job="key")
    assert raised.value.facts["retry_after_s"] == 2.0


def test_nothing_is_left_of_locks_that_were_released(store: Path) -> None:
    with run_locks.hold(store, RUN, job="one"), run_locks.hold(store, "another", job=None):
        _take(store, job="two")
    assert list(store.parent.iterdir()) == []
    assert run_locks.look(store, RUN) == run_locks.RunHolder(held=False)


def test_a_killed_process_frees_its_run_and_leaves_its_name(store: Path) -> None:
    pid = _in_child(lambda: _hold_for_ever(store))
    _until_held(store)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    holder = run_locks.look(store, RUN)
    assert (holder.held, holder.pid) == (False, pid)
    _take(store)
    assert list(store.parent.iterdir()) == []


def test_a_forked_child_does_not_keep_the_run_of_its_parent(store: Path) -> None:
    with run_locks.hold(store, RUN, job=None):
        child = _in_child(lambda: time.sleep(60))
    _take(store)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def test_a_forked_child_that_leaves_the_block_frees_nothing(store: Path) -> None:
    with run_locks.hold(store, RUN, job=None):
        pid = os.fork()
        if pid == 0:
            try:
                raise SystemExit  # leaves the block of the parent
            finally:
                os._exit(0) if not run_locks._held else os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        assert run_locks.look(store, RUN).held


def test_a_lock_that_is_free_in_a_moment_is_waited_for(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_locks, "PATIENCE_S", 10.0)
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with run_locks.hold(store, RUN, job=None):
            held.set()
            done.wait(0.05)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(10)
    _take(store)
    thread.join()


def test_a_file_that_was_removed_before_it_was_locked_is_not_taken_for_the_lock(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = run_locks._lock
    removed: list[bool] = []

    def lock(descriptor: int, *, shared: bool) -> bool:
        if not removed:
            removed.append(True)
            run_locks._path(store, RUN).unlink()
        return real(descriptor, shared=shared)

    monkeypatch.setattr(run_locks, "_lock", lock)
    with run_locks.hold(store, RUN, job=None):
        assert run_locks.look(store, RUN).held


def test_two_never_hold_it_though_its_file_comes_and_goes(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_locks, "PATIENCE_S", 30.0)
    inside: list[int] = []
    most: list[int] = []

    def work() -> None:
        for _ in range(60):
            with run_locks.hold(store, RUN, job=None):
                inside.append(1)
                most.append(len(inside))
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(most) == 240
    assert max(most) == 1
    assert list(store.parent.iterdir()) == []


@pytest.mark.parametrize("text", [b"", b"[]", b"{" * 5_000, b'{"pid": "x", "since_ms": 1e300, "host": 7}'])
def test_what_stands_in_a_lock_file_is_not_trusted(store: Path, text: bytes) -> None:
    path = run_locks._path(store, RUN)
    path.parent.mkdir()
    path.write_bytes(text)
    assert run_locks.look(store, RUN) == run_locks.RunHolder(held=False)
    _take(store)


@pytest.mark.parametrize(("since_ms", "known"), [(-1, None), (0, None), (1, 1), (10**15, None)])
def test_since_when_a_run_is_held_is_a_time_that_has_been(store: Path, since_ms: int, known: int | None) -> None:
    path = run_locks._path(store, RUN)
    path.parent.mkdir()
    path.write_text(json.dumps({"since_ms": since_ms}))
    assert run_locks.look(store, RUN) == run_locks.RunHolder(held=False, since_ms=known)


def _hold_for_ever(store: Path) -> None:
    with run_locks.hold(store, RUN, job=None):
        time.sleep(60)


def _in_child(work: Callable[[], None]) -> int:
    pid = os.fork()
    if pid == 0:
        try:
            work()
        finally:
            os._exit(0)
    return pid


def _until_held(store: Path) -> None:
    patient_until = time.monotonic() + 10
    while not run_locks.look(store, RUN).pid:
        assert time.monotonic() < patient_until
        time.sleep(0.005)


def test_who_takes_a_run_after_one_that_said_more_is_named_alone(store: Path) -> None:
    def hold() -> None:
        with run_locks.hold(store, RUN, job="k" * 300):
            time.sleep(60)

    pid = _in_child(hold)
    _until_held(store)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    with run_locks.hold(store, RUN, job=None):
        holder = run_locks.look(store, RUN)
        assert (holder.held, holder.pid, holder.job) == (True, os.getpid(), None)


def test_no_lock_is_made_beside_a_file_that_is_no_store(tmp_path: Path) -> None:
    path = tmp_path / "notes.sqlite3"
    path.write_text("no database " * 100)
    with closing(SqliteRunStore(path)) as opened, pytest.raises(StoreCorruptError), opened.hold_run(RUN):
        pass
    assert list(tmp_path.iterdir()) == [path]
