import os
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from themis.core.queue.folder import locks


def test_a_lock_is_not_reentrant_not_even_within_one_thread(tmp_path: Path) -> None:
    first = locks.acquire(tmp_path, "key")
    assert first is not None
    assert locks.acquire(tmp_path, "key") is None
    assert locks.is_locked(tmp_path, "key")
    first.release()
    second = locks.acquire(tmp_path, "key")
    assert second is not None
    second.release()
    assert not locks.is_locked(tmp_path, "key")


def test_a_lock_is_released_from_any_thread_and_more_than_once(tmp_path: Path) -> None:
    lock = locks.acquire(tmp_path, "key")
    assert lock is not None
    thread = threading.Thread(target=lock.release)
    thread.start()
    thread.join()
    lock.release()
    assert not lock.is_held
    assert not locks.is_locked(tmp_path, "key")


def test_a_released_lock_file_stays_and_a_removed_one_goes(tmp_path: Path) -> None:
    lock = locks.acquire(tmp_path, "key")
    assert lock is not None
    lock.release()
    assert (tmp_path / "key.lock").exists()
    again = locks.acquire(tmp_path, "key")
    assert again is not None
    again.remove(tmp_path)
    assert not again.is_held
    assert list(tmp_path.iterdir()) == []


def test_who_opened_a_lock_file_before_it_was_removed_does_not_hold_the_lock_by_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = locks.acquire(tmp_path, "key")
    assert first is not None
    opened: list[int] = []
    real_open = os.open

    def open_and_have_it_removed(path: str, flags: int, mode: int = 0o777) -> int:
        descriptor = real_open(path, flags, mode)
        opened.append(descriptor)
        if len(opened) == 1:
            first.remove(tmp_path)
        return descriptor

    monkeypatch.setattr(os, "open", open_and_have_it_removed)
    second = locks.acquire(tmp_path, "key")
    assert second is not None
    assert len(opened) == 2, "the file that was removed is not the lock"
    assert locks.acquire(tmp_path, "key") is None
    second.release()


def test_only_locks_that_nobody_holds_are_removed(tmp_path: Path) -> None:
    held = locks.acquire(tmp_path, "held")
    free = locks.acquire(tmp_path, "free")
    assert held is not None
    assert free is not None
    free.release()
    assert locks.remove_unused(tmp_path, ["held", "free"]) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["held.lock"]
    assert locks.is_locked(tmp_path, "held")
    held.release()


def test_waiting_for_a_lock_ends_when_it_is_released(tmp_path: Path) -> None:
    lock = locks.acquire(tmp_path, "key")
    assert lock is not None
    threading.Timer(0.05, lock.release).start()
    second = locks.acquire(tmp_path, "key", wait_s=10)
    assert second is not None
    second.release()


def test_asking_whether_a_key_is_locked_makes_no_file(tmp_path: Path) -> None:
    assert not locks.is_locked(tmp_path, "key")
    assert list(tmp_path.iterdir()) == []


def test_whoever_waits_for_a_lock_pauses_between_its_tries_and_gives_up_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s, pauses = 100.0, []

    def sleep(seconds: float) -> None:
        nonlocal now_s
        pauses.append(seconds)
        now_s += seconds

    held = locks.acquire(tmp_path, "k")
    assert held is not None
    monkeypatch.setattr(locks, "time", SimpleNamespace(monotonic=lambda: now_s, sleep=sleep))
    assert locks.acquire(tmp_path, "k") is None
    assert pauses == []
    assert locks.acquire(tmp_path, "k", wait_s=1.0) is None
    assert sum(pauses) == pytest.approx(1.0, abs=0.01)
    held.release()
    again = locks.acquire(tmp_path, "k", wait_s=1.0)
    assert again is not None
    again.release()
