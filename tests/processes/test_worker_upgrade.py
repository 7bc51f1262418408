"""Old and new workers share a queue through an upgrade."""

import json
import os
import sqlite3
import subprocess
import sys
import zipfile
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.processes.worker_world import PATIENCE_S, REPOSITORY, World, stop
from tests.support.waiting import until
from themis.core.queue.model import layout
from themis.core.stores import sqlite_store
from themis.core.stores.sql.schema_numbers import GENERATION
from themis.core.stores.sql.tables import SCHEMA_VERSION
from themis.core.text.canonical import content_hash

FIRST_SCHEMA = "9b33495"
"""A commit of the time when a store had its first schema, and any other was refused."""

VERSION_4_0 = "1ee66d2"
"""The commit of version 4.0.0, whose manifests were of format 1 and whose seeds followed from `run_id`."""

ADDITIONS = """
ALTER TABLE jobs ADD COLUMN colour TEXT;
ALTER TABLE runs ADD COLUMN colour TEXT;
ALTER TABLE cases ADD COLUMN colour TEXT;
ALTER TABLE outcomes ADD COLUMN colour TEXT;
ALTER TABLE job_attempts ADD COLUMN colour TEXT;
ALTER TABLE job_manifests ADD COLUMN colour TEXT;
ALTER TABLE reuse_keys ADD COLUMN colour TEXT;
ALTER TABLE blobs ADD COLUMN colour TEXT;
CREATE TABLE colours (name TEXT PRIMARY KEY);
CREATE INDEX jobs_by_colour ON jobs (colour);
"""


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    made.prepare()
    return made


def upgrade(world: World, schema: int, statements: str = "") -> None:
    """Do to the store what a newer version would."""
    with closing(sqlite3.connect(world.store_path)) as store:
        store.executescript(f"{statements}; PRAGMA user_version = {schema:d}")


def said_by_a_newer_version(path: Path) -> str:
    document = json.loads(path.read_text())
    document |= {"colour": "green", "limits": {**document["limits"], "colour": None}, "version": "999.0"}
    document["store"]["colour"] = ["any"]
    path.write_text(json.dumps(document) + "\n")
    return path.read_text()


def calls(world: World) -> list[str]:
    return (world.folder / "calls").read_text().split()


@pytest.mark.slow
def test_additions_of_the_next_version_disturb_nobody(world: World) -> None:
    before, between = world.submit("well"), world.submit("raise no", "well")
    with world.daemon() as daemon:
        world.wait_for(before, "done")
        world.wait_for(between, "done")
        upgrade(world, SCHEMA_VERSION + 1, ADDITIONS)
        later = world.submit("wait 0.3", "well", tags=["later"])
        (path,) = (world.queue_root / layout.QUEUED).iterdir()
        text = said_by_a_newer_version(path)
        with closing(sqlite3.connect(world.store_path)) as store:
            store.execute(
                "UPDATE job_manifests SET manifest = ? WHERE job_no = (SELECT job_no FROM jobs WHERE key = ?)",
                (text, later),
            )
            store.execute("UPDATE jobs SET colour = 'green' WHERE key = ?", (later,))
            store.commit()
        with world.daemon("--tags", "later", "--drain") as fresh:
            assert fresh.wait(PATIENCE_S) == 0, world.said()
        afterwards = world.config("afterwards", "well", "well")
        assert world.themis("submit", "--config", str(afterwards)).returncode == 0
        waited = world.themis("status", "--queue-root", str(world.queue_root), "--wait", "--timeout", "30")
        assert waited.returncode == 0, waited.stderr
        assert stop(daemon) == 0
    assert [world.state(key) for key in (before, between, later)] == ["done"] * 3
    assert len(list((world.queue_root / "done").iterdir())) == 4
    assert Counter(calls(world)) == {"c0": 3, "c1": 2, "afterwards-0": 1, "afterwards-1": 1}
    assert json.loads((world.queue_root / "done" / f"{later}.json").read_text())["colour"] == "green"
    with closing(sqlite3.connect(world.store_path)) as store:
        assert store.execute("SELECT colour FROM jobs WHERE key = ?", (later,)).fetchone() == ("green",)
        assert store.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION + 1,)
    assert "no jobs are taken" not in world.said()
    root, run_id = str(world.queue_root), world.show(later).row.run_id
    for command in (
        ("queue", "list", "--queue-root", root),
        ("queue", "show", later, "--queue-root", root),
        ("queue", "doctor", "--queue-root", root),
        ("queue", "watch", "--queue-root", root, "--once"),
        ("status", "--queue-root", root),
        ("status", run_id, "--queue-root", root),
        ("report", "--config", str(afterwards)),
    ):
        done = world.themis(*command)
        assert (done.returncode, done.stderr) == (0, ""), command
        assert "schema" not in done.stdout, command


@pytest.mark.slow
def test_a_worker_whose_store_a_later_generation_takes_over_costs_no_job_an_attempt(world: World) -> None:
    first, waiting = world.submit("well"), world.submit("well", "well", tags=["gpu"])
    with world.daemon() as daemon:
        world.wait_for(first, "done")
        upgrade(world, GENERATION * 7)
        with world.daemon("--tags", "gpu") as late:
            until(lambda: "written by a newer Themis (schema 7000" in world.said(), "the refusal")
            assert stop(late) == 0
        assert stop(daemon) == 0
    upgrade(world, SCHEMA_VERSION)
    assert world.state(waiting) == "queued"
    assert world.show(waiting).row.failures == 0


