"""What people ask of a queue while daemons work on it, and what it costs a daemon to have nothing to do."""

import json
import time
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from tests.processes.worker_world import World, stop
from tests.support.waiting import until
from themis.core.jobs.store_cache import StoreCache
from themis.core.queue import FileQueue, NewJob
from themis.core.queue.folder.worker_registry import workers_of
from themis.core.queue.model import layout
from themis.core.queue.model.store_address import StoreAddress
from themis.core.stores.sqlite import SqliteRunStore


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    made.prepare()
    return made


def queue(world: World, *arguments: str, code: int = 0) -> str:
    done = world.themis("queue", *arguments, "--queue-root", str(world.queue_root))
    assert done.returncode == code, done.stderr
    return done.stdout


def calls(world: World) -> list[str]:
    path = world.folder / "calls"
    return path.read_text().split() if path.exists() else []


def submit(world: World, name: str, *deeds: str, options: tuple[str, ...] = ()) -> str:
    """Queue an experiment whose cases are called by `name`; returns the job's key."""
    done = world.themis("submit", "--config", str(world.config(name, *deeds)), *options)
    assert done.returncode == 0, done.stderr
    return Path(json.loads(done.stdout)["manifest_path"]).stem.rpartition("-")[2]


@pytest.mark.slow
def test_all_can_be_cancelled_what_runs_and_what_waits(world: World) -> None:
    running = [world.submit("wait 60", *["well"] * number) for number in range(2)]
    waiting = [world.submit("well", *["well"] * number) for number in range(3)]
    with world.daemon() as first, world.daemon() as second:
        for key in running:
            world.wait_for(key, "running")
        began_s = time.monotonic()
        queue(world, "cancel", "--all", "--yes")
        for key in running + waiting:
            world.wait_for(key, "cancelled")
        assert time.monotonic() - began_s < 6.0
        again = world.submit("leave a grandchild")
        world.wait_for(again, "done")  # they work on
        assert (stop(first), stop(second)) == (0, 0)
    assert len(calls(world)) == 3  # none of those that waited was begun


@pytest.mark.slow
def test_a_paused_queue_gives_nothing_away_but_lets_what_runs_end(world: World) -> None:
    running, queued = world.submit("until told"), world.submit("well")
    with world.daemon("--slots", "2", "--max-jobs", "3") as daemon:
        world.wait_for(running, "running")
        world.wait_for(queued, "done")
        queue(world, "pause", "--reason", "the provider is down")
        late = world.submit("well", "well")
        (world.folder / "told").touch()
        world.wait_for(running, "done")
        time.sleep(2.0)  # more than a rescan
        assert world.state(late) == "queued"
        assert "the provider is down" in queue(world, "show", late)
        assert "the queue is paused" in world.said()
        assert 'why="the provider is down"' in world.said()
        queue(world, "resume")
        began_s = time.monotonic()
        world.wait_for(late, "done")
        assert time.monotonic() - began_s < 5.0
        assert daemon.wait(30) == 0
    assert "the queue is resumed" in world.said()


@pytest.mark.slow
def test_priorities_and_times_decide_what_comes_next(world: World) -> None:
    first = submit(world, "first", "until told", options=("--priority", "0"))
    last = submit(world, "last", "well")
    urgent = submit(world, "urgent", "well", options=("--priority", "1"))
    later = submit(world, "later", "well", options=("--not-before", "1h"))
    soon = submit(world, "soon", "well", options=("--not-before", "1h"))
    with world.daemon() as daemon:
        world.wait_for(first, "running")
        queue(world, "set", last, "--priority", "9")
        queue(world, "set", soon, "--not-before", "now")
        (world.folder / "told").touch()
        for key in (urgent, soon, last):
            world.wait_for(key, "done")
        assert calls(world) == ["first-0", "urgent-0", "soon-0", "last-0"]
        assert world.state(later) == "queued"
        queue(world, "set", later, "--not-before", "1s")
        world.wait_for(later, "done")
        assert stop(daemon) == 0
    assert calls(world)[-1] == "later-0"


