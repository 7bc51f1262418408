"""What every store promises of the links between jobs: the same tests for each kind of store."""

import pytest

from themis.core.stores import RunStore
from themis.core.stores.job_rows import Change, JobRow
from themis.core.stores.job_store import JobStore
from themis.core.stores.queues.dependents import CANCELLED, WAITS

NEW = JobRow("0" * 16, "run", "queue", "/queue", 1, "queued", 0, 5, 100, None, 3, 3, None, None)


@pytest.fixture
def jobs(store: RunStore) -> JobStore:
    """With a predecessor `p`, another `q`, and two dependents."""
    for key in ("p", "q", "d1", "d2"):
        assert store.jobs.add(NEW._replace(key=key), "{}")
    return store.jobs


def _put(jobs: JobStore, key: str, state: str) -> JobRow:
    row = _row(jobs, key)
    change = jobs.change(row.fence, lambda read: Change(read._replace(version=read.version + 1, state=state)))
    assert change is not None
    return change.row


def _row(jobs: JobStore, key: str) -> JobRow:
    found = jobs.load(key)
    assert found is not None
    return found


def _owing(jobs: JobStore) -> list[tuple[str, int]]:
    return sorted((one.row.key, one.mark) for one in jobs.owing("queue", 9))


def test_an_ended_job_that_is_waited_for_is_owing_until_its_links_are_gone(jobs: JobStore) -> None:
    jobs.link("d1", ["p"], {"p": WAITS})
    jobs.link("d2", ["p", "q"], {"p": WAITS, "q": WAITS})
    assert _owing(jobs) == []
    assert [row.key for row in jobs.awaited("queue", "queued", 9)] == ["p", "q"]
    assert _put(jobs, "p", "done").awaited == WAITS, "a change says what was marked meanwhile"
    assert _owing(jobs) == [("p", WAITS)]
    assert [row.key for row in jobs.dependents("p", WAITS, 9)] == ["d1", "d2"]
    assert [row.key for row in jobs.dependents("p", WAITS, 9, skip=1)] == ["d2"]
    jobs.link("d1", ["p"], {})
    jobs.unmark("p", WAITS)
    assert _owing(jobs) == [("p", WAITS)], "one link is left"
    jobs.link("d2", ["p", "q"], {"q": WAITS})
    jobs.unmark("p", WAITS)
    assert (_owing(jobs), _row(jobs, "p").awaited) == ([], 0)


def test_a_job_with_cancelled_dependents_is_owing_once_its_end_is_not_bad_any_more(jobs: JobStore) -> None:
    _put(jobs, "p", "failed")
    jobs.link("d1", ["p"], {"p": CANCELLED})
    assert (_owing(jobs), _row(jobs, "p").awaited) == ([], CANCELLED)
    _put(jobs, "p", "queued")
    assert _owing(jobs) == [("p", CANCELLED)]
    assert [row.key for row in jobs.dependents("p", CANCELLED, 9)] == ["d1"]
    assert jobs.dependents("p", WAITS, 9) == []
    jobs.link("d1", ["p"], {"p": WAITS})
    jobs.unmark("p", CANCELLED)
    assert (_owing(jobs), _row(jobs, "p").awaited) == ([], WAITS)


def test_a_change_of_a_job_keeps_the_marks_that_were_set_since_it_was_read(jobs: JobStore) -> None:
    read = _row(jobs, "p")
    jobs.link("d1", ["p"], {"p": WAITS})
    change = jobs.change(
        read.fence, lambda row: Change(row._replace(version=row.version + 1, state="done")), known=read
    )
    assert change is not None
    assert (change.row.awaited, _row(jobs, "p").awaited) == (WAITS, WAITS)


def test_links_that_are_not_committed_are_not_there(jobs: JobStore) -> None:
    def fail() -> None:
        with jobs.transaction():
            jobs.link("d1", ["p"], {"p": WAITS})
            msg = "as the test says"
            raise ValueError(msg)

    with pytest.raises(ValueError, match="as the test says"):
        fail()
    assert (_row(jobs, "p").awaited, jobs.dependents("p", WAITS, 9)) == (0, [])


def test_only_jobs_of_the_queue_are_owing_and_only_those_that_exist_are_loaded(jobs: JobStore) -> None:
    jobs.link("d1", ["p"], {"p": WAITS})
    _put(jobs, "p", "cancelled")
    assert jobs.owing("another", 9) == []
    assert set(jobs.load_each(["p", "nobody", "p"])) == {"p"}