@pytest.mark.slow
def test_a_job_that_was_taken_before_the_store_was_taken_over_is_given_back(world: World) -> None:
    first = world.submit("well")
    with world.daemon() as daemon:
        world.wait_for(first, "done")
        second = world.submit("well", "well", tags=["gpu"])  # this daemon leaves it
        assert stop(daemon) == 0
    settings = world.folder / "worker.toml"
    settings.write_text("")
    with world.daemon("--settings", str(settings)) as daemon:
        third = world.submit("wait 0.2")
        world.wait_for(third, "done")  # the store is open now
        upgrade(world, GENERATION)
        settings.write_text("tags = ['gpu']\n")
        daemon.send_signal(1)
        until(lambda: "written by a newer Themis" in world.said(), "the refusal")
        upgrade(world, SCHEMA_VERSION)
        details = world.wait_for(second, "done")
        assert stop(daemon) == 0
    assert {attempt.cause for attempt in details.attempts} == {"outage", "done"}
    assert details.row.failures == 0


# --- an earlier version, from the project's own history


@dataclass
class Earlier:
    """The library as it was, in a folder of its own."""

    folder: Path
    world: World
    said: list[str] = field(default_factory=list)

    def run_once(self) -> int:
        return self._python("-m", "themis", "worker", "run", "--queue-root", str(self.world.queue_root))

    def submit(self, config: Path) -> int:
        return self._python("-m", "themis", "submit", "--config", str(config))

    def _python(self, *arguments: str) -> int:
        environment = {**os.environ, "PYTHONPATH": f"{self.folder}:{self.world.folder}"}
        done = subprocess.run(
            [sys.executable, *arguments],
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_S,
            env=environment,
            cwd=self.folder,
        )
        self.said.append(done.stdout + done.stderr)
        return done.returncode


@pytest.fixture
def earlier(world: World) -> Earlier:
    return _earlier(world, FIRST_SCHEMA, "themis")


@pytest.fixture
def version_4_0(world: World) -> Earlier:
    return _earlier(world, VERSION_4_0, "themis", "workers")


def _earlier(world: World, commit: str, *packages: str) -> Earlier:
    archive, folder = world.folder / "earlier.zip", world.folder / "earlier"
    command = ["git", "-C", str(REPOSITORY), "archive", "--output", str(archive), commit, *packages]
    try:
        done = subprocess.run(command, capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("no git here")
    if done.returncode:
        pytest.skip("the project's history is not here")
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(folder)
    return Earlier(folder, world)


@pytest.mark.slow
def test_what_a_version_of_the_first_schema_submitted_and_began_is_finished_by_this_one(
    world: World, earlier: Earlier
) -> None:
    for name in ("one", "two", "three"):
        assert earlier.submit(world.config(name, "well", "wait 0.2")) == 0, earlier.said
    assert earlier.run_once() == 0, earlier.said
    with world.daemon("--drain") as daemon:
        assert daemon.wait(PATIENCE_S) == 0, world.said()
    assert len(list((world.queue_root / "done").iterdir())) == 3
    assert set(Counter(calls(world)).values()) == {1}
    assert len(calls(world)) == 6


@pytest.mark.slow
def test_version_4_0_leaves_the_jobs_of_this_one_and_what_it_began_keeps_its_seeds(
    world: World, version_4_0: Earlier
) -> None:
    old = world.config("old", "well", "wait 0.2")
    assert version_4_0.submit(old) == 0, version_4_0.said
    run_id = json.loads(version_4_0.said[-1].splitlines()[0])["run_id"]
    new = world.submit("well", "well")
    assert version_4_0.run_once() == 0, version_4_0.said  # the job of its own
    version_4_0.run_once()
    assert "1 was submitted by a newer Themis, whose manifests this one cannot read" in version_4_0.said[-1]
    assert (world.state(new), world.show(new).row.failures) == ("queued", 0)
    assert version_4_0.submit(world.config("late", "well")) == 0, version_4_0.said
    late = json.loads(version_4_0.said[-1].splitlines()[0])["run_id"]
    with world.daemon("--drain") as daemon:
        assert daemon.wait(PATIENCE_S) == 0, world.said()
    assert world.state(new) == "done"
    assert list((world.queue_root / "rejected").iterdir()) == []
    assert set(Counter(calls(world)).values()) == {1}
    assert len(calls(world)) == 5
    with closing(sqlite_store(world.store_path)) as store:
        for begun in (run_id, late):
            snapshot = store.load_snapshot(begun)
            assert snapshot is not None
            assert snapshot.datasets[0].derived_seeds is None
            assert snapshot.seeds(0) == [int(content_hash([begun, 0])[:8], 16) & 0x7FFF_FFFF]


@pytest.mark.slow
def test_a_version_of_the_first_schema_does_no_harm_to_the_jobs_of_a_store_that_was_upgraded_and_says_why(
    world: World, earlier: Earlier
) -> None:
    assert earlier.submit(world.config("old", "well")) == 0, earlier.said
    with world.daemon("--drain") as daemon:
        assert daemon.wait(PATIENCE_S) == 0, world.said()
    new = world.submit("well", "well")
    earlier.run_once()  # it sets aside what is of a newer format
    assert earlier.submit(world.config("late", "well")) == 4
    assert f"written by a newer Themis (schema {SCHEMA_VERSION}, this version reads up to 1)" in earlier.said[-1]
    assert world.state(new) == "queued"
    fixed = world.themis("queue", "doctor", "--fix", "--queue-root", str(world.queue_root))
    assert new in fixed.stdout, fixed.stderr
    with world.daemon("--drain") as daemon:
        assert daemon.wait(PATIENCE_S) == 0, world.said()
    assert world.state(new) == "done"
    assert Counter(calls(world)) == {"old-0": 1, "c0": 1, "c1": 1}
