"""A fleet on Ray whose nodes and head are killed and frozen: each job ends once, and nothing is charged to that."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml

from tests.support import postgres_server
from tests.support.deployment import SCRIPTS, run
from tests.support.model_module import model_module
from tests.support.ray_cluster import RayCluster, ray_cluster
from tests.support.waiting import until

pytestmark = pytest.mark.slow

RUNS, CASES = 4, 8
VARIABLE = "THEMIS_DATABASE_URL"
MODEL = model_module("""
    with (HERE / "calls").open("a") as calls:
        calls.write(f"{ctx.run_id} {case.case_id}\\n")
    await asyncio.sleep(1)
    return GenerationResult(candidate_id=case.case_id, final_output=case.expected_output)
""")
QUEUE = ("--queue-root", f"store:env:{VARIABLE}")


class Place:
    """A folder from which a person works, beside a cluster and a database."""

    def __init__(self, folder: Path, cluster: RayCluster, url: str) -> None:
        self.folder, self.cluster, self.url = folder, cluster, url

    def themis(self, *words: str) -> dict[str, Any]:
        done = run(SCRIPTS / "themis", *words, cwd=self.folder, **{VARIABLE: self.url})
        assert done.returncode == 0, done.stdout + done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def fleet(self, *words: str) -> dict[str, Any]:
        return self.themis("fleet", words[0], "--on", "ray", "--address", self.cluster.address, *words[1:])

    def up(self) -> dict[str, Any]:
        return self.fleet("up", "--max", "2", "--max-idle", "4", *QUEUE)

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url, autocommit=True) as connection:
            return connection.execute(statement.encode()).fetchall()

    def count(self, state: str) -> int:
        found = self.rows("SELECT state, count(*) FROM jobs GROUP BY state")
        return int(dict(found).get(state, 0))

    def calls(self) -> int:
        file = self.folder / "calls"
        return len(file.read_text().splitlines()) if file.exists() else 0

    def all_done(self) -> None:
        """Wait until all jobs have ended; each did so once, as done, and no case has two ends."""
        until(lambda: self.count("done") == RUNS, "all jobs to be done", 240, every_s=0.5)
        ends = self.rows("SELECT count(*), count(DISTINCT job_no) FROM job_attempts WHERE cause = 'done'")
        assert ends == [(RUNS, RUNS)]
        assert self.rows("SELECT sum(failures) FROM jobs") == [(0,)]

    def losses(self) -> int:
        """How many attempts were charged as those of a worker that was lost."""
        return int(self.rows("SELECT sum(lost) FROM jobs")[0][0])


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    url = postgres_server.schema_url()
    (tmp_path / "slow_model.py").write_text(MODEL)
    cases = [{"case_id": f"c{no}", "input": "x", "expected_output": "y"} for no in range(CASES)]
    document = {
        "generation": {"generator": "slow_model:Model"},
        "evaluation": {"metrics": ["builtin/exact_match"]},
        "storage": {"store": "postgres", "parameters": {"url": f"env:{VARIABLE}"}},
        "runtime": {"max_concurrent_tasks": 1, "queue_root": "store"},
        "datasets": [{"dataset_id": "d", "cases": cases}],
    }
    (tmp_path / "experiment.yaml").write_text(yaml.safe_dump(document))
    tmp_path.chmod(0o755)
    with ray_cluster(**{VARIABLE: url}) as cluster:
        here = Place(tmp_path, cluster, url)
        cluster.start("head", cpus=0)
        for number in range(RUNS):
            here.themis("submit", "experiment.yaml", "--set", f"seeds=[{number}]")
        here.rows("UPDATE queues SET lease_ms = 4000 RETURNING 1")
        yield here


def test_a_fleet_grows_with_the_queue_and_a_killed_node_s_jobs_are_given_back(place: Place) -> None:
    place.cluster.start("b", cpus=1)
    place.cluster.start("c", cpus=2)
    assert place.up()["workers"] == 2
    until(lambda: place.count("running") == 2, "two jobs to run", every_s=0.3)
    until(lambda: place.calls() >= 4, "both to have asked", every_s=0.3)
    node = "b" if place.cluster.count("b", "worker start") else "c"
    if node == "c":
        place.cluster.start("d", cpus=2)
    assert place.cluster.signal(node, signal.SIGKILL, only="raylet/raylet") == 1
    place.all_done()
    assert place.losses() == 0
    until(lambda: place.fleet("status")["active"] == 0, "the workers without work to end", every_s=0.5)
    assert place.fleet("status")["scaler"]
    place.fleet("down")
    assert place.fleet("status")["scaler"] is None


def test_a_frozen_node_is_replaced_and_what_it_does_when_it_thaws_changes_nothing(place: Place) -> None:
    place.cluster.start("b", cpus=2)
    place.up()
    until(lambda: place.calls() >= 4, "both to have asked", every_s=0.3)
    assert place.cluster.signal("b", signal.SIGSTOP) > 2
    place.cluster.start("c", cpus=2)
    until(lambda: place.count("done") >= 1, "another node to do a job", 240, every_s=0.5)
    place.cluster.signal("b", signal.SIGCONT)
    place.all_done()
    assert place.losses() == 0  # nobody could give the two back, and they are charged to nobody all the same
    lost = place.rows("SELECT count(*) FROM job_attempts WHERE cause = 'host lost'")
    assert lost[0][0] >= 1


def test_jobs_outlive_the_head_and_another_cluster_continues_them(place: Place) -> None:
    place.cluster.start("b", cpus=2)
    place.up()
    until(lambda: place.calls() >= 4, "both to have asked", every_s=0.3)
    place.cluster.signal("head", signal.SIGKILL)
    until(lambda: not place.cluster.count("b", "worker start"), "the workers to end", 120)
    assert place.losses() == 0
    assert place.count("running") == 0
    place.cluster.stop()
    with ray_cluster(**{VARIABLE: place.url}) as other:
        place.cluster = other
        other.start("head", cpus=0)
        other.start("e", cpus=2)
        place.up()
        place.all_done()
    assert place.losses() == 0
