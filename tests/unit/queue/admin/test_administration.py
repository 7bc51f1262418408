"""What people ask of a queue, seen from the folder and the rows."""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes.queue_world import World, later, world
from themis.core.errors import (
    AmbiguousJobError,
    JobError,
    JobStateError,
    QueueBusyError,
    StoreError,
    UnknownJobError,
)
from themis.core.queue import AttemptOutcome, Cause, FileQueue
from themis.core.queue.admin.administration import JobProblem
from themis.core.queue.folder import journal, listing, locks
from themis.core.queue.model.layout import PRUNABLE
from themis.core.queue.model.states import JobState

HOUR_NS = 3_600_000_000_000


@pytest.fixture
def here(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path) as opened:
        yield opened


def everything(here: World) -> dict[str, int]:
    return {name: count for name, count in here.queue.admin.counts().items() if count}


def prune(here: World) -> list[str]:
    found = here.queue.admin.prunable(PRUNABLE, time.time_ns() + HOUR_NS)
    return [item.name for item in here.queue.admin.prune(found)]


# --- many at once


def test_many_jobs_are_cancelled_and_what_stops_one_does_not_stop_the_others(here: World) -> None:
    keys = [here.submit(f"run-{number}") for number in range(5)]
    found = list(here.queue.admin.cancel_each([*keys[:3], "ffff", *keys[3:]]))
    assert [row.state for row in found if not isinstance(row, JobProblem)] == [JobState.CANCELLED] * 5
    (problem,) = [row for row in found if isinstance(row, JobProblem)]
    assert (problem.key, type(problem.error)) == ("ffff", UnknownJobError)
    assert everything(here) == {"cancelled": 5}
    retried = list(here.queue.admin.retry_each(keys))
    assert {row.state for row in retried if not isinstance(row, JobProblem)} == {JobState.QUEUED}
    assert everything(here) == {"queued": 5}


