"""Shards of runs, as every store keeps them, and the end of a run with the last of them."""

from contextlib import closing
from pathlib import Path

import pytest

from tests.support.lab import ScriptedGenerator, dataset, experiment
from tests.support.older_store import put_back
from tests.support.stores import PERSISTENT, added_run
from themis.core.errors import ClaimLostError
from themis.core.outcomes.outcome import CaseEnd
from themis.core.outcomes.stages import Stage
from themis.core.queue import AttemptOutcome, Cause, NewJob, StoreAddress, this_process
from themis.core.queue.model import states
from themis.core.results import RunStatus
from themis.core.stores import create_run_store
from themis.core.stores.job_rows import Fence, JobRow
from themis.core.stores.protocol import RunStore
from themis.core.stores.registry import location_of, reader_of
from themis.core.stores.shards.rows import slices, state_of
from themis.core.values.bounds import MOST_SHARDS

CASES, SHARDS = 10, 3


@pytest.fixture
def run_id(store: RunStore) -> str:
    """A run of ten cases in three shards, each with its job."""
    snapshot = experiment(ScriptedGenerator(), datasets=[dataset(CASES)]).compile()
    store.create_run(snapshot)
    parts = slices(CASES, SHARDS)
    address = StoreAddress("x", "x", store.jobs.store_id)
    with store.transaction():
        store.put_shards(snapshot.run_id, parts, reopens=True)
        for number, part in enumerate(parts, 1):
            job = NewJob(snapshot.run_id, address, {}, "1", shard=(number, SHARDS), cases=part)
            assert store.jobs.add(job.row("queue", "/queue", number), "{}")
    return snapshot.run_id


def claimed(store: RunStore, key: str) -> JobRow:
    row = store.jobs.load(key)
    assert row is not None
    change = store.jobs.change(row.fence, lambda read: states.claimed(read, this_process(), "t" * 16, 1))
    assert change is not None
    return change.row


def settle(store: RunStore, fence: Fence, cause: Cause = Cause.DONE, message: str = "") -> None:
    outcome = AttemptOutcome(cause, message)
    assert store.jobs.change(fence, lambda read: states.settled(read, outcome, 2, 0.0)) is not None


def work(store: RunStore, run_id: str, number: int, *, failed: bool = False) -> Fence:
    """Carry out a shard up to its last case; its job is left to be settled."""
    shard = store.shards(run_id)[number - 1]
    fence = claimed(store, shard.key).fence
    store.begin_shard(run_id, fence)
    ends = [CaseEnd(no, 0, f"c{no}", b"d", failed, Stage.SCORE) for no in range(shard.first, shard.stop)]
    store.append(run_id, [], ends, fence=fence)
    found = store.finish_shard(run_id, Stage.SCORE, fence)
    assert found.versions[number - 1] == fence.version
    return fence


def test_slices_are_contiguous_and_as_equal_as_can_be() -> None:
    assert slices(10, 3) == [(0, 3), (3, 6), (6, 10)]
    for total, shards in ((MOST_SHARDS, MOST_SHARDS), (12_345, 7), (8, 8)):
        parts = slices(total, shards)
        assert [first for first, _ in parts] == [0, *(stop for _, stop in parts[:-1])]
        assert parts[-1][1] == total
        sizes = {stop - first for first, stop in parts}
        assert max(sizes) - min(sizes) <= 1


def test_the_state_of_several_jobs_is_that_of_the_most_urgent_one() -> None:
    assert state_of({"done", "queued"}) == "queued"
    assert state_of({"failed", "queued", "running"}) == "running"
    assert state_of({"cancelled", "failed", "done"}) == "failed"
    assert state_of({"cancelled", "done"}) == "cancelled"
    assert state_of({"done"}) == "done"


def test_a_run_in_one_job_has_no_shards(store: RunStore) -> None:
    snapshot = experiment(ScriptedGenerator()).compile()
    assert store.shards(snapshot.run_id) == []
    store.create_run(snapshot)
    assert store.shards(snapshot.run_id) == []


