"""The doorbell: rung after whatever a worker should hear of, never an error, and never in anybody's way."""

import logging
import os
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.processes.queue_world import World, world
from tests.support.disk_calls import disk_calls
from themis.core.files import durable
from themis.core.queue import AttemptOutcome, Cause, Claim, FileQueue
from themis.core.queue.folder import bell
from themis.core.queue.folder.root import make_root, open_root
from themis.core.queue.folder.worker_registry import request_stop
from themis.core.queue.model import layout
from themis.core.queue.model.layout import PRUNABLE

RUN = "run"
LATER_NS = 3_600_000_000_000

cannot_be_refused = pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")


@pytest.fixture
def here(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path) as opened:
        yield opened


def _ring(here: World) -> Path:
    return here.queue.path / layout.BELL / layout.RING


def _rings(here: World, act: Callable[[], object]) -> int:
    """How often an act rings."""
    found = 0

    def observe(kind: str, *facts: object) -> None:
        nonlocal found
        found += kind == "ring" and str(facts[0]) == str(_ring(here))

    before = durable.set_observer(observe)
    try:
        act()
    finally:
        durable.set_observer(before)
    return found


def test_a_ring_is_one_byte_written_again_and_nothing_leaves_the_folder(here: World) -> None:
    for number in range(3):
        here.submit(f"run-{number}")
        assert [path.name for path in _ring(here).parent.iterdir()] == [layout.RING]
        assert _ring(here).read_bytes() == b"!"
    assert stat.S_IMODE(_ring(here).stat().st_mode) == 0o600
    first = _ring(here).stat()
    os.utime(_ring(here), (0, 0))
    here.submit("run-9")
    assert _ring(here).stat().st_ino == first.st_ino
    assert time.time() - _ring(here).stat().st_mtime < 60


def test_every_verb_that_a_worker_should_hear_of_rings_and_no_other(here: World) -> None:
    queue, key = here.queue, here.job(RUN).key
    assert _rings(here, lambda: here.submit(RUN)) == 1
    assert _rings(here, lambda: here.submit(RUN)) == 0, "it is there already"
    assert _rings(here, lambda: queue.admin.reschedule(key, priority=1)) == 1
    assert _rings(here, lambda: queue.admin.cancel(key)) == 0, "nobody runs it"
    assert _rings(here, lambda: queue.admin.retry(key)) == 1
    assert _rings(here, lambda: list(queue.admin.cancel_each([key]))) == 0
    assert _rings(here, lambda: list(queue.admin.retry_each([key]))) == 1
    assert _rings(here, queue.admin.pause) == 1
    assert _rings(here, queue.admin.resume) == 1
    claims: list[Claim] = []
    assert _rings(here, lambda: claims.append(here.claimed())) == 0
    assert _rings(here, lambda: queue.admin.cancel(key)) == 1, "its owner is to stop it"
    assert _rings(here, claims[0].give_back) >= 0
    here.drain()
    assert _rings(here, lambda: queue.admin.rerun(key)) == 1
    claims = [here.claimed()]
    assert _rings(here, claims[0].give_back) == 1, "another worker may have it"
    claims = [here.claimed()]
    claims[0].lock.release()
    assert _rings(here, lambda: queue.recover(here.owner)) == 1, "what a dead worker had is free"
    claims = [here.claimed()]
    assert _rings(here, lambda: claims[0].settle(AttemptOutcome(Cause.DONE))) == 0
    assert _rings(here, lambda: here.submit(RUN, rerun=True)) == 1
    assert _rings(here, lambda: request_stop(queue.path, ["w"])) == 1


def test_a_job_is_heard_of_after_its_move_is_durable(here: World) -> None:
    seen: list[str] = []
    with disk_calls(lambda call, *paths: seen.append(call)):
        before = durable.set_observer(lambda kind, *_: seen.append(kind) if kind == "ring" else None)
        try:
            here.submit(RUN)
        finally:
            durable.set_observer(before)
    assert "ring" in seen
    assert seen.index("ring") > len(seen) - 1 - seen[::-1].index("rename")
    assert seen[seen.index("ring") - 1] == "fsync_folder"


def test_a_queue_of_an_earlier_version_gets_its_bell_when_it_is_opened(here: World) -> None:
    here.submit(RUN)
    makers: list[Callable[[Path], object]] = [make_root, open_root]
    for make in makers:
        _ring(here).unlink(missing_ok=True)
        _ring(here).parent.rmdir()
        make(here.queue.path)
        assert stat.S_IMODE(_ring(here).parent.stat().st_mode) == 0o700
    _ring(here).parent.rmdir()
    open_root(here.queue.path, write=False)
    assert not _ring(here).parent.exists(), "who only looks makes nothing"