def test_a_listing_that_has_grown_old_loses_no_job(here: World, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = [here.submit("run-1"), here.submit("run-2")]
    each = here.queue.admin.cancel_each(keys)
    next(each)
    here.queue.admin.reschedule(keys[1], priority=1)  # its file has another name now
    (row,) = each
    assert not isinstance(row, JobProblem)
    assert (row.state, here.files_of(keys[1])) == (JobState.CANCELLED, ["cancelled"])


def test_jobs_are_selected_by_the_beginning_of_their_keys_and_by_their_states(here: World) -> None:
    keys = sorted(here.submit(f"run-{number}") for number in range(20))
    here.queue.admin.cancel(keys[3])
    assert [row.key for row in here.queue.admin.select()] == keys
    assert [row.key for row in here.queue.admin.select(states={JobState.CANCELLED})] == [keys[3]]
    assert [row.key for row in here.queue.admin.select(keys[0][:1])] == [key for key in keys if key[0] == keys[0][0]]


# --- another place in the order


def test_a_queued_job_gets_another_priority_and_keeps_its_place_within_it(here: World) -> None:
    first, second, third = (here.submit(f"run-{number}") for number in range(3))
    assert here.queue.admin.reschedule(third[:12], priority=0).priority == 0
    assert [here.claimed().key for _ in range(3)] == [third, first, second]


def test_a_queued_job_waits_for_a_time_and_is_let_go_again(here: World) -> None:
    key = here.submit("run-1")
    here.queue.admin.reschedule(key, not_before_ns=time.time_ns() + HOUR_NS)
    assert (here.files_of(key), here.claim()) == (["waiting"], None)
    here.queue.admin.reschedule(key, priority=2)
    (name,) = (path.name for path in (here.queue.path / "waiting").iterdir())
    assert f"-2-{key}.json" in name
    row = here.queue.admin.reschedule(key, not_before_ns=time.time_ns())
    assert (row.ready_ns, here.files_of(key), here.claimed().key) == (None, ["queued"], key)


def test_a_job_that_waits_after_a_failure_can_be_hurried_and_its_failures_still_count(here: World) -> None:
    key = here.submit("run-1")
    here.finish(here.claimed(), AttemptOutcome(Cause.TRANSIENT))
    row = here.queue.admin.reschedule(key, not_before_ns=0)
    assert (row.failures, row.attempt, here.files_of(key)) == (1, 1, ["queued"])


def test_what_runs_or_has_ended_cannot_be_given_another_place(here: World) -> None:
    key = here.submit("run-1")
    held = here.claimed()
    with pytest.raises(JobStateError, match="is running: only a queued job"):
        here.queue.admin.reschedule(key, priority=0)
    here.finish(held)
    with pytest.raises(JobStateError, match="is done: only a queued job"):
        here.queue.admin.reschedule(key, priority=0)
    assert here.files_of(key) == ["done"]


@pytest.mark.parametrize("facts", [{"priority": 10}, {"priority": -1}, {"not_before_ns": -1}, {"not_before_ns": 2**63}])
def test_a_place_that_no_job_can_have_is_refused_and_nothing_changes(here: World, facts: dict[str, int]) -> None:
    key = here.submit("run-1")
    with pytest.raises(JobError, match=r"priority|out of range"):
        here.queue.admin.reschedule(key, **facts)
    row = here.store.load(key)
    assert row is not None
    assert row.version == 1


def test_a_job_in_somebodys_hands_is_not_rescheduled(here: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("themis.core.queue.admin.job_commands._LOCK_WAIT_S", 0.0)
    key = here.submit("run-1")
    lock = locks.acquire(here.queue.path / "locks", key)
    assert lock is not None
    with pytest.raises(QueueBusyError):
        here.queue.admin.reschedule(key, priority=0)
    lock.release()


# --- pause


def test_a_pause_says_who_made_it_when_and_why(here: World) -> None:
    here.submit("run-1")
    assert here.queue.paused is None
    made = here.queue.admin.pause("the endpoint is down")
    assert here.queue.paused == made
    assert made.by is not None
    assert "@" in made.by
    assert (made.reason, abs(made.at_ns - time.time_ns()) < HOUR_NS) == ("the endpoint is down", True)
    assert here.claim() is None
    assert (here.queue.admin.resume(), here.queue.admin.resume(), here.queue.paused) == (True, False, None)
    assert here.claim() is not None


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"[" * 100_000,
        b'{"by": 7, "reason": [], "at_ns": 1e400}',
        b'{"at_ns": -5}',
        b'{"at_ns": 99999999999999999999999999999999}',
        b'{"at_ns": true}',
        b"\xff" * 99,
    ],
)
def test_a_file_that_says_nothing_pauses_all_the_same(here: World, content: bytes) -> None:
    here.submit("run-1")
    (here.queue.path / "paused").write_bytes(content)
    found = here.queue.paused
    assert found is not None
    assert (found.by, found.reason, found.at_ns > 0) == (None, None, True)
    assert abs(found.at_ns - time.time_ns()) < HOUR_NS
    assert here.claim() is None


def test_a_pause_that_is_a_pipe_a_link_or_a_folder_is_not_read(here: World, tmp_path: Path) -> None:
    here.submit("run-1")
    secret = tmp_path / "secret"
    secret.write_text(json.dumps({"by": "secret"}))
    paused = here.queue.path / "paused"
    os.mkfifo(paused)
    assert _unknown(here)
    paused.unlink()
    paused.symlink_to(secret)
    assert _unknown(here)
    paused.unlink()
    paused.mkdir()
    assert _unknown(here)


def _unknown(here: World) -> bool:
    found = here.queue.paused
    return found is not None and found.by is None


# --- prune


def test_what_ended_is_pruned_and_what_did_not_is_left(here: World) -> None:
    done, failed, queued = (here.submit(f"run-{number}") for number in range(3))
    here.finish(here.claimed())
    here.finish(here.claimed(), AttemptOutcome(Cause.CONFIGURATION, "why"))
    log = here.queue.path / "logs" / done / "1.log"
    log.parent.mkdir()
    log.write_text("x" * 1_000)
    found = list(here.queue.admin.prunable(PRUNABLE, time.time_ns() + HOUR_NS))
    assert [(item.name, item.state) for item in found] == sorted([(done, "done"), (failed, "failed")])
    assert next(item for item in found if item.name == done).size_bytes > 1_000
    assert everything(here) == {"queued": 1, "done": 1, "failed": 1}, "looking changes nothing"
    assert [item.name for item in here.queue.admin.prune(found)] == sorted([done, failed])
    assert everything(here) == {"queued": 1}
    assert [path for path in here.queue.path.rglob("*") if done in path.name or failed in path.name] == []
    assert here.queue.admin.doctor() == []
    assert [row.key for row in here.queue.admin.select()] == [queued]
    assert here.results_of("run-0") == 1
    row = here.store.load(failed)
    assert row is not None
    assert (row.state, row.message, len(here.store.attempts(failed))) == (JobState.FAILED, "why", 1)
    with pytest.raises(UnknownJobError):
        here.queue.admin.show(done)