def test_the_run_is_running_from_its_first_shard_and_ends_with_its_last_whichever_that_is(
    store: RunStore, run_id: str
) -> None:
    fences = []
    for number in (2, 3, 1):
        fences.append(work(store, run_id, number))
        record = store.load_run(run_id)
        assert record is not None
        assert (record.status, record.ended_ms) == (RunStatus.RUNNING, None)
    for fence in fences[:2]:
        settle(store, fence)
        record = store.load_run(run_id)
        assert record is not None
        assert (record.status, record.ended_ms) == (RunStatus.RUNNING, None)
    settle(store, fences[2])
    record = store.load_run(run_id)
    assert record is not None
    assert (record.status, record.completed_through, record.error) == (RunStatus.COMPLETED, "score", None)
    assert record.ended_ms is not None
    counts = [(shard.ended, shard.failed, shard.answered, shard.settled) for shard in store.shards(run_id)]
    assert counts == [(3, 0, 3, True), (3, 0, 3, True), (4, 0, 4, True)]


def test_the_last_shard_to_finish_its_cases_is_told_so(store: RunStore, run_id: str) -> None:
    for number in (1, 2):
        settle(store, work(store, run_id, number))
    key = store.shards(run_id)[2].key
    fence = claimed(store, key).fence
    store.begin_shard(run_id, fence)
    assert store.finish_shard(run_id, Stage.SCORE, fence).is_last
    # It runs again, as its worker was lost before its job ended: then it has not finished.
    settle(store, fence, Cause.WORKER_LOST)
    again = claimed(store, key).fence
    store.begin_shard(run_id, again)
    assert [bool(shard.finished) for shard in store.shards(run_id)] == [True, True, False]
    assert store.finish_shard(run_id, Stage.SCORE, again).is_last


def test_a_run_with_failed_cases_ends_by_the_cases_of_all_shards(store: RunStore, run_id: str) -> None:
    for number in (1, 2, 3):
        settle(store, work(store, run_id, number, failed=number == 2))
    record = store.load_run(run_id)
    assert record is not None
    assert record.status is RunStatus.PARTIAL_FAILURE


def test_a_run_fails_with_a_shard_and_says_which_once_the_others_have_ended(store: RunStore, run_id: str) -> None:
    settle(store, work(store, run_id, 2), Cause.CONFIGURATION, "no such module")
    record = store.load_run(run_id)
    assert record is not None
    assert record.status is RunStatus.RUNNING
    settle(store, work(store, run_id, 1))
    settle(store, work(store, run_id, 3), Cause.CANCELLED)
    record = store.load_run(run_id)
    assert record is not None
    assert (record.status, record.error) == (RunStatus.FAILED, "shard 2 of 3: no such module")


@pytest.mark.parametrize(("cause", "said"), [(Cause.CANCELLED, None), (Cause.BUDGET, "budget: used up")])
def test_a_run_is_cancelled_with_a_shard(store: RunStore, run_id: str, cause: Cause, said: str | None) -> None:
    settle(store, work(store, run_id, 1))
    settle(store, work(store, run_id, 2), cause, "budget: used up")
    settle(store, work(store, run_id, 3))
    record = store.load_run(run_id)
    assert record is not None
    assert (record.status, record.error) == (RunStatus.CANCELLED, said)


def test_a_shard_that_is_queued_again_opens_the_run_and_ends_it_again(store: RunStore, run_id: str) -> None:
    for number in (1, 2, 3):
        settle(store, work(store, run_id, number), Cause.CONFIGURATION if number == 2 else Cause.DONE, "gone")
    key = store.shards(run_id)[1].key
    row = store.jobs.load(key)
    assert row is not None
    assert store.jobs.change(row.fence, lambda read: states.sent_back(read, 3)) is not None
    record = store.load_run(run_id)
    assert record is not None
    assert (record.status, record.error, record.ended_ms) == (RunStatus.PENDING, None, None)
    settle(store, work(store, run_id, 2))
    record = store.load_run(run_id)
    assert record is not None
    assert record.status is RunStatus.COMPLETED


def test_a_run_does_not_end_before_a_planned_shard_has_its_job(store: RunStore, run_id: str) -> None:
    store.put_shards(run_id, slices(CASES, SHARDS), reopens=True)
    for number in (1, 2):
        settle(store, work(store, run_id, number))
    store.put_shards(run_id, slices(CASES, 4), reopens=True)  # none of their jobs is there
    settle(store, claimed(store, store_key(store, run_id, 3)).fence)
    record = store.load_run(run_id)
    assert record is not None
    assert (record.status, record.ended_ms) == (RunStatus.PENDING, None)


