"""A signal that reaches a worker together with all its processes, as a scheduler and a service manager send it."""

import contextlib
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.processes.worker_world import World
from tests.support.waiting import until


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    made.prepare()
    return made


def inner_first(pids: list[int]) -> list[int]:
    return pids[::-1]


def outer_first(pids: list[int]) -> list[int]:
    return pids


def signal_all(worker: int, order: Callable[[list[int]], list[int]], number: signal.Signals) -> None:
    """Signal a worker and all that it has started; the worker has time to notice between one and the next."""
    found = [worker, *(child.pid for child in psutil.Process(worker).children(recursive=True))]
    assert len(found) > 3
    for pid in order(found):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("isolation", "deed", "order", "number"),
    [
        ("auto", "wait 600", inner_first, signal.SIGTERM),
        pytest.param("group", "wait 600", outer_first, signal.SIGTERM, marks=pytest.mark.slow),
        pytest.param("supervisor", "hang", inner_first, signal.SIGTERM, marks=pytest.mark.slow),
        pytest.param("auto", "wait 600", inner_first, signal.SIGINT, marks=pytest.mark.slow),
    ],
)
def test_jobs_are_given_back_uncharged_whoever_hears_first(
    world: World, isolation: str, deed: str, order: Callable[[list[int]], list[int]], number: signal.Signals
) -> None:
    key = world.submit(deed)
    with world.daemon("--isolation", isolation, "--grace", "20", "--job-grace", "1") as daemon:
        until((world.folder / "calls").exists, "the case to begin")
        signal_all(daemon.pid, order, number)
        assert daemon.wait(40) == 5, world.said()
    job = world.show(key)
    assert (job.row.state, job.row.failures, job.row.lost) == ("queued", 0, 0), world.said()
    assert [attempt.cause for attempt in job.attempts] == ["given back"]
    assert job.row.ready_ns is None


@pytest.mark.slow
def test_a_job_that_alone_gets_the_signal_is_charged_as_before(world: World) -> None:
    key = world.submit("wait 600", max_attempts=1)
    with world.daemon() as daemon:
        until((world.folder / "calls").exists, "the case to begin")
        owner = world.show(key).row.owner
        assert owner is not None
        assert owner.job_pid is not None
        os.kill(owner.job_pid, signal.SIGTERM)
        job = world.wait_for(key, "failed")
        daemon.terminate()
        assert daemon.wait(30) == 0
    assert [attempt.cause for attempt in job.attempts] == ["signal"]
