"""A disk that is full in the middle of a run: no job pays for it, and all goes on when there is room again."""

import contextlib
import errno
import os
import shutil
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.processes.worker_world import REPOSITORY, World, stop
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


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
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


class AllOnDisk(StoreOnDisk, QueueOnDisk):
    """Both are on the small disk."""


@pytest.mark.slow
@pytest.mark.parametrize("signals", [pytest.param(1, marks=pytest.mark.slow, id="asked"), pytest.param(2, id="twice")])
def test_a_daemon_that_must_end_while_the_disk_is_full_charges_nobody_and_says_so(
    tmp_path: Path, disk: SmallDisk, signals: int
) -> None:
    world = AllOnDisk(tmp_path)
    world.prepare()
    key = world.submit(*["wait 0.25"] * CASES)
    with world.daemon("--min-free-mb", "0", "--grace", "0.1", "--job-grace", "0.1") as daemon:
        until(lambda: "c1" in calls(world), "some cases to end")
        disk.fill()
        until(lambda: "cannot be settled yet" in world.said(), "it to try to settle")
        assert stop(daemon, times=signals) == {1: 5, 2: 6}[signals], world.said()
    assert "the attempt is abandoned" in world.said()
    disk.make_room()
    with world.daemon("--min-free-mb", "0") as daemon:
        ended = world.wait_for(key, "done")
        assert stop(daemon) == 0
    assert (ended.row.failures, ended.row.lost) == (0, 0)
    assert [attempt.cause for attempt in ended.attempts] == ["outage", "done"]


@pytest.mark.slow
def test_a_daemon_that_is_killed_while_it_waits_for_room_costs_its_job_nothing(tmp_path: Path, disk: SmallDisk) -> None:
    world = AllOnDisk(tmp_path)
    world.prepare()
    key = world.submit(*["wait 0.25"] * CASES)
    with world.daemon("--min-free-mb", "0") as daemon:
        until(lambda: "c1" in calls(world), "some cases to end")
        disk.fill()
        until(lambda: "cannot be settled yet" in world.said(), "it to try to settle")
        daemon.kill()
    disk.make_room()
    with world.daemon("--min-free-mb", "0") as daemon:
        ended = world.wait_for(key, "done")
        assert stop(daemon) == 0
    assert (ended.row.failures, ended.row.lost) == (0, 0)


def _keep_notes_elsewhere(queue_root: Path, folder: Path) -> None:
    """Keep the notes of cases in flight on another disk: their end would make room for the end of the job."""
    folder.mkdir()
    with contextlib.suppress(FileNotFoundError):
        (queue_root / "in_flight").rmdir()
    (queue_root / "in_flight").symlink_to(folder)


@pytest.mark.slow
def test_a_worker_that_runs_one_job_ends_with_5_when_its_end_cannot_be_written(tmp_path: Path, disk: SmallDisk) -> None:
    world = AllOnDisk(tmp_path)
    world.prepare()
    key = world.submit("until room", *["wait 0.1"] * 3, max_worker_lost=1)
    _keep_notes_elsewhere(world.queue_root, tmp_path / "notes")
    environment = {**os.environ, "PYTHONPATH": f"{REPOSITORY}:{tmp_path}"}
    command = [sys.executable, "-m", "themis", "worker", "run", "--queue-root", str(world.queue_root)]
    for _ in range(2):
        (tmp_path / "calls").unlink(missing_ok=True)
        with subprocess.Popen(command, env=environment, cwd="/", stderr=subprocess.PIPE, text=True) as process:
            until(lambda: calls(world), "the job to begin")
            disk.fill()
            (tmp_path / "room").touch()
            said = process.communicate()[1]
        assert process.returncode == 5, said
        assert "it is given back, charged to nobody" in said
        assert "Traceback" not in said
        disk.make_room()
    assert subprocess.run(command, env=environment, cwd="/", check=False).returncode == 0
    ended = world.show(key)
    assert (ended.row.state, ended.row.failures, ended.row.lost) == ("done", 0, 0)
    assert [attempt.cause for attempt in ended.attempts] == ["outage", "outage", "done"]


LIMITED = """
import resource
from themis.core.models import Score

class Guard:
    component_id, version = "lab/guard", "1"
    def fingerprint(self):
        return "1"
    def score(self, parsed, case, ctx):
        resource.setrlimit(resource.%s, (%s, %s))
        return Score(metric_id=self.component_id, value=1.0)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "limit",
    [
        pytest.param(("RLIMIT_FSIZE", 1024), id="bytes"),
        pytest.param(("RLIMIT_NOFILE", 4), id="files", marks=pytest.mark.slow),
    ],
)
def test_a_job_that_takes_its_own_process_the_means_to_write_ends_and_keeps_nobody_waiting(
    tmp_path: Path, limit: tuple[str, int]
) -> None:
    world = World(tmp_path)
    world.prepare()
    name, number = limit
    (tmp_path / "guard.py").write_text(LIMITED % (name, number, number))
    world.metric = "guard:Guard"
    # Two at a time, and the first long enough for a commit in a thread of its own, with a connection of its own.
    bad = world.submit("wait 1", "well", max_attempts=2, max_concurrent_tasks=2)
    world.metric = "builtin/exact_match"
    good = world.submit("well", "well")
    with world.daemon("--drain") as daemon:
        assert daemon.wait(60) == 0, world.said()
    assert world.state(good) == "done"
    ended = world.show(bad)
    assert (ended.row.state, ended.row.failures) == ("failed", 2)
    assert name in ended.attempts[0].message or "its worker can write there" in ended.attempts[0].message
    assert world.said().count("no jobs are taken") <= 1


def test_the_disk_of_these_tests_can_be_full(disk: SmallDisk) -> None:
    disk.fill()
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        (disk.path / "more").write_text("x")
    disk.make_room()
    (disk.path / "more").write_text("x")
