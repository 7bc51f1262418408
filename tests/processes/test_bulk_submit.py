"""Many jobs are submitted at once: whoever dies or races meanwhile, each of them is there once, and ends once."""

import resource
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.processes.crash_points import context, kill_at, steps_of
from tests.processes.queue_world import World, leases_over, world
from themis.core.errors import JobError
from themis.core.files import durable, synced_together
from themis.core.queue import AttemptOutcome, Cause
from themis.core.queue.folder import journal
from themis.core.queue.model.states import JobState
from themis.core.queue.transitions import bulk_submitting
from themis.core.queue.transitions.bulk_submitting import MOST_AT_ONCE, most_at_once

RUNS = tuple(f"run-{number}" for number in range(4))


def before(folder: Path) -> None:
    """A queue in which the second run is queued, and the third has lost its file."""
    with world(folder) as here:
        here.submit(RUNS[1])
        here.submit(RUNS[2])
        (lost,) = (here.queue.path / "queued").glob(f"*{here.job(RUNS[2]).key}.json")
        lost.unlink()


def submit_all(folder: Path) -> None:
    with world(folder) as here:
        here.submit_all(RUNS)
        (folder / "acknowledged").touch()


@pytest.mark.slow
def test_killed_between_any_two_steps_of_a_batch_each_job_is_whole_or_comes_with_the_same_command(
    tmp_path: Path,
) -> None:
    (tmp_path / "counted").mkdir()
    before(tmp_path / "counted")
    steps = steps_of(submit_all, tmp_path / "counted")
    assert sum(step.startswith("commit") for step in steps) == 1, steps
    for point in range(len(steps) + 1):
        folder = tmp_path / str(point)
        folder.mkdir()
        before(folder)
        assert kill_at(point, submit_all, folder) == (point < len(steps))
        with world(folder, "fresh") as here:
            there = [here.store.load(here.job(run).key) is not None for run in RUNS]
            assert there[0] == there[3] >= (folder / "acknowledged").exists(), "their rows have one commit"
            here.drain()
            here.submit_all(RUNS)
            here.drain()
            for run in RUNS:
                here.assert_promise(run, state=JobState.DONE)
            assert list((here.queue.path / "rejected").iterdir()) == []
            assert here.queue.admin.sweep() <= len(RUNS), "files with hidden names are all that may be left"
            assert here.queue.admin.doctor() == []


def race(folder: Path, name: str, jobs: int, host: str | None = None) -> None:
    with world(folder, name, host=host) as here:
        runs = [f"run-{number}" for number in range(jobs)]
        order = runs if name < "b" else runs[::-1]
        for start in range(0, jobs, 8):
            if name == "c":
                here.submit(order[start])
            here.submit_all(order[start : start + 8])
            for _ in range(3):
                if (claim := here.claim(patient=False)) is not None:
                    with (folder / "ran" / name).open("a", encoding="ascii") as ran:
                        ran.write(f"{claim.row.run_id}\n")
                    here.finish(claim)


@pytest.mark.few(1)
@pytest.mark.parametrize("hosts", [(None,), ("one", "another")], ids=["one host", "two hosts"])
def test_processes_that_submit_the_same_jobs_at_once_and_run_them_meanwhile_run_each_once(
    tmp_path: Path, hosts: tuple[str | None, ...]
) -> None:
    jobs = 48
    (tmp_path / "ran").mkdir()
    names = ("a", "b", "c")
    children = [
        context().Process(target=race, args=(tmp_path, name, jobs, hosts[number % len(hosts)]))
        for number, name in enumerate(names)
    ]
    for child in children:
        child.start()
    for child in children:
        child.join()
    assert [child.exitcode for child in children] == [0] * len(names)
    with world(tmp_path, host=hosts[0]) as here:
        here.queue.recover(here.owner)
        with leases_over():
            here.drain()
        for number in range(jobs):
            here.assert_promise(f"run-{number}", state=JobState.DONE)
        assert here.queue.admin.counts()["done"] == jobs
        assert here.queue.admin.counts()["rejected"] == 0
    ran = Counter(run for file in (tmp_path / "ran").iterdir() for run in file.read_text().split())
    assert max(ran.values()) == 1