def _no_folder(bell_folder: Path, _: pytest.MonkeyPatch) -> None:
    bell_folder.rmdir()
    bell_folder.write_text("no folder")


def _a_link(bell_folder: Path, _: pytest.MonkeyPatch) -> None:
    (bell_folder / layout.RING).symlink_to(bell_folder.parent / "target")


def _a_pipe(bell_folder: Path, _: pytest.MonkeyPatch) -> None:
    os.mkfifo(bell_folder / layout.RING)


def _a_folder(bell_folder: Path, _: pytest.MonkeyPatch) -> None:
    (bell_folder / layout.RING).mkdir()


def _a_full_disk(_: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)


@pytest.mark.parametrize("spoil", [_no_folder, _a_link, _a_pipe, _a_folder, _a_full_disk])
def test_a_bell_that_cannot_be_rung_stops_nobody_and_is_said_once(
    here: World,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    spoil: Callable[[Path, pytest.MonkeyPatch], None],
) -> None:
    make_root(here.queue.path)
    spoil(here.queue.path / layout.BELL, monkeypatch)
    with caplog.at_level(logging.WARNING):
        keys = [here.submit(f"run-{number}") for number in range(3)]
        here.queue.admin.pause()
        here.queue.admin.resume()
    assert len([record for record in caplog.records if "workers find new jobs by polling" in record.message]) == 1
    assert not (here.queue.path / "target").exists(), "no link is followed"
    assert here.drain() == 3
    assert [here.queue.admin.find(key).state for key in keys] == ["done"] * 3


def test_once_it_rings_again_the_next_trouble_is_said_again(here: World, caplog: pytest.LogCaptureFixture) -> None:
    here.submit("run-1")
    for number in (2, 3):
        _ring(here).unlink()
        _ring(here).mkdir()
        here.submit(f"run-{number}0")
        _ring(here).rmdir()
        here.submit(f"run-{number}1")
    assert len([record for record in caplog.records if "by polling" in record.message]) == 2


@cannot_be_refused
def test_a_bell_that_this_user_may_not_write_to_stops_nobody(here: World) -> None:
    make_root(here.queue.path)
    (here.queue.path / layout.BELL).chmod(0o500)
    here.submit(RUN)
    assert here.drain() == 1


@pytest.mark.parametrize(
    ("spoil", "words", "is_mended"),
    [
        (_a_link, "holds a ring that is not a file", True),
        (_a_pipe, "holds a ring that is not a file", True),
        (_a_folder, "holds a ring that is not a file", False),
        (_no_folder, "is not a folder", False),
    ],
)
def test_the_doctor_knows_the_bell(
    here: World,
    monkeypatch: pytest.MonkeyPatch,
    spoil: Callable[[Path, pytest.MonkeyPatch], None],
    words: str,
    is_mended: bool,
) -> None:
    here.submit(RUN)
    assert here.queue.admin.doctor(fix=False) == []
    folder = here.queue.path / layout.BELL
    (folder / layout.RING).unlink()
    spoil(folder, monkeypatch)
    (looked,) = here.queue.admin.doctor(fix=False)
    assert (looked.what, looked.fixed) == (str(folder), False)
    assert words in looked.problem
    (mended,) = here.queue.admin.doctor()
    assert mended.fixed is is_mended
    assert bool(mended.advice) is not is_mended
    assert (here.queue.admin.doctor() == []) is is_mended
    assert (bell.why_silent(here.queue.path) is None) is is_mended


def test_nothing_that_tidies_a_queue_takes_the_bell(here: World) -> None:
    here.submit(RUN)
    here.drain()
    inode = _ring(here).stat().st_ino
    old_s = time.time() - 1e7
    os.utime(_ring(here), (old_s, old_s))
    pruned = here.queue.admin.prune(here.queue.admin.prunable(PRUNABLE, time.time_ns() + LATER_NS))
    here.queue.admin.sweep()
    assert len(pruned) == 1
    assert here.queue.admin.doctor() == []
    assert _ring(here).stat().st_ino == inode


def test_a_bell_that_others_may_write_to_is_refused_like_the_rest_of_the_queue(here: World) -> None:
    here.submit(RUN)
    folder = here.queue.path / layout.BELL
    folder.chmod(0o777)
    with pytest.raises(Exception, match=r"other users can write to .*bell"):
        FileQueue(here.queue.path, lambda _: here.store).claim(here.owner)
    folder.chmod(0o700)
    _ring(here).unlink()
    folder.rmdir()
    assert FileQueue(here.queue.path, lambda _: here.store).claim(here.owner).claim is not None
