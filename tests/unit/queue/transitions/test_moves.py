"""The one move, step by step: what it does when a file, a row or a listing is not what it was a moment ago."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.processes.queue_world import World, copy_database, world
from themis.core.errors import JobError
from themis.core.files import durable
from themis.core.queue import AttemptOutcome, Cause, FileQueue
from themis.core.queue.folder import journal, locks
from themis.core.queue.folder.root import QueueRoot
from themis.core.queue.model import layout, manifest_file
from themis.core.queue.model.manifest_file import Limits
from themis.core.queue.model.states import JobState
from themis.core.queue.transitions import moves
from themis.core.queue.transitions.moves import Move
from themis.core.stores.job_rows import JobRow

RUN = "run-1"
HOUR_NS = 3_600_000_000_000
PATIENCE_S = 20.0


@pytest.fixture
def here(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path) as opened:
        yield opened


def _root(here: World) -> QueueRoot:
    return here.queue._folder.parts()[0]


def _row(here: World) -> JobRow:
    row = here.store.load(here.job(RUN).key)
    assert row is not None
    return row


def _file(here: World, folder: str) -> Path:
    (path,) = (here.queue.path / folder).iterdir()
    return path


def _is_locked(here: World) -> bool:
    return locks.is_locked(here.queue.path / "locks", here.job(RUN).key)


def _flag(here: World) -> Path:
    return here.queue.path / layout.CANCEL / here.job(RUN).key


# --- taking


def test_a_move_whose_file_another_has_taken_changes_nothing(here: World) -> None:
    here.submit(RUN)
    row, gone = _row(here), str(here.queue.path / "queued" / "gone.json")
    with pytest.raises(AssertionError, match="asked"):
        moves.make(_root(here), here.store, row, Move(_never, (str(_file(here, "queued")),)), time.time_ns())
    Path(_file(here, "claimed")).rename(here.queue.path / "elsewhere")
    assert moves.make(_root(here), here.store, row, Move(_never, (gone,)), time.time_ns()) is None
    assert _row(here) == row


def _never(_: JobRow) -> None:
    msg = "nobody is to be asked"
    raise AssertionError(msg)


def test_one_of_several_files_may_be_gone_and_the_others_become_one(here: World) -> None:
    here.submit(RUN)
    queued = _file(here, "queued")
    leftover = here.queue.path / "done" / f"{here.job(RUN).key}.json"
    shutil.copy(queued, leftover)
    sources = [str(here.queue.path / "queued" / "gone.json"), str(queued), str(leftover)]
    claimed_path = moves.take(_root(here), here.job(RUN).key, 1, layout.new_token(), sources)
    assert claimed_path == str(_file(here, "claimed"))
    assert not queued.exists()
    assert not leftover.exists()
    assert moves.take(_root(here), here.job(RUN).key, 1, layout.new_token(), sources) is None


def test_a_job_whose_version_has_changed_keeps_its_row_and_its_file_in_hand(here: World) -> None:
    here.submit(RUN)
    old = _row(here)
    here.queue.admin.reschedule(old.key, priority=2)
    now = _row(here)
    source = str(_file(here, "queued"))
    assert moves.make(_root(here), here.store, old, Move(_never, (source,)), time.time_ns()) is None
    assert _row(here) == now
    assert len(list((here.queue.path / "claimed").iterdir())) == 1
    (after,) = here.queue.recover(here.owner)
    assert (after.state, after.priority, here.files_of(old.key)) == (JobState.QUEUED, 2, ["queued"])


# --- placing


def test_a_file_that_vanished_while_it_was_in_hand_is_published_again(here: World) -> None:
    here.submit(RUN)
    text = _file(here, "queued").read_bytes()
    claim = here.claimed()
    Path(claim.path).unlink()
    here.finish(claim)
    assert here.files_of(claim.key) == ["done"]
    assert _file(here, "done").read_bytes() == text


def test_a_claim_whose_file_cannot_be_placed_lets_go_of_its_lock(here: World, monkeypatch: pytest.MonkeyPatch) -> None:
    here.submit(RUN)
    claim = here.claimed()

    def full(*_: object) -> str:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as context:
        context.setattr(moves, "place", full)
        assert here.finish(claim) == JobState.DONE, "the row says so, and that stands"
    assert not claim.lock.is_held
    assert not _is_locked(here)
    (row,) = here.queue.recover(here.owner)
    assert (row.state, here.files_of(row.key)) == (JobState.DONE, ["done"])


# --- listings


def test_a_listing_is_not_believed_when_nothing_of_it_is_there(here: World) -> None:
    key = here.submit(RUN)
    old = moves.list_files(_root(here))
    here.queue.admin.reschedule(key, priority=1)
    row, now = _row(here), str(_file(here, "queued"))
    assert old[key] != [now]
    assert moves.locate(_root(here), row, old) == [now]
    assert moves.locate(_root(here), row, {key: [now]}) == [now]
    assert moves.locate(_root(here), row, {}) == [now]
    assert moves.locate(_root(here), row) == [now]


def test_one_listing_has_the_files_of_all_jobs_that_have_not_ended(here: World) -> None:
    first, second, third = (here.submit(f"run-{number}") for number in range(3))
    here.queue.admin.cancel(third)
    here.queue.admin.reschedule(second, not_before_ns=time.time_ns() + HOUR_NS)
    claim = here.claimed()
    (here.queue.path / "queued" / "no job").touch()
    assert moves.list_files(_root(here)) == {first: [claim.path], second: [str(_file(here, "waiting"))]}
    here.finish(claim)


def test_many_jobs_are_cancelled_though_one_has_moved_since_they_were_listed(
    here: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = here.submit(RUN)
    stale = moves.list_files(_root(here))
    here.queue.admin.reschedule(key, priority=1)
    monkeypatch.setattr(moves, "list_files", lambda _: stale)
    (row,) = here.queue.admin.cancel_each([key])
    assert isinstance(row, JobRow)
    assert (row.state, here.files_of(key)) == (JobState.CANCELLED, ["cancelled"])


def test_only_a_jobs_own_files_are_found(here: World) -> None:
    key = here.submit(RUN)
    (here.queue.path / "queued" / f"{key}.json").touch()  # no name that a queued job has
    assert moves.locate(_root(here), _row(here)) == [
        str(path) for path in (here.queue.path / "queued").iterdir() if path.name.startswith("5-")
    ]


# --- what a claim finds


def test_a_job_that_is_not_ready_is_not_claimed_wherever_its_file_lies(here: World) -> None:
    key = here.submit(RUN)
    here.queue.admin.reschedule(key, not_before_ns=time.time_ns() + HOUR_NS)
    row = _row(here)
    _file(here, "waiting").rename(here.queue.path / "queued" / f"5-{layout.stamp(row.submitted_ns)}-{key}.json")
    here.queue.wake()
    assert here.claim() is None
    assert (_row(here).state, _row(here).attempt, here.files_of(key)) == (JobState.QUEUED, 0, ["waiting"])


def test_a_queued_job_that_is_to_be_cancelled_is_cancelled_and_not_run(here: World) -> None:
    key = here.submit(RUN)
    assert here.store.request_cancel(key)
    assert here.claim() is None
    assert (_row(here).state, _row(here).attempt, here.files_of(key)) == (JobState.CANCELLED, 0, ["cancelled"])


@pytest.mark.parametrize("is_known", [True, False], ids=["another queue's", "of no store's"])
def test_a_file_of_another_queue_is_put_aside_and_its_job_left_alone(tmp_path: Path, is_known: bool) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    with world(tmp_path / "one") as theirs, world(tmp_path / "two") as ours:
        ours.submit("another")
        ours.drain()
        theirs.submit(RUN)
        row, file = _row(theirs), _file(theirs, "queued")
        stores = {ours.address: ours.store, theirs.address: theirs.store}
        ours.queue._folder.parts()[1]._open_store = lambda address: stores[address]  # as one process opens both
        copy = ours.queue.path / "queued" / file.name
        shutil.copy(file, copy)
        if not is_known:
            theirs.database.query("SELECT 1")
            with theirs.database.transaction() as connection:
                connection.execute("DELETE FROM jobs")
        assert ours.claim() is None
        assert not copy.exists()
        reason = (ours.queue.path / "rejected" / f"{file.name}.reason.json").read_text()
        assert ("belongs to the queue at" in reason) is is_known
        assert ("has no such job" in reason) is not is_known
        assert theirs.store.load(row.key) == (row if is_known else None)
        assert file.exists()


def test_a_job_that_became_urgent_is_taken_first_by_whoever_was_told(here: World) -> None:
    with world(here.folder, "person") as person:
        keys = [here.submit(f"run-{number}") for number in range(4)]
        here.queue._folder.parts()[2].listing._rescan_s = 3_600.0
        assert here.claimed().key == keys[0]
        person.queue.admin.reschedule(keys[2], priority=0)
        assert here.claimed().key == keys[1], "by the listing of a moment ago"
        here.queue.wake()
        assert here.claimed().key == keys[2]


def test_a_file_that_is_still_being_copied_is_waited_for_unless_nobody_is_to_wait(tmp_path: Path) -> None:
    with closing(World(tmp_path, copy_grace_s=0.3)) as here:
        here.submit("another")
        here.drain()
        key = here.submit(RUN)
        path = _file(here, "queued")
        whole = path.read_bytes()
        path.write_bytes(whole[:20])
        here.queue.wake()
        assert here.claim(patient=False) is None
        assert path.name in here.result.left
        here.queue.wake()
        copied = threading.Timer(0.1, lambda: path.write_bytes(whole))
        copied.start()
        claim = here.claim()
        copied.join()
        assert claim is not None
        assert claim.key == key
        here.finish(claim)


# --- what a lost worker leaves


def test_the_process_of_a_lost_job_is_killed_before_the_job_is_queued_again(here: World) -> None:
    here.submit(RUN)
    claim = here.claimed()
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True) as job:
        claim.note_process(job.pid)
        claim.abandon()
        ends: list[int] = []

        def observe(kind: str, *_: object) -> None:
            if kind == "commit":
                ends.append(job.wait(PATIENCE_S))

        before = durable.set_observer(observe)
        try:
            (row,) = here.queue.recover(here.owner)
        finally:
            durable.set_observer(before)
            job.kill()
        assert (row.state, row.cause) == (JobState.QUEUED, Cause.WORKER_LOST)
    assert ends == [-signal.SIGKILL], "it is dead when the row says that the job is queued"


def test_what_a_claim_recovers_on_its_way_is_told_once(here: World) -> None:
    here.submit(RUN)
    here.claimed().abandon()
    claim = here.claimed()
    assert claim.attempt == 2
    (row,) = here.result.recovered
    assert (row.key, row.cause) == (claim.key, Cause.WORKER_LOST)
    here.finish(claim)
    assert here.claim() is None
    assert here.result.recovered == ()


def test_a_process_that_has_the_number_of_a_lost_one_is_left_alone(here: World) -> None:
    here.submit(RUN)
    claim = here.claimed()
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True) as other:
        here.store.note_process(claim.fence, other.pid, 1)  # another start
        claim.abandon()
        (row,) = here.queue.recover(here.owner)
        assert row.cause == Cause.WORKER_LOST
        time.sleep(0.05)
        assert other.poll() is None
        other.kill()


# --- the journal


def test_every_move_is_told_in_the_journal_with_its_numbers_and_why(here: World) -> None:
    key = here.submit(RUN)
    here.claimed().abandon()
    (lost,) = here.queue.recover(here.owner)
    claim = here.claimed()
    here.queue.admin.cancel(key)
    here.finish(claim, AttemptOutcome(Cause.CANCELLED, exit_code=-15))
    here.queue.admin.retry(key)
    here.queue.admin.reschedule(key, priority=1)
    here.finish(here.claimed())
    told = journal.read(str(here.queue.path / "journal"), key)
    assert [(line["move"], line.get("state"), line.get("attempt"), line.get("version")) for line in told] == [
        ("submit", "queued", 0, 1),
        ("claim", None, 1, 2),
        ("recover", "queued", 1, 3),
        ("claim", None, 2, 4),
        ("cancel requested", None, None, None),
        ("settle", "cancelled", 2, 5),
        ("retry", "queued", 2, 6),
        ("set", "queued", 2, 7),
        ("claim", None, 3, 8),
        ("settle", "done", 3, 9),
    ]
    assert told[2]["why"] == lost.message
    assert told[5]["exit"] == -15
    assert str(told[5]["why"]).startswith("cancelled: ")
    assert told[9]["why"] == "done"
    assert 0 <= told[9]["duration_s"] < 60
    assert told[9]["worker"] == here.owner.worker


def test_a_job_found_out_of_place_is_told_with_where_it_was(here: World) -> None:
    key = here.submit(RUN)
    claim = here.claimed()
    here.finish(claim)
    _file(here, "done").rename(here.queue.path / "claimed" / layout.claimed_name(key, 1, "0" * 16))
    (row,) = here.queue.recover(here.owner)
    told = journal.read(str(here.queue.path / "journal"), key)
    assert (told[-1]["move"], told[-1]["why"], told[-1]["state"]) == ("recover", "found in claimed", row.state)


# --- the flag that wakes an owner


@pytest.mark.parametrize("cause", [Cause.CANCELLED, Cause.DONE, Cause.CONFIGURATION, Cause.EXCEPTION])
def test_the_flag_of_a_request_to_stop_goes_with_the_job(here: World, cause: Cause) -> None:
    key = here.submit(RUN)
    claim = here.claimed()
    here.queue.admin.cancel(key)
    assert _flag(here).exists()
    assert claim.is_cancel_requested()
    here.finish(claim, AttemptOutcome(cause))
    assert not os.path.lexists(_flag(here))


def test_a_job_that_is_tried_again_is_not_asked_to_stop_again(here: World) -> None:
    key = here.submit(RUN)
    claim = here.claimed()
    here.queue.admin.cancel(key)
    here.finish(claim, AttemptOutcome(Cause.CANCELLED))
    _flag(here).touch()  # as whoever asked may make it a moment too late
    here.queue.admin.retry(key)
    assert not os.path.lexists(_flag(here))
    claim = here.claimed()
    assert not claim.is_cancel_requested()
    here.finish(claim)


def test_a_request_to_stop_that_comes_between_a_claims_look_and_its_commit_is_kept(here: World) -> None:
    key = here.submit(RUN)
    asked: list[bool] = []

    def observe(kind: str, *_: object) -> None:
        if kind == "rename" and not asked:  # the row has been read, and is not read again
            asked.append(here.store.request_cancel(key))

    before = durable.set_observer(observe)
    try:
        claim = here.claimed()
    finally:
        durable.set_observer(before)
    assert asked == [True]
    assert _row(here).cancel_requested
    assert here.finish(claim, AttemptOutcome(Cause.EXCEPTION)) == JobState.CANCELLED


def test_a_rerun_is_kept_with_what_its_new_manifest_says(here: World) -> None:
    here.submit(RUN)
    here.finish(here.claimed())
    job = here.job(RUN, priority=2, tags=("gpu",), limits=Limits(max_attempts=7, timeout_s=9.0))
    row = here.queue.submit(job, rerun=True).row
    assert (row.priority, row.max_attempts, row.timeout_s) == (2, 7, 9.0)
    kept = here.store.manifest(row.key)
    assert kept is not None
    assert kept == _file(here, "queued").read_text()
    manifest = manifest_file.decode(kept.encode(), "", key=row.key)
    assert (manifest.priority, manifest.tags, manifest.limits.max_attempts) == (2, ("gpu",), 7)


def test_an_unfinished_job_in_a_copy_of_another_queues_store_becomes_ours_and_stays_theirs(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    with world(tmp_path / "one") as theirs:
        key = theirs.submit(RUN)
        copy_database(tmp_path / "one" / "store.sqlite3", tmp_path / "two" / "store.sqlite3")
        with world(tmp_path / "two") as ours:
            assert ours.store.store_id == theirs.store.store_id
            assert ours.submit(RUN) == key
            assert ours.files_of(key) == ["queued"]
            here, there = _row(ours), _row(theirs)
            assert (here.queue_id, there.queue_id) == (_root(ours).queue_id, _root(theirs).queue_id)
            assert theirs.files_of(key) == ["queued"]


def test_an_unfinished_job_stays_another_queues_that_no_longer_says_where_its_store_is(here: World) -> None:
    here.submit(RUN)
    for path in (here.queue.path / "stores").iterdir():
        path.unlink()
    other = FileQueue(here.folder / "other", lambda _: here.store)
    with pytest.raises(JobError, match="queued in another queue"):
        other.submit(here.job(RUN), prepare=lambda: None)
    assert _row(here).queue_id == _root(here).queue_id
