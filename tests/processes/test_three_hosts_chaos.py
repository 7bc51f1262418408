"""Three hosts, a database server and its standby are struck in every way: each experiment is done once."""

import contextlib
import json
import os
import random
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.processes.hosts import REPOSITORY, Host, skip_without_namespaces
from tests.processes.test_shard_ends import END_FUNCTION, END_TRIGGER, SEEN
from tests.support.cutting_proxy import CuttingProxy
from tests.support.postgres_server import USER, Server, servers_folder
from tests.support.waiting import until
from themis.core.outcomes.stages import Stage

HOSTS = ("ash", "elm", "oak")
LEASE_S = 3.0
CASES = 10
PATIENCE_S = 300.0
URL = "THEMIS_DATABASE_URL"
QUEUE = f"store:env:{URL}"

LAB = """
import asyncio, hashlib, json, os, time
from pathlib import Path
from themis.core.models import GenerationResult

class Slow:
    component_id = "lab/slow"
    version = "1"

    def fingerprint(self):
        return "1"

    async def generate(self, case, ctx):
        line = json.dumps({"case": case.case_id, "at": time.time(), "host": os.environ["LAB_HOST"]}) + "\\n"
        descriptor = os.open(Path(__file__).parent / "calls", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(descriptor, line.encode())
        os.close(descriptor)
        if "LAB_QUICK" not in os.environ:
            await asyncio.sleep(0.2 + hashlib.sha256(case.case_id.encode()).digest()[0] / 256)
        return GenerationResult(candidate_id=case.case_id, final_output="well")
"""
"""A generator that notes each call where a kill does not undo it: in a file of the machine on which the hosts are."""

ROWS = "SELECT case_no, stage, item, ok, value, output, category FROM outcomes {where} ORDER BY case_no, stage, item"

FAILED = "SELECT case_id, category FROM outcomes JOIN cases USING (run_no, case_no) WHERE category IS NOT NULL"

GENERATED = """
SELECT cases.case_id, extract(epoch FROM pg_xact_commit_timestamp(outcomes.xmin))
FROM outcomes JOIN cases USING (run_no, case_no) WHERE outcomes.stage = %s
"""


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everybody may enter: the servers are nobody's, where root runs the test."""
    with servers_folder() as folder:
        yield folder


