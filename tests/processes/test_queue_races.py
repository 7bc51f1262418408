"""Several processes at one queue, none of which knows of the others."""

import contextlib
import multiprocessing
import os
import random
import signal
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.processes.crash_points import context
from tests.processes.queue_world import World, leases_over, world
from tests.support.waiting import text_of, until
from themis.core.errors import JobStateError, QueueBusyError, UnknownJobError
from themis.core.queue.model.states import JobState

if TYPE_CHECKING:
    from collections.abc import Callable

PROCESSES = 8
JOBS = 500


def work(folder: Path, name: str, first: int, jobs: int, host: str | None = None) -> None:
    """Submit every job, beginning at a place of one's own, and run jobs until there are none."""
    with world(folder, name, host=host) as here:
        if host is None:
            here.queue = type(here.queue)(here.queue.path, lambda _: here.store, rescan_s=1.5)
        for number in range(jobs):
            here.submit(f"run-{(first + number) % jobs}")
        while (claim := here.claim()) is not None:
            with (folder / "ran" / name).open("a", encoding="ascii") as ran:
                ran.write(f"{claim.row.run_id}\n")
            here.finish(claim)


def claim_and_hang(folder: Path) -> None:
    """Claim a job, say so, and never end."""
    with world(folder, "hangs") as here:
        assert here.claim() is not None
        (folder / "claimed").touch()
        time.sleep(600)


def claim_fork_and_die(folder: Path) -> None:
    """Claim a job, leave a child behind that lives on, and die."""
    with world(folder, "forks") as here:
        assert here.claim() is not None
        if os.fork() == 0:
            (folder / "hidden").write_text(str(os.getpid()), encoding="ascii")
            (folder / "hidden").rename(folder / "claimed")
            time.sleep(600)
        until((folder / "claimed").exists, "the claim")
        os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.slow
