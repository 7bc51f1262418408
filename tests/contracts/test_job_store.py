"""What every store promises of queues' jobs, and of the runs that they do: the same tests for each kind of store."""

import json
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.support.lab import dataset, experiment
from tests.support.stores import STORES
from themis.core.config import DatasetFile
from themis.core.errors import ClaimLostError
from themis.core.outcomes.outcome import CaseEnd, Outcome
from themis.core.outcomes.stages import Stage
from themis.core.results import RunStatus
from themis.core.snapshot import RunSnapshot
from themis.core.stores import RunStore
from themis.core.stores.batch_rows import BatchRow, BatchState
from themis.core.stores.job_rows import JOB_COLUMNS, AttemptRow, Change, Fence, JobRow, Owner, flat, unflat
from themis.core.stores.job_store import JobStore

KEY = "0123456789abcdef"
OWNER = Owner("worker", "host", "boot", 11, 12, 13, 14)
NEW = JobRow(KEY, "run", "queue", "/queue", 1, "queued", 0, 5, 100, None, 3, 3, None, None)
FULL = JobRow(
    **{**NEW._asdict(), "state": "running", "attempt": 2, "ready_ns": 2**62, "timeout_s": 1.5, "memory_limit_mb": 64},
)._replace(
    failures=1,
    lost=2,
    cancel_requested=True,
    token="t",  # noqa: S106  # of a claim
    owner=OWNER,
    cause="exception",
    message="ü\n",
    started_ns=3,
    ended_ns=4,
    updated_ns=5,
    lease_until_ms=6,
)
ENDED = AttemptRow(1, "t", "worker", "host", 11, 3, 4, "exception", "why", -9)


@pytest.fixture
def jobs(store: RunStore) -> JobStore:
    """With one job, queued."""
    assert store.jobs.add(NEW, "{}")
    return store.jobs


def after(**changes: Any) -> Callable[[JobRow], Change]:
    return lambda row: Change(row._replace(version=row.version + 1, **changes))


def snapshot() -> RunSnapshot:
    return experiment(datasets=[dataset(3)]).compile()


def test_a_row_is_the_same_after_it_was_laid_flat() -> None:
    for row in (NEW, FULL):
        assert unflat(flat(row)) == row
        assert len(flat(row)) == len(JOB_COLUMNS)
    assert dict(zip(JOB_COLUMNS, flat(FULL), strict=True))["job_pid"] == OWNER.job_pid


def test_a_job_comes_back_as_it_was_added_with_every_field(store: RunStore) -> None:
    assert store.jobs.add(FULL, '{"a": "ü"}')
    assert store.jobs.load(KEY) == FULL
    assert store.jobs.manifest(KEY) == '{"a": "ü"}'
    assert store.jobs.load("another") is None
    assert store.jobs.manifest("another") is None


def test_a_key_is_added_once(jobs: JobStore) -> None:
    assert not jobs.add(FULL, "other")
    assert (jobs.load(KEY), jobs.manifest(KEY)) == (NEW, "{}")


def test_a_store_keeps_its_id_and_knows_itself_from_another(store: RunStore, tmp_path: Path) -> None:
    store_id = store.jobs.store_id
    assert store_id == store.jobs.store_id != ""
    assert store.jobs.is_in_place
    assert store.is_there
    assert store.jobs.identity == store.jobs.identity
    store.close()
    assert store.jobs.store_id == store_id
    (tmp_path / "other").mkdir()
    for kind, make in STORES.items():
        if kind == "postgres" and "postgres" not in type(store).__module__:
            continue
        with closing(make(tmp_path / "other")) as other:
            assert other.jobs.store_id != store_id
            assert other.jobs.identity != store.jobs.identity


def test_jobs_are_found_by_the_beginning_of_their_key_and_by_their_queue_in_order(store: RunStore) -> None:
    keys = ["aa", "ab", "ac", "b", "c"]
    for key in reversed(keys):
        store.jobs.add(NEW._replace(key=key, queue_id="one" if key != "ab" else "two"), key)
    assert [row.key for row in store.jobs.find("a")] == ["aa", "ab"]
    assert [row.key for row in store.jobs.find("a", 9)] == ["aa", "ab", "ac"]
    assert [row.key for row in store.jobs.find("")] == ["aa", "ab"]
    assert store.jobs.find("d") == []
    assert [row.key for row in store.jobs.jobs_of("one")] == ["aa", "ac", "b", "c"]
    assert [row.key for row in store.jobs.jobs_of("one", after="aa", limit=2)] == ["ac", "b"]
    assert store.jobs.jobs_of("three") == []