def test_only_what_is_old_enough_and_in_the_states_that_were_named_is_pruned(here: World) -> None:
    here.submit("run-1")
    here.finish(here.claimed())
    assert list(here.queue.admin.prunable(PRUNABLE, time.time_ns() - HOUR_NS)) == []
    assert list(here.queue.admin.prunable({"failed"}, time.time_ns() + HOUR_NS)) == []
    assert len(list(here.queue.admin.prunable({"done"}, time.time_ns() + HOUR_NS))) == 1


def test_an_experiment_that_was_pruned_comes_back_as_it_ended_and_its_numbers_go_on(here: World) -> None:
    key = here.submit("run-1")
    here.finish(here.claimed())
    before = here.store.load(key)
    assert before is not None
    assert prune(here) == [key]
    again = here.queue.submit(here.job("run-1"))
    assert (again.state, again.created, again.row.attempt) == (JobState.DONE, False, 1)
    assert again.row.version > before.version
    here.assert_promise("run-1", state=JobState.DONE)
    assert prune(here) == [key]
    here.submit("run-1", rerun=True)
    assert here.claimed().attempt == 2


def test_a_stale_worker_of_a_pruned_job_can_change_nothing(here: World) -> None:
    key = here.submit("run-1")
    here.claimed().abandon()
    stale = here.queue.admin.show(key).row
    here.queue.recover(here.owner)
    here.queue.admin.cancel(key)
    prune(here)
    assert here.store.change(stale.fence, lambda row: pytest.fail("changed")) is None


def test_a_job_that_changed_after_it_was_looked_at_is_not_pruned(here: World) -> None:
    key = here.submit("run-1")
    here.queue.admin.cancel(key)
    found = list(here.queue.admin.prunable(PRUNABLE, time.time_ns() + HOUR_NS))
    here.queue.admin.retry(key)
    assert here.queue.admin.prune(found) == []
    here.queue.admin.cancel(key)
    assert here.queue.admin.prune(found) == [], "it has ended again, and since then not long ago"
    here.assert_promise("run-1", state=JobState.CANCELLED)


def test_rejected_files_are_pruned_with_their_reasons(here: World) -> None:
    here.submit("run-1")
    here.finish(here.claimed())
    for name in ("bad.json", "0-worse"):
        (here.queue.path / "queued" / name).write_text("{")
    (here.queue.path / "queued" / "folder").mkdir()
    (here.queue.path / "queued" / "folder" / "file").write_text("x")
    with later():
        assert here.claim() is None
    assert here.queue.admin.counts()["rejected"] == 3
    assert list(here.queue.admin.prunable({"rejected"}, time.time_ns() - HOUR_NS)) == []
    names = [
        item.name for item in here.queue.admin.prune(here.queue.admin.prunable({"rejected"}, time.time_ns() + HOUR_NS))
    ]
    assert sorted(names) == ["0-worse", "bad.json", "folder"]
    assert list((here.queue.path / "rejected").iterdir()) == []