def store_key(store: RunStore, run_id: str, number: int) -> str:
    address = StoreAddress("x", "x", store.jobs.store_id)
    return NewJob(run_id, address, {}, "1", shard=(number, SHARDS)).key


def test_a_run_that_has_ended_already_stays_as_it_ended(store: RunStore, run_id: str) -> None:
    store.end_run(run_id, RunStatus.COMPLETED, through=Stage.JUDGE)
    for number in (1, 2, 3):
        settle(store, work(store, run_id, number), Cause.CONFIGURATION)
    record = store.load_run(run_id)
    assert record is not None
    assert (record.status, record.completed_through) == (RunStatus.COMPLETED, "judge")


def test_a_lost_claim_neither_begins_nor_finishes_a_shard(store: RunStore, run_id: str) -> None:
    fence = claimed(store, store.shards(run_id)[0].key).fence
    lost = fence._replace(version=fence.version - 1)
    for write in (lambda: store.begin_shard(run_id, lost), lambda: store.finish_shard(run_id, Stage.SCORE, lost)):
        with pytest.raises(ClaimLostError):
            write()
    record = store.load_run(run_id)
    assert record is not None
    assert record.status is RunStatus.PENDING
    assert not any(shard.finished for shard in store.shards(run_id))


def test_what_shards_tell_of_failures_is_kept_until_a_job_of_the_run_is_queued_again(
    store: RunStore, run_id: str
) -> None:
    assert store.failure_rows(run_id) is None
    fence = claimed(store, store.shards(run_id)[0].key).fence
    store.put_failure_rows(run_id, "first", fence)
    store.put_failure_rows(run_id, "second", fence)
    with pytest.raises(ClaimLostError):
        store.put_failure_rows(run_id, "third", fence._replace(version=fence.version - 1))
    assert store.failure_rows(run_id) == "second"
    settle(store, fence, Cause.REPEATED)
    assert store.failure_rows(run_id) == "second"
    row = store.jobs.load(fence.key)
    assert row is not None
    assert store.jobs.change(row.fence, lambda read: states.sent_back(read, 3)) is not None
    assert store.failure_rows(run_id) is None


def test_what_is_told_in_a_transaction_that_is_undone_is_not_kept(store: RunStore, run_id: str) -> None:
    fence = claimed(store, store.shards(run_id)[0].key).fence

    def in_vain() -> None:
        with store.transaction():
            store.lock_run(run_id)
            store.put_failure_rows(run_id, "text", fence)
            raise KeyError

    with pytest.raises(KeyError):
        in_vain()
    assert store.failure_rows(run_id) is None


def test_a_change_that_is_undone_does_not_end_the_run(store: RunStore, run_id: str) -> None:
    fences = [work(store, run_id, number) for number in (1, 2, 3)]
    for fence in fences[:2]:
        settle(store, fence)

    def in_vain() -> None:
        with store.jobs.transaction():
            settle(store, fences[2])
            raise KeyError

    with pytest.raises(KeyError):
        in_vain()
    record = store.load_run(run_id)
    assert record is not None
    assert (record.status, record.ended_ms) == (RunStatus.RUNNING, None)
    assert [shard.settled for shard in store.shards(run_id)] == [True, True, False]


def test_a_pruned_job_of_a_shard_still_counts(store: RunStore, run_id: str) -> None:
    settle(store, work(store, run_id, 1))
    row = store.jobs.load(store.shards(run_id)[0].key)
    assert row is not None
    assert store.jobs.change(row.fence, lambda read: states.pruned(read, 5)) is not None
    for number in (2, 3):
        settle(store, work(store, run_id, number))
    record = store.load_run(run_id)
    assert record is not None
    assert record.status is RunStatus.COMPLETED


def test_a_reader_of_a_file_that_only_versions_without_shards_have_used_finds_none(tmp_path: Path) -> None:
    storage = PERSISTENT["sqlite"](tmp_path)
    with closing(create_run_store(storage)) as store:
        run_id = added_run(store, "a")
    put_back(tmp_path / "runs.sqlite3", 16)
    with closing(reader_of(location_of(storage))) as reader:
        assert reader.shards(run_id) == []
    with closing(create_run_store(storage)) as store:
        store.put_shards(run_id, [(0, 1), (1, 3)], reopens=False)
        assert [(shard.first, shard.stop) for shard in store.shards(run_id)] == [(0, 1), (1, 3)]