def test_the_jobs_of_a_queue_are_counted_by_their_state(jobs: JobStore) -> None:
    jobs.add(NEW._replace(key="b"), "")
    jobs.add(NEW._replace(key="c", state="done"), "")
    jobs.add(NEW._replace(key="d", queue_id="other"), "")
    assert jobs.counts("queue") == {"queued": 2, "done": 1}
    assert jobs.counts("none") == {}


def test_a_change_is_written_whole_for_who_knows_the_version(jobs: JobStore) -> None:
    decided = FULL._replace(version=2, cancel_requested=False, lease_until_ms=None)
    change = jobs.change(Fence(KEY, 1, None), lambda _: Change(decided, ended=ENDED))
    assert change == Change(decided, ended=ENDED)
    assert jobs.load(KEY) == decided
    assert jobs.attempts(KEY) == [ENDED]


@pytest.mark.parametrize("synced", [True, False])
def test_a_change_that_is_too_late_or_decided_against_writes_nothing(jobs: JobStore, *, synced: bool) -> None:
    asked: list[JobRow] = []

    def never(row: JobRow) -> Change:
        asked.append(row)
        return Change(row._replace(version=9))

    assert jobs.change(Fence(KEY, 2, None), never, synced=synced) is None
    assert jobs.change(Fence("another", 1, None), never, synced=synced) is None
    assert jobs.change(Fence(KEY, 2, None), never, known=NEW._replace(version=2), synced=synced) is None or asked
    assert jobs.change(Fence(KEY, 1, None), lambda _: None, synced=synced) is None
    assert jobs.load(KEY) == NEW


@pytest.mark.parametrize("known", [True, False])
def test_a_version_that_came_back_with_another_claim_is_not_the_one_that_was_read(
    store: RunStore, *, known: bool
) -> None:
    """As in a database that lost its last commits, and went on from there."""
    mine = FULL._replace(version=2)
    theirs = mine._replace(token="another claim", lease_until_ms=10)  # noqa: S106
    assert store.jobs.add(theirs, "{}")
    assert store.jobs.change(mine.fence, after(state="done"), known=mine if known else None) is None
    assert not store.jobs.note_process(mine.fence, 77, 78)
    assert store.jobs.beat([mine.fence], 1_000) == {}
    unclaimed = mine._replace(token=None)
    assert store.jobs.change(unclaimed.fence, after(state="done"), known=unclaimed if known else None) is None
    assert store.jobs.load(KEY) == theirs
    assert store.jobs.change(theirs.fence, after(state="done")) is not None


def test_one_beat_renews_the_leases_of_many_claims_and_says_which_are_lost_or_to_be_cancelled(store: RunStore) -> None:
    claimed = FULL._replace(cancel_requested=False)
    for key in ("a", "b", "c"):
        assert store.jobs.add(claimed._replace(key=key), "{}")
    store.jobs.request_cancel("b")
    lost = [Fence("c", 1, "of another"), Fence("c", 2, "t"), Fence("d", 1, "t")]
    before_ms = store.jobs.clock_ms()
    assert store.jobs.beat([Fence("a", 1, "t"), Fence("b", 1, "t"), *lost], 60_000) == {"a": False, "b": True}
    leases = {row.key: row.lease_until_ms for row in store.jobs.jobs_of(claimed.queue_id)}
    assert leases.pop("c") == claimed.lease_until_ms
    assert all(lease is not None and lease >= before_ms + 60_000 - 2 for lease in leases.values())
    assert store.jobs.beat([], 60_000) == {}


def test_a_request_to_cancel_changes_no_version_and_outlives_a_change_that_did_not_see_it(jobs: JobStore) -> None:
    assert jobs.request_cancel(KEY)
    assert jobs.load(KEY) == NEW._replace(cancel_requested=True)
    jobs.change(Fence(KEY, 1, None), after(state="running"), known=NEW)
    assert jobs.load(KEY) == NEW._replace(cancel_requested=True, version=2, state="running")
    jobs.change(Fence(KEY, 2, None), after(cancel_requested=False, state="queued"))
    assert jobs.load(KEY) == NEW._replace(version=3)