class Chaos:
    """Hosts, servers and a queue of experiments, and what is done to them."""

    def __init__(self, folder: Path, servers: Path, seed: int, shards: int = 1) -> None:
        self.folder = folder
        self.shards = shards
        self.chance = random.Random(seed)
        self.done: Counter[str] = Counter()
        self.primary = Server(servers / "one", synchronous_standby_names="second", track_commit_timestamp="on")
        self.writer = self.primary
        self.servers = servers
        self.proxies: list[CuttingProxy] = []
        self.hosts: list[Host] = []

    @contextlib.contextmanager
    def in_place(self) -> Iterator[None]:
        """Servers and hosts, which end with the block."""
        (self.folder / "lab.py").write_text(LAB)
        with contextlib.ExitStack() as ends:
            ends.callback(self.primary.start().kill)
            self.standby = self.primary.standby(self.servers / "two", "second", track_commit_timestamp="on")
            ends.callback(self.standby.kill)
            self._themis("store", "upgrade", str(self._config(0)))
            for name in HOSTS:
                ports = []
                for server in (self.primary, self.standby):
                    proxy = CuttingProxy(server.port, random.Random(self.chance.random()))
                    ports.append(ends.enter_context(proxy).port)
                    self.proxies.append(proxy)
                options = ["--queue-root", QUEUE, "--slots", "2"]
                host = Host(name, self.folder / name, options, **self._environment(*ports))
                self.hosts.append(host)
                ends.callback(host.kill)
            yield

    def boot(self) -> None:
        """Start the hosts."""
        for host in self.hosts:
            host.start()

    def submit(self, experiments: int) -> None:
        """Queue so many experiments."""
        configs = (str(self._config(number)) for number in range(experiments))
        self._themis("submit", *configs, "--shards", str(self.shards))
        with psycopg.connect(self.primary.url()) as session:
            session.execute("UPDATE queues SET lease_ms = %s", [int(LEASE_S * 1_000)])
            for statement in (SEEN, END_FUNCTION, END_TRIGGER):
                session.execute(statement.encode())

    def rows_of_a_calm_run(self, number: int) -> list[tuple[Any, ...]]:
        """What an experiment leaves in one job, in a store of its own, on a machine where nothing happens."""
        config = json.loads(self._config(number).read_text())
        path = self.folder / f"calm{number}.sqlite3"
        config |= {"storage": {"store": "sqlite", "parameters": {"path": str(path)}}, "runtime": {}}
        (self.folder / "calm.yaml").write_text(json.dumps(config))
        self._themis("run", "calm.yaml", LAB_HOST="calm", LAB_QUICK="1")
        with contextlib.closing(sqlite3.connect(path)) as calm:
            return calm.execute(ROWS.format(where="")).fetchall()

    def strike(self) -> None:
        """Do something to a host, its lines, or a server."""
        deed = self.chance.choices(
            (self._kill, self._freeze, self._lose_answers, self._crash), weights=(4, 4, 4, 1)
        )[0]  # fmt: skip
        deed()

    def fail_over(self) -> None:
        """Let the standby take the primary's place."""
        self.primary.kill()
        self.standby.promote()
        self.writer = self.standby
        self.done["failed over"] += 1

    def ask(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """What the server that writes answers."""
        with psycopg.connect(self.writer.url()) as session:
            return session.execute(sql.encode(), parameters).fetchall()

    def count(self, state: str) -> int:
        """The jobs in a state."""
        return int(self.ask("SELECT count(*) FROM jobs WHERE state = %s", state)[0][0])

    def _kill(self) -> None:
        host = self.chance.choice(self.hosts)
        host.kill()
        time.sleep(self.chance.choice((0.0, 0.5, LEASE_S * 1.2)))
        host.start()
        self.done["hosts killed"] += 1

    def _freeze(self) -> None:
        host = self.chance.choice(self.hosts)
        host.freeze()
        time.sleep(self.chance.choice((0.3, LEASE_S * 0.8, LEASE_S * 3.0, LEASE_S * 3.0)))
        host.thaw()
        self.done["hosts frozen"] += 1

    def _lose_answers(self) -> None:
        for proxy in self.proxies:
            proxy.share = self.chance.choice((0.1, 0.5, 0.9))
        time.sleep(self.chance.uniform(1.0, 2.5))
        for proxy in self.proxies:
            proxy.share = 0.0

    def _crash(self) -> None:
        self.writer.stop("immediate")
        time.sleep(self.chance.choice((0.1, 1.0, LEASE_S)))
        self.writer.start()
        self.done["server crashed"] += 1

    def _config(self, number: int) -> Path:
        path = self.folder / f"e{number:02}.yaml"
        cases = [{"case_id": f"e{number}-{no}", "input": "q", "expected_output": "well"} for no in range(CASES)]
        path.write_text(
            json.dumps(
                {
                    "generation": {"generator": "lab:Slow"},
                    "evaluation": {"metrics": ["builtin/exact_match"]},
                    "storage": {"store": "postgres", "parameters": {"url": f"env:{URL}"}},
                    "runtime": {"max_concurrent_tasks": 2, "queue_root": "store"},
                    "datasets": [{"dataset_id": f"d{number}", "cases": cases}],
                }
            )
        )
        return path

    def _environment(self, *ports: int) -> dict[str, str]:
        servers = ",".join(f"127.0.0.1:{port}" for port in ports)
        url = f"postgresql://{USER}@{servers}/postgres?target_session_attrs=read-write"
        return {URL: url, "PYTHONPATH": f"{REPOSITORY}:{self.folder}"}

    def _themis(self, *arguments: str, **environment: str) -> str:
        ports = (self.primary.port, self.standby.port)
        ended = subprocess.run(
            [sys.executable, "-m", "themis", *arguments], capture_output=True, text=True, check=False, cwd=self.folder,
            env={**os.environ, **self._environment(*ports), **environment},
        )  # fmt: skip
        assert ended.returncode == 0, ended.stderr
        return ended.stdout


@pytest.mark.slow
@pytest.mark.parametrize("shards", [1, 4])
def test_three_hosts_a_server_and_its_standby_are_struck_and_each_experiment_is_done_once(
    tmp_path: Path, open_folder: Path, shards: int, short: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    skip_without_namespaces()
    experiments = (8 if short else 60) // shards
    seed = int(os.environ.get("THEMIS_CHAOS_SEED", random.randrange(10**6)))
    chaos = Chaos(tmp_path, open_folder, seed, shards)
    with capsys.disabled():
        print(f"\n  seed {seed}", end="")  # noqa: T201  # to try the same again
    with chaos.in_place():
        chaos.submit(experiments)
        chaos.boot()
        patient_until = time.monotonic() + PATIENCE_S
        jobs = experiments * shards
        while (done := chaos.count("done")) < jobs:
            assert time.monotonic() < patient_until, f"{done} of {jobs} are done"
            time.sleep(chaos.chance.uniform(0.1, 1.0))
            chaos.strike()
            if chaos.writer is chaos.primary and done >= jobs // 3:
                chaos.fail_over()
        until(lambda: all(host.is_ready for host in chaos.hosts), "all workers to be ready")
        assert [host.end() for host in chaos.hosts] == [0] * len(HOSTS)
        chaos.done["answers to COMMIT lost"] = sum(sum(proxy.cuts.values()) for proxy in chaos.proxies)
        assert_promise(chaos, experiments)
    with capsys.disabled():
        print(f": {dict(chaos.done)}", end="")  # noqa: T201  # how much was tried is the evidence


def assert_promise(chaos: Chaos, experiments: int) -> None:
    """Every case has one result, every job one end, and no case was generated again after its result was committed."""
    assert chaos.ask(FAILED) == []
    assert chaos.ask("SELECT status, count(*) FROM runs GROUP BY status") == [("completed", experiments)]
    ends = chaos.ask("SELECT job_no, count(*) FROM job_attempts WHERE cause = 'done' GROUP BY job_no")
    assert sorted(count for _, count in ends) == [1] * experiments * chaos.shards
    if chaos.shards > 1:  # a run in one job ends before that does, and may end again
        assert chaos.ask("SELECT count(*), count(DISTINCT run_id) FROM ends_seen") == [(experiments, experiments)]
    committed = {case: float(at) for case, at in chaos.ask(GENERATED, Stage.GENERATE.value)}
    assert len(committed) == experiments * CASES
    calls = [json.loads(line) for line in (chaos.folder / "calls").read_text().splitlines()]
    assert {call["case"] for call in calls} == set(committed)
    again = [call for call in calls if call["at"] > committed[call["case"]]]
    assert again == []
    for number in range(experiments if chaos.shards > 1 else 0):
        of_run = ROWS.format(where="JOIN cases USING (run_no, case_no) WHERE case_id LIKE %s")
        found = chaos.ask(of_run, f"e{number}-%")
        assert found == chaos.rows_of_a_calm_run(number)
    chaos.done["calls"] = len(calls)
    chaos.done["attempts"] = chaos.ask("SELECT count(*) FROM job_attempts")[0][0]
