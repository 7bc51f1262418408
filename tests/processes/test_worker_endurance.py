"""After hundreds of jobs a worker is what it was after the first ones: nothing piles up in it or beside it."""

import time
from pathlib import Path

import psutil
import pytest

from tests.processes.worker_world import World, stop
from tests.support.waiting import until

MOST_GROWTH_MB = 8.0
Holdings = list[tuple[str, int, int]]


def worker_and_what_it_keeps(pid: int) -> list[psutil.Process]:
    worker = psutil.Process(pid)
    return [worker, *worker.children(recursive=True)]


def holdings(pid: int) -> Holdings:
    """What each process of a worker without jobs holds: its open descriptors and its threads, when it is at rest."""
    looks: list[Holdings] = [[], [("", 0, 0)]]

    def is_at_rest() -> bool:
        time.sleep(0.5)
        found = sorted((one.name(), one.num_fds(), one.num_threads()) for one in worker_and_what_it_keeps(pid))
        looks.append(found)
        return looks[-3] == looks[-2] == looks[-1]

    until(is_at_rest, "the worker to be at rest", 30.0)
    return looks[-1]


def memory_mb(pid: int) -> float:
    """What all processes of a worker use, with shared pages counted once."""
    return sum(one.memory_full_info().pss for one in worker_and_what_it_keeps(pid)) / 1_048_576


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def run_jobs(world: World, numbers: range) -> None:
    """Queue one job a number, and wait until all have ended."""
    for number in numbers:
        world.submit(f"take 0.{number:09d}")
    until(lambda: len(names(world.queue_root / "done")) == numbers.stop, "all jobs to be done", 240.0)


@pytest.mark.slow
@pytest.mark.parametrize("isolation", ["namespace", "supervisor"])
def test_hundreds_of_jobs_leave_no_descriptor_no_process_no_memory_and_no_file_behind(
    tmp_path: Path, isolation: str, short: bool
) -> None:
    world = World(tmp_path)
    world.prepare()
    first, last = (20, 80) if short else (50, 450)
    health, metrics = tmp_path / "health", tmp_path / "worker.prom"
    told = ("--health-file", str(health), "--metrics-file", str(metrics), "--hook", "true")
    with world.daemon("--isolation", isolation, "--slots", "2", *told) as daemon:
        run_jobs(world, range(first))
        before, before_mb = holdings(daemon.pid), memory_mb(daemon.pid)
        run_jobs(world, range(first, last))
        assert holdings(daemon.pid) == before
        assert memory_mb(daemon.pid) - before_mb < MOST_GROWTH_MB
        assert psutil.STATUS_ZOMBIE not in {one.status() for one in worker_and_what_it_keeps(daemon.pid)}
        assert stop(daemon) == 0, world.said()
    for name in ("tmp", "claimed", "cancel", "rejected", "queued", "waiting"):
        assert names(world.queue_root / name) == []
    assert [name for name in names(world.queue_root / "workers") if not name.endswith(".lock")] == []
    assert len(names(world.queue_root / "locks")) == last
    assert not health.exists()
    assert "WARNING" not in world.said()
