"""One worker cycle whose store does not answer: when it claims, while the job runs, and when the attempt is settled."""

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.support.lab import experiment
from tests.support.waiting import until
from themis.core.config import RuntimeConfig
from themis.core.errors import StoreAwayError, UnsettledError
from themis.core.jobs import claimed_job, worker_cycle
from themis.core.jobs.store_cache import StoreCache
from themis.core.queue import leases
from themis.core.queue.file_queue import FileQueue
from themis.core.queue.folder import root
from themis.core.queue.model.states import JobState
from themis.core.results import RunStatus
from themis.core.stores.job_rows import Change, JobRow
from themis.core.stores.sqlite.jobs import SqliteJobStore
from themis.core.submission import run_worker_once, run_worker_once_async, submit_experiment

AWAY = StoreAwayError(path="the store", detail="as the test says")


class Ends:
    """Ends of attempts that a store is asked to write: those before `fails` tries are answered by an error."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.fails = 0
        self.is_written = False
        self.asked = 0
        self.change = SqliteJobStore.change
        monkeypatch.setattr(SqliteJobStore, "change", lambda store, *args, **more: self(store, *args, **more))  # noqa: PLW0108  # a method

    def __call__(self, store: SqliteJobStore, fence: Any, decide: Callable[[JobRow], Change], **more: Any) -> Any:
        ended = []

        def noted(row: JobRow) -> Change:
            change = decide(row)
            ended.append(change.ended)
            if change.ended and self.asked < self.fails and not self.is_written:
                self.asked += 1
                raise AWAY
            return change

        found = self.change(store, fence, noted, **more)
        if ended[-1:] != [None] and found is not None and self.asked < self.fails:
            self.asked += 1
            raise AWAY
        return found


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch) -> Ends:
    monkeypatch.setattr(worker_cycle, "SETTLE_AGAIN_S", 0.01)
    return Ends(monkeypatch)


@pytest.fixture
def submitted(tmp_path: Path) -> Path:
    """A queue with one job."""
    made = experiment("builtin/demo_generator", runtime=RuntimeConfig(queue_root=str(tmp_path / "queue")),
                      path=tmp_path / "s.sqlite3")  # fmt: skip
    submit_experiment(made)
    return tmp_path / "queue"


@pytest.fixture
def short_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have queues be shared by hosts, with the shortest lease there is."""
    monkeypatch.setattr(root, "network_filesystem", lambda path: "nfs4" if str(path).endswith("queue") else None)
    monkeypatch.setattr(root, "LEASE_S", 1.0)


def _job(queue: Path) -> tuple[str, int, int, int]:
    """State, failures, lost workers and number of attempts of the only job."""
    with closing(StoreCache()) as stores:
        admin = FileQueue(queue, stores).admin
        (job,) = admin.list_jobs(("queued", "waiting", "claimed", "done", "failed"))
        details = admin.show(job.key)
    return str(details.row.state), details.row.failures, details.row.lost, len(details.attempts)


def _moves(queue: Path) -> list[str]:
    (journal,) = (queue / "journal").glob("*.jsonl")
    return [json.loads(line)["move"] for line in journal.read_text().splitlines()]


@pytest.mark.parametrize("is_written", [True, False], ids=["the answer was lost", "the store was away"])
def test_an_end_that_was_not_answered_is_settled_again_until_it_is(
    submitted: Path, ends: Ends, is_written: bool
) -> None:
    ends.fails, ends.is_written = (1, True) if is_written else (2, False)
    result = run_worker_once(submitted)
    assert result is not None
    assert result.status is RunStatus.COMPLETED
    assert ends.asked == ends.fails
    assert _job(submitted) == ("done", 0, 0, 1)
    assert _moves(submitted)[-1] == "settle"
    assert "fenced" not in _moves(submitted)