def test_a_job_that_has_ended_is_not_asked_to_cancel(jobs: JobStore) -> None:
    jobs.change(Fence(KEY, 1, None), after(state="done"))
    assert not jobs.request_cancel(KEY)
    assert not jobs.request_cancel("another")
    assert not (jobs.load(KEY) or FULL).cancel_requested


def test_attempts_come_in_order(jobs: JobStore) -> None:
    for number in (2, 1, 3):
        row = jobs.load(KEY)
        assert row is not None
        ended = ENDED._replace(attempt=number)
        jobs.change(row.fence, lambda row, e=ended: Change(row._replace(version=row.version + 1), ended=e))  # type: ignore[misc]
    assert [attempt.attempt for attempt in jobs.attempts(KEY)] == [1, 2, 3]
    assert jobs.attempts("another") == []


def test_the_process_of_a_claim_is_noted_for_its_owner_alone(jobs: JobStore) -> None:
    jobs.change(Fence(KEY, 1, None), after(owner=OWNER, state="running"))
    assert jobs.note_process(Fence(KEY, 2, None), 77, 78)
    assert not jobs.note_process(Fence(KEY, 1, None), 1, 1)
    row = jobs.load(KEY)
    assert row is not None
    assert row.owner is not None
    assert (row.version, row.owner.job_pid, row.owner.job_pid_started) == (2, 77, 78)


