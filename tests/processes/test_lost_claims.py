"""Jobs whose claim is lost while their process runs: what they may still do."""

import json
import os
import signal
import sqlite3
import time
from contextlib import closing, suppress
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


def written(world: World, statement: str, *values: object) -> int:
    """What a statement has changed in the store, or the number that it asks for."""
    with closing(sqlite3.connect(world.store_path, timeout=10.0)) as connection, connection:
        found = connection.execute(statement, values)
        return int(found.fetchone()[0]) if statement.startswith("SELECT") else found.rowcount


@pytest.mark.slow
def test_a_claim_of_the_same_version_with_another_token_fences_the_job(world: World) -> None:
    """As after a failover to a database without the last commits: the version counts on from an earlier one."""
    key = world.submit("until told", "well")
    with world.daemon() as daemon:
        until((world.folder / "calls").exists, "the first case to begin")
        assert written(world, "UPDATE jobs SET token = 'of another' WHERE key = ?", key) == 1
        (world.folder / "told").touch()
        job = world.wait_for(key, "done")
        daemon.terminate()
        daemon.wait(30)
    assert "had lost the job" in world.said()
    # It has no living owner then, so that it is recovered, and done in a second attempt.
    assert [attempt.cause for attempt in job.attempts] == ["worker lost", "done"]


LEASE_S = 1.0


def calls(world: World) -> list[str]:
    path = world.folder / "calls"
    return path.read_text().split() if path.exists() else []


def shared(world: World) -> None:
    """Have the queue's locks not reach all of its hosts, so that claims have leases."""
    path = world.queue_root / "queue.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "shared": True, "lease_s": LEASE_S}))


@pytest.mark.slow
@pytest.mark.parametrize("thawed_first", ["job", "worker"])
def test_a_host_that_was_frozen_for_longer_than_its_lease_begins_no_case_again(world: World, thawed_first: str) -> None:
    """Another host has the job by then, and may have done its next cases."""
    key = world.submit("until told", *["wait 0.02"] * 200, max_concurrent_tasks=2)
    shared(world)
    with world.daemon() as daemon:
        until(lambda: "c0" in calls(world) and len(calls(world)) > 1, "the first cases to begin")
        owner = world.show(key).row.owner
        assert owner is not None
        assert owner.job_pid is not None
        frozen = [daemon.pid, *(child.pid for child in psutil.Process(daemon.pid).children(recursive=True))]
        for pid in frozen:
            os.kill(pid, signal.SIGSTOP)
        before = calls(world)
        time.sleep(LEASE_S * 1.5)
        taken = "UPDATE jobs SET token = 'of another', version = version + 1, lease_until_ms = ? WHERE key = ?"
        assert written(world, taken, time.time_ns() // 1_000_000 + 600_000, key) == 1
        (world.folder / "told").touch()
        first = [pid for pid in frozen if (pid == daemon.pid) is (thawed_first == "worker")]
        for pid in first:
            os.kill(pid, signal.SIGCONT)
        time.sleep(1.0)
        assert len(calls(world)) <= len(before) + 2, "calls that were under way"
        for pid in frozen:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        until(lambda: "had lost the job" in world.said(), "the worker to notice")
        assert len(calls(world)) <= len(before) + 2


@pytest.mark.slow
def test_a_store_that_is_away_for_longer_than_the_lease_ends_no_job(world: World) -> None:
    keys = [world.submit("until told", max_attempts=1), world.submit("until told", "well", max_attempts=1)]
    shared(world)
    with world.daemon("--slots", "2") as daemon:
        until(lambda: calls(world) == ["c0", "c0"], "both jobs to begin")
        with closing(sqlite3.connect(world.store_path, timeout=10.0, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            until(lambda: "leases cannot be renewed" in world.said(), "the worker to notice")
            time.sleep(LEASE_S * 3)
            other.execute("ROLLBACK")
        until(lambda: "leases can be renewed again" in world.said(), "the store to be back")
        (world.folder / "told").touch()
        jobs = [world.wait_for(key, "done") for key in keys]
        daemon.terminate()
        daemon.wait(30)
    assert [[attempt.cause for attempt in job.attempts] for job in jobs] == [["done"], ["done"]]
