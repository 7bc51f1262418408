"""The demand for workers of a kind, by the jobs of a queue: in a folder, and in rows."""

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.processes.queue_world import World, world
from tests.processes.row_world import RowWorld, clocked_url
from themis.core.monitor.places.demand import Demand, demand_at
from themis.core.monitor.places.in_store import queue_in_store
from themis.core.queue.model.claim_policy import ClaimPolicy
from themis.core.queue.rows.this_host import FOLDER_VARIABLE

Here = World | RowWorld
MANY = 100


@pytest.fixture(params=["folder", pytest.param("rows", marks=pytest.mark.slow)])
def here(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Here]:
    if request.param == "folder":
        with world(tmp_path) as made:
            yield made
        return
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "queues"))
    queue_in_store.cache_clear()
    with closing(RowWorld(clocked_url())) as of_rows:
        yield of_rows
    queue_in_store.cache_clear()


def submit(here: Here, run_id: str, *tags: str, **facts: object) -> str:
    job = here.job(run_id, tags=tags, **facts)
    return here.queue.submit(job, prepare=lambda: here._make_run(run_id)).row.key


def demand(here: Here, *tags: str, limit: int = MANY) -> Demand:
    return demand_at(here.queue.place, ClaimPolicy(tags), "fleet.", limit)


def test_a_queue_that_is_not_there_yet_wants_nobody(tmp_path: Path) -> None:
    assert demand_at(tmp_path / "queue", ClaimPolicy(), "fleet.", MANY) == Demand(0, 0)


def test_jobs_are_wanted_by_those_workers_alone_that_have_their_tags(here: Here) -> None:
    submit(here, "plain")
    submit(here, "one", "gpu")
    submit(here, "two", "gpu", "big")
    assert [demand(here, *tags).ready for tags in ((), ("gpu",), ("big", "gpu"))] == [1, 2, 3]
    assert demand(here, "big", "gpu", limit=2).ready == 2
    assert demand(here, "gpu").left == ("needs a worker with the tag big",)


def test_a_job_is_wanted_when_its_time_has_come_and_the_queue_is_not_paused(here: Here) -> None:
    key = submit(here, "later", not_before_ns=time.time_ns() + 10**13)
    assert demand(here) == Demand(0, 0)
    here.queue.admin.reschedule(key, not_before_ns=time.time_ns())
    assert demand(here) == Demand(1, 0)
    here.queue.admin.pause()
    assert demand(here) == Demand(0, 0)


def test_jobs_of_other_versions_are_not_wanted_by_workers_that_would_leave_them(here: Here) -> None:
    submit(here, "old")  # by the version `test`
    assert demand(here).ready == 1
    assert demand_at(here.queue.place, ClaimPolicy((), "refuse"), "fleet.", MANY).ready == 0


def test_a_job_that_no_living_worker_says_it_has_is_wanted_whatever_its_tags(here: Here) -> None:
    submit(here, "lost", "gpu")
    assert here.claim() is not None  # its worker is not registered
    assert demand(here) == Demand(0, 1)