def test_eight_processes_that_submit_and_race_for_the_same_jobs_run_each_once(
    tmp_path: Path, short: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    jobs = 60 if short else JOBS
    _race(tmp_path, jobs)
    with capsys.disabled():
        print(f"\n  {PROCESSES} processes, {jobs} jobs: each ran once", end="")  # noqa: T201  # how much was tried is the evidence


def test_a_few_processes_that_race_for_the_same_jobs_run_each_once(tmp_path: Path) -> None:
    _race(tmp_path, 24, processes=4)


def test_processes_of_two_hosts_whose_locks_do_not_reach_each_other_run_each_job_once(tmp_path: Path) -> None:
    _race(tmp_path, 24, processes=4, hosts=("a", "b"))


@pytest.mark.slow
def test_many_processes_of_two_hosts_whose_locks_do_not_reach_each_other_run_each_job_once(
    tmp_path: Path, short: bool
) -> None:
    _race(tmp_path, 60 if short else JOBS, hosts=("a", "b"))


def test_a_live_worker_keeps_its_job_and_a_killed_one_loses_it_at_once(tmp_path: Path) -> None:
    with world(tmp_path) as here:
        here.submit("run-1")
        child = _start(claim_and_hang, tmp_path)
        until((tmp_path / "claimed").exists, "the claim")
        assert here.queue.recover(here.owner) == []
        assert here.claim() is None
        child.kill()
        child.join()
        _assert_lost(here)


def test_a_lock_does_not_outlive_its_worker_in_a_child_that_it_forked(tmp_path: Path) -> None:
    with world(tmp_path) as here:
        here.submit("run-1")
        child = _start(claim_fork_and_die, tmp_path)
        child.join()
        grandchild = int(text_of(tmp_path / "claimed"))
        try:
            _assert_lost(here)
        finally:
            os.kill(grandchild, signal.SIGKILL)


@pytest.mark.slow
def test_sixteen_processes_write_one_database_and_none_sees_it_locked(tmp_path: Path) -> None:
    children = [_start(write_much, tmp_path, number) for number in range(16)]
    for child in children:
        child.join()
    assert [child.exitcode for child in children] == [0] * 16
    with world(tmp_path) as here:
        assert here.database.query_one("SELECT count(*) FROM runs_made") == (16 * 20,)


def meddle(folder: Path, seed: int, jobs: int, moves: int) -> None:
    """Do with any job whatever people can do, again and again."""
    draw = random.Random(seed)
    with world(folder, f"person-{seed}") as here:
        for _ in range(moves):
            run = f"run-{draw.randrange(jobs)}"
            key = here.job(run).key
            in_an_hour_ns = time.time_ns() + 3_600_000_000_000
            meddling: list[Callable[[], object]] = [
                lambda run=run: here.submit(run),  # type: ignore[misc]
                lambda key=key: here.queue.admin.reschedule(key, priority=draw.randrange(10), not_before_ns=0),  # type: ignore[misc]
                lambda key=key: here.queue.admin.cancel(key),  # type: ignore[misc]
                lambda key=key: list(here.queue.admin.retry_each([key])),  # type: ignore[misc]
                lambda ns=in_an_hour_ns: here.queue.admin.prune(here.queue.admin.prunable(("done", "cancelled"), ns)),  # type: ignore[misc]
                here.queue.admin.doctor,
                lambda: here.queue.admin.doctor(fix=False),
            ]
            with contextlib.suppress(JobStateError, QueueBusyError, UnknownJobError):
                draw.choice(meddling)()


def test_whatever_people_do_at_once_while_workers_run_each_job_has_one_end_and_one_result(
    tmp_path: Path,
) -> None:
    jobs = 12
    (tmp_path / "ran").mkdir()
    with world(tmp_path) as here:
        for number in range(jobs):
            here.submit(f"run-{number}")
    children = [_start(meddle, tmp_path, seed, jobs, 100) for seed in range(3)]
    children += [_start(work, tmp_path, f"w{n}", n, jobs) for n in range(2)]
    for child in children:
        child.join()
    assert [child.exitcode for child in children] == [0] * 5
    with world(tmp_path) as here:
        for number in range(jobs):
            here.submit(f"run-{number}")  # one that was pruned comes back
        here.queue.admin.doctor()
        here.drain()
        assert here.queue.admin.doctor() == []
        assert here.queue.admin.counts()["rejected"] == 0
        for number in range(jobs):
            here.assert_promise(f"run-{number}")


def write_much(folder: Path, number: int) -> None:
    """Open a database that perhaps is not there yet, and commit twenty rows, some of them synced."""
    with world(folder) as here:
        for count in range(20):
            with here.database.transaction(synced=count % 4 == 0) as connection:
                connection.execute("INSERT INTO runs_made VALUES (?)", (f"{number}-{count}",))


def _race(folder: Path, jobs: int, processes: int = PROCESSES, hosts: tuple[str | None, ...] = (None,)) -> None:
    (folder / "ran").mkdir()
    children = [
        _start(work, folder, f"w{n}", n * jobs // processes, jobs, hosts[n % len(hosts)]) for n in range(processes)
    ]
    for child in children:
        child.join()
    assert [child.exitcode for child in children] == [0] * processes
    ran = Counter(run for file in (folder / "ran").iterdir() for run in file.read_text().split())
    assert ran == {f"run-{number}": 1 for number in range(jobs)}
    with world(folder, host=hosts[0]) as here:
        here.queue.recover(here.owner)
        with leases_over():
            assert here.drain() == 0
        for number in range(jobs):
            here.assert_promise(f"run-{number}", state=JobState.DONE)
        assert here.queue.admin.counts()["done"] == jobs


def _start(action: object, *arguments: object) -> multiprocessing.process.BaseProcess:
    child = context().Process(target=action, args=arguments)  # type: ignore[arg-type]
    child.start()
    return child


def _assert_lost(here: World) -> None:
    (after,) = here.queue.recover(here.owner)
    assert (after.state, after.lost, after.attempt) == (JobState.QUEUED, 1, 1)
    assert here.drain() == 1
    here.assert_promise("run-1", state=JobState.DONE)
