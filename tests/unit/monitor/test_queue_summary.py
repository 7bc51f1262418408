"""A queue at a glance, and why it gave a worker nothing: from names and files alone."""

import time
from pathlib import Path

from tests.processes.queue_world import world
from themis.core.monitor import idle
from themis.core.monitor.idle import IdleQueue
from themis.core.monitor.queue_summary import summary_of
from themis.core.queue import ClaimPolicy
from themis.core.queue.model import layout

RUN = "run-1"


def test_a_queue_that_is_not_there_yet_is_empty_and_says_so(tmp_path: Path) -> None:
    found = summary_of(tmp_path / "queue")
    assert (found.exists, set(found.files.counts.values()), found.unusable_stores) == (False, {0}, {})
    assert list(found.files.jobs(list(layout.SHOWN_STATES), None)) == []
    assert found.document()["counts"]["rejected"] == 0
    assert not (tmp_path / "queue").exists()


def test_a_queue_says_what_it_holds_who_paused_it_and_which_store_is_gone(tmp_path: Path) -> None:
    with world(tmp_path) as here:
        here.submit(RUN)
        here.queue.admin.pause("the endpoint is down")
        found = summary_of(here.queue.path)
        assert found.unusable_stores == {}
        (job,) = found.files.jobs(["running", "queued"], 5)
        assert (job.state, job.key, job.priority, job.not_before) == ("queued", here.job(RUN).key, 5, None)
        document = found.document()
        assert (document["paused"], document["pause"]["reason"]) == (True, "the endpoint is down")
        assert (document["counts"]["queued"], document["counts"]["rejected"]) == (1, 0)
    (tmp_path / "store.sqlite3").rename(tmp_path / "elsewhere.sqlite3")
    ((path, why),) = summary_of(here.queue.path).unusable_stores.items()
    assert path == str(tmp_path / "store.sqlite3")
    assert why.endswith("is not there")


def test_a_store_that_was_put_in_the_place_of_another_is_not_taken_for_it(tmp_path: Path) -> None:
    with world(tmp_path) as here:
        here.submit(RUN)
    for path in tmp_path.glob("store.sqlite3*"):
        path.unlink()
    (tmp_path / "other").mkdir()
    with world(tmp_path / "other"):
        pass
    (tmp_path / "other" / "store.sqlite3").rename(tmp_path / "store.sqlite3")
    (why,) = summary_of(tmp_path / "queue").unusable_stores.values()
    assert "is not the store that the job was submitted for" in why


def test_a_worker_that_got_nothing_is_told_what_keeps_the_jobs_from_it(tmp_path: Path) -> None:
    with world(tmp_path) as here:
        policy = ClaimPolicy(("gpu",), "run")
        assert idle.look(here.queue, policy) == IdleQueue(exists=False)
        here.submit(RUN)
        assert idle.look(here.queue, policy) == IdleQueue(exists=True, queued=1)
        here.queue.admin.reschedule(here.job(RUN).key, not_before_ns=time.time_ns() + 10**13)
        assert idle.look(here.queue, policy) == IdleQueue(exists=True, waiting=1)
        here.queue.admin.pause("hot")
        found = idle.look(here.queue, policy)
        assert found.pause is not None
        assert found.pause.reason == "hot"