@pytest.mark.slow
def test_a_run_can_be_waited_for_and_its_results_so_far_be_read(world: World) -> None:
    config = world.config("long", "well", "raise no", "until told", "well")
    run_id = json.loads(world.themis("submit", "--config", str(config)).stdout)["run_id"]
    root = ("--queue-root", str(world.queue_root))
    with world.daemon() as daemon:
        until(lambda: "long-2" in calls(world), "the third case to begin")
        until(lambda: _status(world, run_id)["failed_cases"] == 1, "two cases to be kept")
        found = _status(world, run_id)
        assert (found["state"], found["completed_cases"], found["total_cases"]) == ("running", 1, 4)
        assert (found["partial"], found["metric_means"]) == (True, {"builtin/exact_match": 1.0})
        report = world.themis("report", "--config", str(config), "--format", "markdown-summary")
        assert "This report is partial" in report.stdout, report.stderr
        assert world.themis("status", run_id, *root, "--wait", "--timeout", "0.2").returncode == 124
        (world.folder / "told").touch()
        waited = world.themis("status", run_id, *root, "--wait", "--timeout", "30")
        assert (waited.returncode, _status(world, run_id)["completed_cases"]) == (0, 3)
        report = world.themis("report", "--config", str(config), "--format", "markdown-summary")
        assert "This report is" not in report.stdout
        cancelled = world.show(submit(world, "cancelled", "wait 60")).row
        assert world.themis("status", cancelled.run_id, *root, "--wait", "--timeout", "0.1").returncode == 124
        queue(world, "cancel", cancelled.key)
        assert world.themis("status", cancelled.run_id, *root, "--wait", "--timeout", "30").returncode == 3
        assert stop(daemon) == 0


def _status(world: World, run_id: str) -> dict[str, object]:
    done = world.themis("status", run_id, "--queue-root", str(world.queue_root), "--json")
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


@pytest.mark.slow
def test_why_jobs_are_left_is_said_once_however_many_there_are(world: World) -> None:
    _submit_many(world, 30)
    with world.daemon() as daemon:
        until(lambda: "needs a worker with the tag gpu" in world.said(), "the reason")
        _submit_many(world, 31)
        until(lambda: world.said().count("a file is skipped") == 2, "the same of one more")
        time.sleep(2.0)  # more than a rescan
        assert stop(daemon) == 0
    assert world.said().count("a file is skipped") == 2
    assert "more=29" in world.said()


JOBS = 10_000


@pytest.mark.slow
def test_ten_thousand_jobs_that_a_worker_may_not_take_cost_it_nothing(world: World, short: bool) -> None:
    _submit_many(world, JOBS // 10 if short else JOBS)
    with world.daemon("--slots", "2") as daemon:
        process = psutil.Process(daemon.pid)
        until(lambda: workers_of(world.queue_root), "it to begin")
        _until_it_rests(process)
        before, began_s = process.cpu_times(), time.monotonic()
        time.sleep(20.0)
        after, took_s = process.cpu_times(), time.monotonic() - began_s
        share = (after.user + after.system - before.user - before.system) / took_s
        assert share < 0.005, f"{share:.2%} of a core"
        mine = world.submit("well")
        world.wait_for(mine, "done")
        assert stop(daemon) == 0


def _submit_many(world: World, count: int) -> None:
    """Jobs that need a tag; each is put where a submit puts it, but not synced."""
    with closing(SqliteRunStore(world.store_path)) as store, closing(StoreCache()) as stores:
        store.initialize()
        address = StoreAddress("sqlite", str(world.store_path), store.jobs.store_id)
        made = FileQueue(world.queue_root, stores)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("os.fsync", lambda _: None)
            for number in range(count):
                made.submit(NewJob(run_id=f"run-{number}", store=address, payload={}, version="1", tags=("gpu",)))
    assert len(list((world.queue_root / layout.QUEUED).iterdir())) == count


def _until_it_rests(process: psutil.Process) -> None:
    def rests() -> bool:
        before = process.cpu_times()
        time.sleep(4.0)
        after = process.cpu_times()
        return after.user + after.system - before.user - before.system < 0.1

    until(rests, "it to have looked at each job")