def test_jobs_are_submitted_in_batches_and_taken_in_their_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk_submitting, "most_at_once", lambda: 3)
    with world(tmp_path) as here:
        runs = [f"run-{number}" for number in range(7)]
        found = here.submit_all(runs)
        assert [[one.row.run_id for one in batch] for batch in found] == [runs[:3], runs[3:6], runs[6:]]
        assert all(one.created and one.path.is_file() for batch in found for one in batch)
        taken = []
        while (claim := here.claim()) is not None:
            taken.append(claim.row.run_id)
            here.finish(claim)
        assert taken == runs


def test_what_is_submitted_again_is_said_as_it_is_now(tmp_path: Path) -> None:
    with world(tmp_path) as here:
        here.submit_all(RUNS[:3])
        here.finish(here.claimed())
        running = here.claimed()
        (batch,) = here.submit_all(RUNS)
        assert [(one.state, one.created) for one in batch] == [
            (JobState.DONE, False),
            (JobState.RUNNING, False),
            (JobState.QUEUED, False),
            (JobState.QUEUED, True),
        ]
        assert all(one.path.is_file() for one in batch)
        here.finish(running)
        here.drain()
        for run in RUNS:
            here.assert_promise(run, state=JobState.DONE)


def test_ended_jobs_are_queued_again_with_the_others_where_that_is_asked_for(tmp_path: Path) -> None:
    with world(tmp_path) as here:
        here.submit_all(RUNS[:2])
        here.finish(here.claimed(), AttemptOutcome(Cause.CONFIGURATION))
        here.drain()
        (batch,) = here.submit_all(RUNS, rerun=True)
        assert [(one.state, one.created) for one in batch] == [(JobState.QUEUED, True)] * 4


def test_a_job_that_is_named_twice_is_there_once(tmp_path: Path) -> None:
    with world(tmp_path) as here:
        (batch,) = here.submit_all([RUNS[0], RUNS[1], RUNS[0]])
        assert [one.created for one in batch] == [True, True, False]
        assert here.drain() == 2


def test_a_batch_whose_preparation_fails_leaves_no_row_and_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with world(tmp_path) as here:
        made = World._make_run

        def refused(self: World, run_id: str) -> None:
            if run_id == RUNS[2]:
                raise JobError(key=run_id, detail="as the test says")
            made(self, run_id)

        monkeypatch.setattr(World, "_make_run", refused)
        with pytest.raises(JobError, match="as the test says"):
            here.submit_all(RUNS)
        assert [here.store.load(here.job(run).key) for run in RUNS] == [None] * 4
        assert here.queue.admin.counts()["queued"] == 0
        assert here.queue.admin.doctor() == []


@pytest.mark.parametrize("step", ["write", "sync"])
def test_files_that_cannot_be_written_leave_rows_which_the_same_submission_completes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    with world(tmp_path) as here:
        here.submit("another")
        module, name = (durable, "written") if step == "write" else (synced_together, "_sync")
        usual = getattr(module, name)
        done: list[str] = []

        def full(path: str, *data: bytes) -> Any:
            if len(done) == 2:
                raise OSError(28, "No space left on device")
            done.append(path)
            return usual(path, *data)

        monkeypatch.setattr(module, name, full)
        with pytest.raises(OSError, match="No space left"):
            here.submit_all(RUNS)
        monkeypatch.undo()
        assert list((here.queue.path / "tmp").iterdir()) == []
        assert here.queue.admin.counts()["queued"] == 1
        (batch,) = here.submit_all(RUNS)
        assert [(one.state, one.created, one.path.is_file()) for one in batch] == [(JobState.QUEUED, False, True)] * 4
        assert here.drain() == 5


def test_a_job_that_was_submitted_with_others_has_a_journal_from_its_claim_on(tmp_path: Path) -> None:
    with world(tmp_path) as here:
        (batch,) = here.submit_all(RUNS)
        folder = here.queue.path / "journal"
        assert [journal.read(folder, one.row.key) for one in batch] == [[]] * 4
        here.finish(here.claimed())
        assert journal.read(folder, batch[0].row.key)[0]["move"] == "claim"


def test_a_batch_is_smaller_where_a_process_may_open_few_files(monkeypatch: pytest.MonkeyPatch) -> None:
    for limit, expected in ((resource.RLIM_INFINITY, MOST_AT_ONCE), (4096, MOST_AT_ONCE), (164, 100), (8, 1)):
        monkeypatch.setattr(resource, "getrlimit", lambda _, limit=limit: (limit, limit))
        assert most_at_once() == expected
