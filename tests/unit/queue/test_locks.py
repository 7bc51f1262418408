import threading
from pathlib import Path

from themis.core.queue import locks


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


def test_the_lock_file_stays(tmp_path: Path) -> None:
    lock = locks.acquire(tmp_path, "key")
    assert lock is not None
    lock.release()
    assert (tmp_path / "key.lock").exists()


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
