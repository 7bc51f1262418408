"""A queue of rows among processes: each job once, whoever is killed and whatever happens to the server."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.processes.row_world import RowWorld, clocked
from tests.support import postgres_server
from tests.support.waiting import until
from themis.core.queue.model.states import Cause, JobState
from themis.core.queue.rows.this_host import FOLDER_VARIABLE

pytestmark = pytest.mark.slow

# Claims and settles until nothing is left; what the server does not answer is asked again.
WORKER = """
import os, sys, time
from tests.processes.row_world import RowWorld
from themis.core.errors import ClaimLostError, StoreError

url, name, pause_s, hangs = sys.argv[1], sys.argv[2], float(sys.argv[3]), sys.argv[4] == "hangs"
world = RowWorld(url, name, rescan_s=0.2)
if name.startswith("far"):
    world.as_host(name)

def kept_asking(ask):
    while True:
        try:
            return ask()
        except StoreError:
            time.sleep(0.05)

idle_since_s = time.monotonic()
while time.monotonic() - idle_since_s < 1.5:
    claim = kept_asking(world.claim)
    if claim is None:
        time.sleep(0.02)
        continue
    if hangs:
        print("has it", flush=True)
        time.sleep(600)
    time.sleep(pause_s)
    try:
        kept_asking(lambda: world.finish(claim))
    except ClaimLostError:
        print("lost", claim.row.run_id, flush=True)
    idle_since_s = time.monotonic()
"""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[postgres_server.Server]:
    with postgres_server.servers_folder() as folder:
        monkeypatch.setenv(FOLDER_VARIABLE, str(folder / "queues"))
        made = postgres_server.Server(folder / "server").start()
        yield made
        made.stop("immediate")


@pytest.fixture
def url(server: postgres_server.Server) -> str:
    return clocked(f"{server.url()}?options=-csearch_path%3Dpublic%2Cpg_catalog")


@pytest.fixture
def here(url: str) -> Iterator[RowWorld]:
    with closing(RowWorld(url)) as world:
        yield world


def worker(url: str, name: str, *, pause_s: float = 0.0, hangs: bool = False) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", WORKER, url, name, str(pause_s), "hangs" if hangs else "works"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": ".:workers"})


def assert_each_done_once(here: RowWorld, runs: list[str]) -> None:
    for run in runs:
        here.assert_promise(run, state=JobState.DONE)
        assert here.results_of(run) == 1


def test_two_workers_in_two_processes_do_each_job_once_and_both_take_part(here: RowWorld, url: str) -> None:
    runs = [f"run-{number}" for number in range(60)]
    for run in runs:
        here.submit(run)
    with worker(url, "far-a", pause_s=0.005) as one, worker(url, "far-b", pause_s=0.005) as other:
        assert (one.wait(60), other.wait(60)) == (0, 0)
    assert_each_done_once(here, runs)
    attempts = [here.store.attempts(here.job(run).key) for run in runs]
    assert {len(of_job) for of_job in attempts} == {1}
    assert {of_job[0].worker for of_job in attempts} == {"far-a", "far-b"}


def test_a_job_whose_worker_was_killed_is_recovered_at_once_by_its_own_host(here: RowWorld, url: str) -> None:
    here.submit("run")
    with worker(url, "killed", hangs=True) as victim:
        assert victim.stdout is not None
        assert victim.stdout.readline() == "has it\n"
        assert here.claim() is None
        victim.send_signal(signal.SIGKILL)
    began_s = time.monotonic()
    claim = here.claimed()
    assert time.monotonic() - began_s < 5
    assert (claim.attempt, claim.row.lost) == (2, 1)
    here.finish(claim)
    assert_each_done_once(here, ["run"])


def test_a_job_whose_host_was_lost_is_recovered_when_its_lease_is_over(here: RowWorld, url: str) -> None:
    here.submit("run")
    here.run("UPDATE queues SET lease_ms = 1000")
    with worker(url, "far-a", hangs=True) as victim:
        assert victim.stdout is not None
        assert victim.stdout.readline() == "has it\n"
        assert here.claim() is None
        victim.send_signal(signal.SIGKILL)
    until(lambda: here.claim() is not None, "the lease is over", seconds=20)
    (claim,) = here.claims
    assert (claim.attempt, claim.row.lost) == (2, 1)
    here.finish(claim)
    assert_each_done_once(here, ["run"])


@pytest.mark.parametrize("how", ["fast", "immediate"])
def test_a_restart_of_the_server_loses_nothing_and_repeats_nothing(
    here: RowWorld, url: str, server: postgres_server.Server, how: str
) -> None:
    runs = [f"run-{number}" for number in range(60)]
    for run in runs:
        here.submit(run)
    with worker(url, "far-a", pause_s=0.03) as one, worker(url, "far-b", pause_s=0.03) as other:
        at_work = "SELECT count(DISTINCT worker) FROM job_attempts"
        until(lambda: here.database.query(at_work) == [(2,)], "both workers to take part", seconds=30)
        for _ in range(2):
            server.stop(how)
            server.start()
            time.sleep(0.3)
        assert (one.wait(90), other.wait(90)) == (0, 0)
    here.drain()
    assert_each_done_once(here, runs)
    causes = [attempt.cause for run in runs for attempt in here.store.attempts(here.job(run).key)]
    assert causes.count(Cause.DONE) == 60
    assert set(causes) <= {Cause.DONE, Cause.OUTAGE}