def test_many_jobs_are_pruned_in_batches(here: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("themis.core.queue.admin.pruning._BATCH", 3)
    keys = {here.submit(f"run-{number}") for number in range(8)}
    list(here.queue.admin.cancel_each(keys))
    assert set(prune(here)) == keys
    assert everything(here) == {}


# --- doctor and show


def test_the_doctor_who_only_looks_says_what_the_other_would_do_and_changes_nothing(here: World) -> None:
    keys = [here.submit(f"run-{number}") for number in range(4)]
    here.claimed().abandon()
    (vanished,) = here.queue.path.glob(f"queued/*{keys[1]}.json")
    vanished.unlink()
    (misplaced,) = here.queue.path.glob(f"queued/*{keys[2]}.json")
    misplaced.rename(here.queue.path / "done" / f"{keys[2]}.json")
    (here.queue.path / "queued" / "0-bad").write_text("{")
    old = here.queue.path / "tmp" / ".old"
    old.touch()
    os.utime(old, (1, 1))
    before = sorted(map(str, here.queue.path.rglob("*")))
    versions = [row.version for row in here.queue.admin.select()]
    looked = here.queue.admin.doctor(fix=False)
    assert sorted(map(str, here.queue.path.rglob("*"))) == before
    assert [row.version for row in here.queue.admin.select()] == versions
    assert {finding.what for finding in looked} == {keys[0], keys[1], keys[2], "0-bad", str(old)}
    assert not any(finding.fixed for finding in looked)
    fixed = {finding.what: finding for finding in here.queue.admin.doctor()}
    for finding in looked:
        if finding.action is not None:
            assert (fixed[finding.what].problem, fixed[finding.what].action) == (finding.problem, finding.action)
            assert fixed[finding.what].fixed
    assert here.queue.admin.doctor(fix=False) == []


def test_the_doctor_who_only_looks_raises_no_numbers(here: World) -> None:
    key = here.submit("run-1")
    journal.note(here.queue.path / "journal", key, "claim", attempt=3, version=9)
    (looked,) = here.queue.admin.doctor(fix=False)
    assert (looked.what, looked.action, looked.fixed) == (
        key,
        "continues from there, with numbers above all that were used",
        False,
    )
    assert here.queue.admin.show(key).row.version == 1
    (fixed,) = here.queue.admin.doctor()
    assert (fixed.problem, fixed.fixed, here.queue.admin.show(key).row.attempt) == (looked.problem, True, 3)
    assert here.queue.admin.doctor(fix=False) == []


def test_a_job_whose_store_cannot_be_opened_is_shown_as_its_file_tells(here: World) -> None:
    key = here.submit("run-1")

    def refuse(address: object) -> World:
        raise StoreError(path="/mnt/gone.sqlite3", detail="is not there")

    elsewhere = FileQueue(here.queue.path, refuse)  # type: ignore[arg-type]
    details = elsewhere.admin.show(key[:6])
    assert (details.row.key, details.row.state, details.row.run_id) == (key, JobState.QUEUED, "run-1")
    assert details.store_error == "/mnt/gone.sqlite3: is not there"
    with pytest.raises(UnknownJobError):
        elsewhere.admin.show("0" * 16)
    for number in range(20):
        here.submit(f"other-{number}")
    with pytest.raises(AmbiguousJobError):
        elsewhere.admin.show("")


def test_how_many_jobs_go_before_counts_those_whose_time_has_come(here: World) -> None:
    first, second, third = (here.submit(f"run-{number}") for number in range(3))
    assert [here.queue.admin.jobs_before(here.queue.admin.show(key)) for key in (first, second, third)] == [0, 1, 2]
    here.queue.admin.reschedule(first, not_before_ns=time.time_ns() + HOUR_NS)
    assert here.queue.admin.jobs_before(here.queue.admin.show(third)) == 1
    here.queue.admin.reschedule(first, priority=0)
    with later(7_200):
        assert here.queue.admin.jobs_before(here.queue.admin.show(third)) == 2


def test_a_job_whose_manifest_the_store_has_lost_is_shown_without_what_it_said(here: World) -> None:
    key = here.queue.submit(here.job("run-1", tags=("gpu",))).row.key
    assert here.queue.admin.show(key).tags == ("gpu",)
    with here.database.transaction() as connection:
        connection.execute("DELETE FROM job_manifests")
    assert here.queue.admin.show(key).tags == ()
    assert here.queue.admin.show(key).row.run_id == "run-1"


def test_nothing_is_before_a_job_that_does_not_wait(here: World) -> None:
    keys = [here.submit(f"run-{number}") for number in range(3)]
    root = here.queue._folder.parts()[0]
    assert [here.queue.admin.jobs_before(here.queue.admin.show(key)) for key in keys] == [0, 1, 2]
    assert listing.count_before(root, []) == 0
    taken = here.claimed()
    assert here.queue.admin.jobs_before(here.queue.admin.show(taken.key)) == 0
    here.finish(taken)
    assert here.queue.admin.jobs_before(here.queue.admin.show(taken.key)) == 0
    assert [here.queue.admin.jobs_before(here.queue.admin.show(key)) for key in keys[1:]] == [0, 1]
