"""A disk that is full in the middle of a run: no job pays for it, and all goes on when there is room again."""

import contextlib
import errno
import os
import shutil
import sqlite3
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.processes.worker_world import World, stop
from tests.support.waiting import until

DISK_MB = 16
CASES = 12


@dataclass
class SmallDisk:
    """A filesystem of its own, that can be full."""

    path: Path

    def fill(self) -> None:
        """Leave not a byte."""
        with (self.path / "filler").open("ab", buffering=0) as file:
            for size in (1_048_576, 4_096, 1):
                with contextlib.suppress(OSError):
                    while True:
                        file.write(b"x" * size)

    def make_room(self) -> None:
        (self.path / "filler").unlink()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m,mode=700", "themis-test", str(folder)]
    is_possible = os.geteuid() == 0 and shutil.which("mount") is not None
    if not is_possible or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("nobody may mount a small disk here")
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)  # noqa: S607  # as `mount` was found


class StoreOnDisk(World):
    """Its store is on the small disk, its queue is not."""

    @property
    def store_path(self) -> Path:
        return self.folder / "disk" / "themis.sqlite3"


class QueueOnDisk(World):
    """Its queue is on the small disk, its store is not."""

    @property
    def queue_root(self) -> Path:
        return self.folder / "disk" / "queue"


def calls(world: World) -> list[str]:
    path = world.folder / "calls"
    return path.read_text().split() if path.exists() else []


def outcomes(world: World) -> Counter[tuple[int, int, int]]:
    with closing(sqlite3.connect(world.store_path)) as store:
        return Counter(store.execute("SELECT run_no, case_no, stage FROM outcomes"))


def test_a_store_whose_disk_is_full_costs_no_job_anything(tmp_path: Path, disk: SmallDisk) -> None:
    world = StoreOnDisk(tmp_path)
    world.prepare()
    running, queued = world.submit(*["wait 0.25"] * CASES), world.submit("well")
    with world.daemon() as daemon:
        until(lambda: "c3" in calls(world), "some cases to end")
        disk.fill()
        until(lambda: "no jobs are taken" in world.said(), "it to say that it takes no jobs")
        until(lambda: world.said().count("cannot be settled yet") >= 2, "it to try to settle again and again")
        called = len(calls(world))
        assert world.state(queued) == "queued"
        assert len(calls(world)) == called
        disk.make_room()
        ended = world.wait_for(running, "done")
        assert world.wait_for(queued, "done").row.failures == 0
        assert stop(daemon) == 0
    assert (ended.row.failures, ended.row.lost) == (0, 0)
    assert [attempt.cause for attempt in ended.attempts] == ["outage", "done"]
    assert "full" in ended.attempts[0].message
    assert "jobs are taken again" in world.said()
    assert set(outcomes(world).values()) == {1}
    assert len(outcomes(world)) == 3 * (CASES + 1)
    # What was committed is not asked for again; what was under way when the disk was full may be.
    again = [case for case, count in Counter(calls(world)).items() if count > 1 and case not in {"c0", "c1"}]
    assert len(again) <= 2, calls(world)


def test_a_queue_whose_disk_is_full_costs_no_job_anything(tmp_path: Path, disk: SmallDisk) -> None:
    world = QueueOnDisk(tmp_path)
    world.prepare()
    running, queued = world.submit(*["wait 0.25"] * CASES), world.submit("flood")
    with world.daemon("--min-free-mb", "1") as daemon:
        until(lambda: "c3" in calls(world), "some cases to end")
        disk.fill()
        until(lambda: "no jobs are taken" in world.said(), "it to say that it takes no jobs")
        ended = world.wait_for(running, "done")
        assert world.state(queued) == "queued"
        disk.make_room()
        assert world.wait_for(queued, "done").row.failures == 0
        assert stop(daemon) == 0
    assert [attempt.cause for attempt in ended.attempts] == ["done"]
    assert calls(world) == [f"c{number}" for number in range(CASES)] + ["c0"]
    assert set(outcomes(world).values()) == {1}


def test_a_queue_that_is_full_to_the_last_byte_loses_nothing(tmp_path: Path, disk: SmallDisk) -> None:
    """Without `--min-free-mb` the worker learns of it only when something cannot be written."""
    world = QueueOnDisk(tmp_path)
    world.prepare()
    keys = [world.submit("wait 0.5", *["well"] * number) for number in range(4)]
    with world.daemon("--min-free-mb", "0", "--slots", "2") as daemon:
        until(lambda: calls(world), "the first to begin")
        disk.fill()
        with contextlib.suppress(AssertionError):  # some may end: nothing need be written for that
            until(lambda: all(world.state(key) == "done" for key in keys), "all to end", 4.0)
        assert daemon.poll() is None, world.said()
        disk.make_room()
        for key in keys:
            ended = world.wait_for(key, "done")
            assert (ended.row.failures, ended.row.lost) == (0, 0)
        assert stop(daemon) == 0
    assert set(outcomes(world).values()) == {1}


def test_the_disk_of_these_tests_can_be_full(disk: SmallDisk) -> None:
    disk.fill()
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        (disk.path / "more").write_text("x")
    disk.make_room()
    (disk.path / "more").write_text("x")
