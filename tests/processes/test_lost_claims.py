"""Jobs whose claim is lost while their process runs: what they may still do."""

import sqlite3
from contextlib import closing
from pathlib import Path

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
