"""Many jobs submitted at once to a queue of rows: each batch is one transaction."""

import threading
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from tests.processes.row_world import RowWorld, clocked_url
from themis.core.queue.model.states import JobState
from themis.core.queue.rows.this_host import FOLDER_VARIABLE
from themis.core.queue.transitions.bulk_submitting import MOST_AT_ONCE, BulkJob

pytestmark = pytest.mark.slow


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "queues"))
    return clocked_url()


@pytest.fixture
def here(url: str) -> Iterator[RowWorld]:
    with closing(RowWorld(url)) as world:
        yield world


def jobs(here: RowWorld, *runs: str) -> list[BulkJob]:
    return [BulkJob(here.job(run), partial(here._make_run, run)) for run in runs]


def test_jobs_are_acknowledged_by_batches_in_their_order_and_each_runs_once(here: RowWorld) -> None:
    runs = [f"run-{number}" for number in range(MOST_AT_ONCE + 2)]
    known = here.queue.submit(here.job(runs[1]), prepare=lambda: here._make_run(runs[1]))
    first, second = here.queue.submit_all(jobs(here, *runs))
    assert (len(first), len(second)) == (MOST_AT_ONCE, 2)
    assert [one.row.run_id for one in (*first, *second)] == runs
    assert [one.row.run_id for one in (*first, *second) if not one.created] == [known.row.run_id]
    assert not any(one.created for batch in here.queue.submit_all(jobs(here, *runs)) for one in batch)
    assert here.queue.admin.counts()["queued"] == len(runs)
    assert here.drain() == len(runs)
    for run in runs:
        here.assert_promise(run, state=JobState.DONE)


def test_a_job_that_cannot_be_made_leaves_none_of_its_batch(here: RowWorld) -> None:
    def fail() -> None:
        raise LookupError

    given = [*jobs(here, "a", "b"), BulkJob(here.job("c"), fail), *jobs(here, "d")]
    with pytest.raises(LookupError):
        list(here.queue.submit_all(given))
    assert here.queue.admin.list_jobs() == []
    assert here.claim() is None


def test_two_processes_that_submit_the_same_jobs_in_other_orders_add_each_once(url: str, here: RowWorld) -> None:
    runs = [f"run-{number}" for number in range(40)]
    created: list[str] = []
    both = threading.Barrier(2)

    def submit(order: list[str]) -> None:
        with closing(RowWorld(url)) as world:
            both.wait(30)
            for batch in world.queue.submit_all(jobs(world, *order)):
                created.extend(one.row.run_id for one in batch if one.created)

    threads = [threading.Thread(target=submit, args=(order,)) for order in (runs, runs[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(created) == sorted(runs)
    assert here.drain() == len(runs)