def test_a_lease_goes_by_the_clock_of_the_store(jobs: JobStore) -> None:
    now_ms = jobs.clock_ms()
    assert abs(now_ms - time.time_ns() // 1_000_000) < 10_000
    change = jobs.change(Fence(KEY, 1, None), lambda row: Change(row._replace(version=2), lease_ms=60_000))
    assert change is not None
    assert now_ms + 60_000 <= (change.row.lease_until_ms or 0) <= jobs.clock_ms() + 60_000
    assert jobs.load(KEY) == change.row
    assert jobs.beat([Fence(KEY, 2, None)], 600_000) == {KEY: False}
    assert jobs.beat([Fence(KEY, 1, None)], 9_000_000) == {}
    row = jobs.load(KEY)
    assert row is not None
    assert now_ms + 600_000 <= (row.lease_until_ms or 0) <= jobs.clock_ms() + 600_000


def test_a_manifest_is_replaced(jobs: JobStore) -> None:
    jobs.replace_manifest(KEY, "new")
    jobs.replace_manifest("another", "new")
    assert (jobs.manifest(KEY), jobs.manifest("another")) == ("new", None)


def test_a_store_that_can_be_written_says_so(jobs: JobStore) -> None:
    jobs.probe()
    assert jobs.load(KEY) == NEW


def test_runs_and_jobs_are_kept_together_or_not_at_all(store: RunStore) -> None:
    run = snapshot()
    store.create_run(run)
    store.jobs.add(NEW._replace(key="kept"), "kept")
    made = Outcome(0, Stage.GENERATE, 0, ok=True, finished_ms=1, value=None, output='"a"', body="{}")
    with pytest.raises(KeyError), store.jobs.transaction(), store.transaction():  # noqa: PT012  # what is undone
        store.jobs.add(NEW, "{}")
        ended = Change(NEW._replace(key="kept", version=2, state="done"), ended=ENDED)
        store.jobs.change(Fence("kept", 1, None), lambda _: ended)
        store.jobs.replace_manifest("kept", "other")
        store.append(run.run_id, [made], [CaseEnd(0, 0, "q0", b"0" * 16, failed=False, through=Stage.JUDGE)])
        store.end_run(run.run_id, RunStatus.COMPLETED, through=Stage.JUDGE)
        store.put_blob(b"blob")
        raise KeyError
    assert [row.key for row in store.jobs.find("", 9)] == ["kept"]
    assert store.jobs.load("kept") == NEW._replace(key="kept")
    assert (store.jobs.manifest("kept"), store.jobs.attempts("kept")) == ("kept", [])
    assert (store.has_outcomes(run.run_id), store.count_ends(run.run_id)) == (False, (0, 0))
    record = store.load_run(run.run_id)
    assert record is not None
    assert record.status is RunStatus.PENDING
    with store.transaction():
        store.append(run.run_id, [made], [])
        store.jobs.add(NEW, "{}")
    assert store.has_outcomes(run.run_id)
    assert store.jobs.load(KEY) == NEW


def test_a_cleared_run_comes_back_when_the_rest_fails(store: RunStore) -> None:
    run = snapshot()
    made = Outcome(0, Stage.GENERATE, 0, ok=True, finished_ms=1, value=None, output='"a"', body="{}")
    store.create_run(run)
    store.append(run.run_id, [made], [])
    with pytest.raises(KeyError), store.transaction():  # noqa: PT012  # what is undone
        store.clear_run(run.run_id)
        store.append(run.run_id, [made._replace(output='"b"')], [])
        raise KeyError
    assert store.outcomes_between(run.run_id, 0, 1) == [made]


FENCED: dict[str, Callable[[RunStore, str, Fence], None]] = {
    "append": lambda store, run_id, fence: store.append(
        run_id, [Outcome(0, Stage.GENERATE, 0, True, 1, None, '"a"', "{}")], [], fence=fence
    ),
    "start_run": lambda store, run_id, fence: store.start_run(run_id, fence=fence),
    "end_run": lambda store, run_id, fence: store.end_run(run_id, RunStatus.COMPLETED, through=None, fence=fence),
    "save_batch": lambda store, run_id, fence: store.save_batch(
        run_id, BatchRow(0, "nonce", BatchState.INTENDED, 0, 2, 3, 1, 1), fence=fence
    ),
    "clear_run": lambda store, run_id, fence: store.clear_run(run_id, fence=fence),
    "lend_only": lambda store, run_id, fence: store.lend_only(run_id, {"1.0.0": "0" * 64}, fence=fence),
}


@pytest.mark.parametrize("method", FENCED)
def test_who_has_the_job_writes_and_who_has_lost_it_does_not(store: RunStore, method: str) -> None:
    run = snapshot()
    store.create_run(run)
    store.append(
        run.run_id, [Outcome(1, Stage.GENERATE, 0, ok=True, finished_ms=1, value=None, output='"a"', body="{}")], []
    )
    store.jobs.add(NEW._replace(version=7, token="t"), "{}")  # noqa: S106  # of a claim
    before = store.load_run(run.run_id), store.outcomes_between(run.run_id, 0, 3), store.batches(run.run_id)
    lost = (Fence(KEY, 6, "t"), Fence(KEY, 8, "t"), Fence("another", 7, "t"), Fence(KEY, 7, "u"), Fence(KEY, 7, None))
    for fence in lost:
        with pytest.raises(ClaimLostError, match="no longer belongs to this worker"):
            FENCED[method](store, run.run_id, fence)
        now = store.load_run(run.run_id), store.outcomes_between(run.run_id, 0, 3), store.batches(run.run_id)
        assert now == before
    FENCED[method](store, run.run_id, Fence(KEY, 7, "t"))


def test_a_stored_run_reads_its_datasets_from_where_they_are_now(store: RunStore, tmp_path: Path) -> None:
    (tmp_path / "cases.jsonl").write_text(json.dumps({"input": "x"}) + "\n")
    by_file = DatasetFile(dataset_id="file", path=str(tmp_path / "cases.jsonl"), fields={"input": "input"})
    run = experiment(datasets=[by_file, dataset(2)]).compile()
    store.create_run(run)
    store.jobs.move_run(run.run_id, lambda dataset_id, path: f"/moved/{dataset_id}")
    store.jobs.move_run("f" * 64, lambda dataset_id, path: "/x")
    found = store.load_snapshot(run.run_id)
    assert found is not None
    assert [kept.path for kept in found.datasets] == ["/moved/file", None]
    assert found.run_id == run.run_id


def test_runs_are_listed_from_an_older_one_on(store: RunStore) -> None:
    ids = []
    for number in range(5):
        made = experiment(datasets=[dataset(1, f"d{number}")]).compile()
        store.create_run(made)
        ids.append(made.run_id)
    assert [run.run_id for run in store.list_runs(older_than=ids[3], limit=2)] == [ids[2], ids[1]]
    assert store.list_runs(older_than=ids[0]) == []
