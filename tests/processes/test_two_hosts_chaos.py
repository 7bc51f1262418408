"""Workers of two hosts that share no locks are killed and suspended at random: every job ends once, with one result."""

import contextlib
import functools
import json
import multiprocessing
import os
import random
import signal
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.processes.crash_points import context
from tests.processes.queue_world import World, leases_over, world
from themis.core.errors import ClaimLostError
from themis.core.queue import Limits
from themis.core.queue.leases import Leases
from themis.core.queue.model.states import JobState

HOSTS = ("a", "b")
WORKERS = 4
LEASE_S = 1.0
PATIENCE_S = 120.0


def work(folder: Path, number: int) -> None:
    """Run jobs, short ones and such that outlast their lease, until told to stop."""
    chance = random.Random(os.getpid())
    with world(folder, f"worker-{number}", host=HOSTS[number % len(HOSTS)]) as here, here.at_home():
        while not (folder / "stop").exists():
            claim = here.claim()
            if claim is None:
                time.sleep(0.05)
                continue
            with contextlib.suppress(ClaimLostError), contextlib.closing(Leases()) as leases:
                leases.keep(claim)
                time.sleep(LEASE_S * 1.5 if chance.random() < 0.1 else chance.uniform(0.0, 0.1))
                here.finish(claim)


@pytest.mark.slow
def test_workers_of_two_hosts_that_are_killed_and_suspended_lose_nothing_and_repeat_no_result(
    tmp_path: Path, short: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    jobs, blows = (30, 8) if short else (150, 60)
    told = try_two_hosts(tmp_path, jobs, blows, random.randrange(10**6))
    with capsys.disabled():
        print(f"\n  {WORKERS} workers on 2 hosts: {dict(told)}", end="")  # noqa: T201  # how much was tried is the evidence


def try_two_hosts(tmp_path: Path, jobs: int, blows: int, seed: int) -> Counter[str]:
    """Have workers of two hosts run so many jobs while they are struck; what was done."""
    chance = random.Random(seed)
    with world(tmp_path, host="a") as here:
        _submit(here, jobs)
        children = [_start(tmp_path, number) for number in range(WORKERS)]
        struck = {"SIGKILL": 0, "SIGSTOP": 0}
        for _ in range(blows):
            time.sleep(chance.uniform(0.05, 0.3))
            number = chance.randrange(WORKERS)
            struck[_strike(tmp_path, children, number, chance)] += 1
        patient_until = time.monotonic() + PATIENCE_S
        while here.queue.admin.counts()["done"] < jobs and time.monotonic() < patient_until:
            time.sleep(0.1)
        (tmp_path / "stop").touch()
        for child in children:
            child.join(30)
        assert [child.exitcode for child in children] == [0] * WORKERS
        here.queue.recover(here.owner)
        with leases_over():
            again = here.drain()
        attempts = 0
        for number in range(jobs):
            here.assert_promise(f"run-{number}", state=JobState.DONE)
            attempts += len(here.store.attempts(here.job(f"run-{number}").key))
    assert again == 0, "nobody took over what was left"
    return Counter({"jobs": jobs, "attempts": attempts, **struck})


def _submit(here: World, jobs: int) -> None:
    for number in range(jobs):
        job = here.job(f"run-{number}", limits=Limits(max_worker_lost=1_000))
        here.queue.submit(job, prepare=functools.partial(here._make_run, job.run_id))
        if number == 0:
            file = here.queue.path / "queue.json"
            file.write_text(json.dumps(json.loads(file.read_text()) | {"lease_s": LEASE_S}))


def _start(folder: Path, number: int) -> multiprocessing.process.BaseProcess:
    child = context().Process(target=work, args=(folder, number))
    child.start()
    return child


def _strike(
    folder: Path, children: list[multiprocessing.process.BaseProcess], number: int, chance: random.Random
) -> str:
    """Kill a worker and start it again, or suspend it for a while, sometimes for longer than its lease."""
    child = children[number]
    assert child.pid is not None
    if chance.random() < 0.5:
        child.kill()
        child.join()
        children[number] = _start(folder, number)
        return "SIGKILL"
    os.kill(child.pid, signal.SIGSTOP)
    time.sleep(chance.choice((0.05, 0.2, LEASE_S * 1.5)))
    os.kill(child.pid, signal.SIGCONT)
    return "SIGSTOP"