def test_an_end_that_was_not_answered_is_settled_again_without_blocking_the_loop(
    submitted: Path, ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends.fails = 2
    monkeypatch.setattr(time, "sleep", lambda _: pytest.fail("the loop is blocked"))
    result = asyncio.run(run_worker_once_async(submitted))
    assert result is not None
    assert ends.asked == 2
    assert _job(submitted) == ("done", 0, 0, 1)


def test_an_end_that_is_never_answered_is_one_error_and_charged_to_nobody(
    submitted: Path, ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_cycle, "SETTLE_FOR_S", 0.1)
    ends.fails = 10**6
    with pytest.raises(UnsettledError, match="its end cannot be recorded"):
        run_worker_once(submitted)
    assert ends.asked > 2
    ends.fails = 0
    result = run_worker_once(submitted)
    assert result is not None
    assert _job(submitted) == ("done", 0, 0, 2)


def test_a_worker_that_is_interrupted_while_it_settles_again_writes_the_end_that_the_job_had(
    submitted: Path, ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends.fails = 1

    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run_worker_once(submitted)
    assert _job(submitted) == ("done", 0, 0, 1)


def test_a_claim_that_was_not_answered_is_left_and_taken_over_by_the_next_worker_uncharged(
    submitted: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    change = SqliteJobStore.change

    def unanswered(store: SqliteJobStore, *args: Any, **more: Any) -> Change | None:
        found = change(store, *args, **more)
        if found is not None and found.row.state == JobState.RUNNING:
            raise AWAY
        return found

    with monkeypatch.context() as outage:
        outage.setattr(SqliteJobStore, "change", unanswered)
        assert run_worker_once(submitted) is None
    assert "the database server cannot be reached (as the test says)" in caplog.text
    result = run_worker_once(submitted)
    assert result is not None
    assert result.status is RunStatus.COMPLETED
    state, failures, lost, _ = _job(submitted)
    assert (state, failures, lost) == ("done", 0, 0)


def test_a_store_that_is_away_is_waited_for_once_however_many_jobs_it_has(
    submitted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = RuntimeConfig(queue_root=str(submitted))
    for seed in range(3):
        submit_experiment(
            experiment("builtin/demo_generator", runtime=runtime, path=tmp_path / "s.sqlite3", seeds=[seed])
        )
    asked: list[str] = []

    def fail(_: SqliteJobStore, key: str) -> None:
        asked.append(key)
        raise AWAY

    with monkeypatch.context() as outage:
        outage.setattr(SqliteJobStore, "load", fail)
        assert run_worker_once(submitted) is None
    assert len(asked) == 1
    assert run_worker_once(submitted) is not None


def test_a_job_whose_store_is_away_once_it_is_claimed_is_charged_to_nobody_and_claimed_again(
    submitted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise AWAY

    with monkeypatch.context() as outage:
        outage.setattr(StoreCache, "run_store", _after_the_claim(StoreCache.run_store, fail))
        with pytest.raises(StoreAwayError):
            run_worker_once(submitted)
    assert _job(submitted)[0] == JobState.RUNNING
    result = run_worker_once(submitted)
    assert result is not None
    assert _job(submitted) == ("done", 0, 0, 2)


def _after_the_claim(usual: Callable[..., Any], fail: Callable[..., None]) -> Callable[..., Any]:
    """The way to a store, which fails once a job is claimed."""

    def found(cache: StoreCache, address: Any) -> Any:
        store = usual(cache, address)
        if any(row.state == JobState.RUNNING for row in store.jobs.jobs_of(_queue_id(store))):
            fail()
        return store

    return found


def _queue_id(store: Any) -> str:
    (row,) = store._database.query("SELECT queue_id FROM jobs")
    return str(row[0])


class Beats:
    """The beats that stores are asked for, which can fail."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.is_away = False
        self.failed = 0
        self._usual = SqliteJobStore.beat
        monkeypatch.setattr(SqliteJobStore, "beat", lambda store, *args: self._beat(store, *args))  # noqa: PLW0108  # a method
        monkeypatch.setattr(leases, "BEAT_S", 0.05)

    def _beat(self, store: SqliteJobStore, *args: Any) -> dict[str, bool]:
        if self.is_away:
            self.failed += 1
            raise AWAY
        return self._usual(store, *args)


@pytest.fixture
def beats(monkeypatch: pytest.MonkeyPatch) -> Iterator[Beats]:
    made = Beats(monkeypatch)
    yield made
    assert not any(thread.name == "themis-leases" for thread in threading.enumerate())


@pytest.mark.usefixtures("short_lease")
def test_a_job_whose_store_is_away_for_longer_than_its_lease_waits_and_goes_on(
    submitted: Path, beats: Beats, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    execute = claimed_job.execute_job

    def outage(*arguments: Any) -> Any:
        holds = arguments[2].holds_lease
        beats.is_away = True
        until(lambda: not holds(), "the lease to be over", 5.0)
        time.sleep(0.3)
        assert not arguments[2].cancelled(), "a store that does not answer says nothing of a claim"
        beats.is_away = False
        until(holds, "the lease to be renewed", 5.0)
        return execute(*arguments)

    monkeypatch.setattr(worker_cycle, "execute_job", outage)
    result = run_worker_once(submitted)
    assert result is not None
    assert result.status is RunStatus.COMPLETED
    assert beats.failed > 2
    assert _job(submitted) == ("done", 0, 0, 1)
    said = [record.getMessage() for record in caplog.records]
    assert len([text for text in said if "leases cannot be renewed" in text]) == 1
    assert "leases can be renewed again" in said
