"""Whoever rings wakes the worker at once; and a watch that cannot be is not an error."""

import ctypes
import errno
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest
from watchdog.observers import Observer, inotify_c

from tests.support.waiting import until
from themis.core.queue.folder import bell
from themis.core.queue.folder.root import make_root
from themis.core.queue.model import layout
from themis_workers import queue_watch
from themis_workers.queue_watch import QueueWatch
from themis_workers.telemetry import logs
from themis_workers.wake import Wake

if TYPE_CHECKING:
    from themis.core.queue import FileQueue


class Heard:
    """A queue that counts how often it is told to look again."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.times = 0

    def wake(self) -> None:
        self.times += 1


@pytest.fixture
def wake() -> Iterator[Wake]:
    with Wake() as made:
        yield made


@pytest.fixture
def queue(tmp_path: Path) -> Heard:
    return Heard(make_root(tmp_path / "queue").path)


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    found: list[str] = []
    monkeypatch.setattr(logs, "warn", lambda what, **_: found.append(what))
    monkeypatch.setattr(logs, "tell", lambda what, **_: found.append(what))
    return found


@pytest.fixture
def watch(queue: Heard, wake: Wake) -> Iterator[Callable[[], QueueWatch]]:
    made: list[QueueWatch] = []

    def begin() -> QueueWatch:
        made.append(QueueWatch(cast("FileQueue", queue), wake))
        return made[-1]

    yield begin
    for one in made:
        one.close()
    until(lambda: not [thread for thread in threading.enumerate() if "Inotify" in type(thread).__name__], "its threads")


def _hears(queue: Heard, wake: Wake, seconds: float = 10.0) -> float:
    """Seconds until a ring is heard."""
    before, began_s = queue.times, time.monotonic()
    bell.ring(queue.path)
    while queue.times == before and time.monotonic() - began_s < seconds:
        wake.sleep(seconds)
    return time.monotonic() - began_s


def test_a_ring_is_heard_within_milliseconds_each_time(
    queue: Heard, wake: Wake, watch: Callable[[], QueueWatch]
) -> None:
    watch()
    assert queue.times == 1, "what came before it watched was not heard"
    took_s = sorted(_hears(queue, wake) for _ in range(40))
    assert took_s[20] < 0.05, "watchdog's own delay would be half a second"


def test_a_ring_is_heard_at_once_though_jobs_are_taken_all_the_time(
    queue: Heard, wake: Wake, watch: Callable[[], QueueWatch]
) -> None:
    watch()
    took_s = []
    for number in range(20):
        path = queue.path / layout.QUEUED / f"{number}"
        path.touch()
        path.rename(queue.path / layout.CLAIMED / path.name)
        took_s.append(_hears(queue, wake))
    assert sorted(took_s)[10] < 0.05


def test_what_is_read_or_made_beside_the_bell_wakes_nobody(
    queue: Heard, wake: Wake, watch: Callable[[], QueueWatch]
) -> None:
    watch()
    _hears(queue, wake)
    before = queue.times
    (queue.path / layout.BELL / layout.RING).read_bytes()
    (queue.path / layout.QUEUED / "x").write_text("x")
    wake.sleep(0.2)
    assert queue.times == before


def test_a_watch_that_cannot_be_is_said_once_and_begins_when_it_can(
    queue: Heard,
    wake: Wake,
    watch: Callable[[], QueueWatch],
    said: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(queue_watch, "LOOK_AFTER_S", 0.0)
    with monkeypatch.context() as broken:
        broken.setattr(inotify_c, "inotify_init", lambda: -1)
        broken.setattr(ctypes, "get_errno", lambda: errno.EMFILE)
        made = watch()
        made.look_after()
        made.look_after()
        assert said == ["the queue's bell cannot be watched: new jobs are found by rescanning"]
        wake.sleep(0.0)
    made.look_after()
    assert said[1:] == ["the queue's bell is watched again"]
    assert _hears(queue, wake) < 5.0


@pytest.mark.parametrize("failing", ["schedule", "start"])
def test_a_watch_that_fails_half_way_leaves_no_thread(
    queue: Heard,
    watch: Callable[[], QueueWatch],
    said: list[str],
    monkeypatch: pytest.MonkeyPatch,
    failing: str,
) -> None:
    no_thread = RuntimeError("can't start new thread")
    before = set(threading.enumerate())

    def spoiled(**facts: float) -> object:
        observer = Observer(**facts)

        def fail(*_: object, **__: object) -> None:
            raise no_thread

        monkeypatch.setattr(observer, failing, fail)
        return observer

    monkeypatch.setattr(queue_watch, "Observer", spoiled)
    watch()
    assert len(said) == 1
    until(lambda: set(threading.enumerate()) <= before, "its threads to end")


def test_a_bell_that_was_removed_is_hung_again_and_watched(
    queue: Heard,
    wake: Wake,
    watch: Callable[[], QueueWatch],
    said: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(queue_watch, "LOOK_AFTER_S", 0.0)
    made = watch()
    _hears(queue, wake)
    for _ in range(2):
        folder = queue.path / layout.BELL
        (folder / layout.RING).unlink(missing_ok=True)
        folder.rmdir()
        made.look_after()
        assert _hears(queue, wake) < 5.0
    assert said == []


def test_where_the_folder_cannot_be_made_the_worker_goes_by_looking(
    queue: Heard, watch: Callable[[], QueueWatch], said: list[str]
) -> None:
    folder = queue.path / layout.BELL
    folder.rmdir()
    folder.write_text("no folder")
    watch()
    assert said == ["the queue's bell cannot be watched: new jobs are found by rescanning"]
    assert bell.why_silent(queue.path) == "is not a folder"


def test_how_often_it_is_looked_after(
    queue: Heard, watch: Callable[[], QueueWatch], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = watch()
    clock = SimpleNamespace(now_s=time.monotonic())
    monkeypatch.setattr(queue_watch, "time", SimpleNamespace(monotonic=lambda: clock.now_s))
    looked: list[object] = []

    def identity() -> tuple[int, int] | None:
        looked.append(None)
        return made._watched

    monkeypatch.setattr(made, "_identity", identity)
    for _ in range(100):
        clock.now_s += 0.1
        made.look_after()
    assert 1 <= len(looked) <= 3
