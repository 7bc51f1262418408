"""A queue that several hosts share: who may take a job from whom, and when."""

import json
import logging
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from tests.processes.queue_world import World, leases_over, world
from themis.core.errors import ClaimLostError, JobStateError, QueueBusyError, QueueRootError
from themis.core.monitor.jobs import job_now
from themis.core.processes.identity import process_started
from themis.core.queue import AttemptOutcome, Cause, FileQueue
from themis.core.queue.folder import locks, root
from themis.core.queue.folder.lease import LEASE_S
from themis.core.queue.folder.worker_report import WorkerReport
from themis.core.queue.model import layout
from themis.core.queue.model.readiness import CLOCKS_DIFFER_NS
from themis.core.queue.model.states import JobState
from themis.core.queue.transitions import claim_liveness, moves
from themis.core.stores.job_rows import JobRow
from themis.core.stores.sqlite.jobs import SqliteJobStore

RUN = "run-1"
HALF_S = LEASE_S / 2


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[tuple[World, World]]:
    """Two hosts at one queue with one job, whose locks do not reach each other."""
    with world(tmp_path, "worker-a", host="a") as a, world(tmp_path, "worker-b", host="b") as b:
        a.submit(RUN)
        yield a, b


def _row(here: World) -> JobRow:
    row = here.store.load(here.job(RUN).key)
    assert row is not None
    return row


def _taken(here: World) -> str:
    """The job's file in `claimed/`, as if somebody had died between taking it and the commit."""
    (path,) = (here.queue.path / "queued").iterdir()
    target = here.queue.path / "claimed" / layout.claimed_name(here.job(RUN).key, 1, layout.new_token())
    path.rename(target)
    return target.name


# --- the lease


@pytest.mark.parametrize(("more_ms", "is_misdated"), [(0, False), (1, True)])
def test_a_lease_is_misdated_when_it_lasts_longer_than_any_that_is_given_by_clocks_that_differ(
    hosts: tuple[World, World], monkeypatch: pytest.MonkeyPatch, more_ms: int, is_misdated: bool
) -> None:
    a, _ = hosts
    claim, now_ms = a.claimed(), 10**12
    monkeypatch.setattr(SqliteJobStore, "clock_ms", lambda _: now_ms)
    longest_ms = LEASE_S * 1_000 + CLOCKS_DIFFER_NS // 10**6
    here = root.open_root(a.queue.path)
    assert here is not None
    row = claim.row._replace(lease_until_ms=int(now_ms + longest_ms) + more_ms)
    assert claim_liveness._is_misdated(here, a.store, row) is is_misdated


def test_a_claim_takes_its_lease_in_its_own_commit_and_any_change_ends_it(hosts: tuple[World, World]) -> None:
    a, _ = hosts
    claim = a.claimed()
    row = _row(a)
    assert claim.row == row
    assert row.lease_until_ms is not None
    assert LEASE_S - 5 < (row.lease_until_ms - a.store.clock_ms()) / 1_000 <= LEASE_S
    assert claim.lease is not None
    assert not claim.lease.is_due
    with leases_over(LEASE_S / 3 + 1):
        assert claim.lease.is_due
        assert not claim.lease.is_over
    with leases_over():
        assert claim.lease.is_over
    a.finish(claim)
    assert _row(a).lease_until_ms is None


def test_a_claim_on_a_local_queue_takes_none(tmp_path: Path) -> None:
    with world(tmp_path) as here:
        here.submit(RUN)
        claim = here.claimed()
        assert (claim.lease, _row(here).lease_until_ms) == (None, None)
        claim.renew()
        assert _row(here) == claim.row
        here.finish(claim)


def test_renewing_prolongs_the_lease_and_leaves_the_version(hosts: tuple[World, World]) -> None:
    a, _ = hosts
    claim = a.claimed()
    with leases_over(HALF_S):
        claim.renew()
        assert claim.lease is not None
        assert not claim.lease.is_due
        row = _row(a)
        assert row == claim.row._replace(lease_until_ms=row.lease_until_ms)
        assert row.lease_until_ms is not None
        assert claim.row.lease_until_ms is not None
        assert row.lease_until_ms >= claim.row.lease_until_ms + HALF_S * 1_000 - 100
    a.finish(claim)


def test_a_lease_that_is_over_and_not_taken_is_renewed_and_the_run_goes_on(hosts: tuple[World, World]) -> None:
    a, b = hosts
    claim = a.claimed()
    with leases_over():
        claim.renew()
        assert b.queue.recover(b.owner) == []
        assert a.finish(claim) == JobState.DONE
    a.assert_promise(RUN, state=JobState.DONE)


# --- recovery


def test_another_host_takes_a_job_over_when_its_lease_is_over_and_not_before(hosts: tuple[World, World]) -> None:
    a, b = hosts
    a.claimed().abandon()
    with leases_over(LEASE_S - 5):
        assert b.queue.recover(b.owner) == []
        assert b.claim() is None
        assert _row(b).state == JobState.RUNNING
    with leases_over():
        (after,) = b.queue.recover(b.owner)
    assert (after.state, after.cause, after.lost) == (JobState.QUEUED, Cause.WORKER_LOST, 1)
    assert "worker-a" in (after.message or "")
    assert b.drain() == 1
    b.assert_promise(RUN, state=JobState.DONE)


def test_the_owners_own_host_knows_by_the_lock_and_need_not_wait(hosts: tuple[World, World]) -> None:
    a, _ = hosts
    a.claimed().abandon()
    (after,) = a.queue.recover(a.owner)
    assert (after.state, after.lost) == (JobState.QUEUED, 1)


def test_a_suspended_owner_keeps_its_job_on_its_own_host_and_loses_it_to_another(hosts: tuple[World, World]) -> None:
    a, b = hosts
    claim = a.claimed()
    with leases_over():
        assert a.queue.recover(a.owner) == []
        (after,) = b.queue.recover(b.owner)
        assert after.state == JobState.QUEUED
    with pytest.raises(ClaimLostError):
        claim.renew()
    with pytest.raises(ClaimLostError):
        a.finish(claim)
    assert b.drain() == 1
    b.assert_promise(RUN, state=JobState.DONE)


def test_a_machine_that_was_started_anew_is_another_host(hosts: tuple[World, World], tmp_path: Path) -> None:
    a, _ = hosts
    a.claimed().abandon()
    with world(tmp_path, "later", host="a") as again:
        again._machine = ("a", "another-boot")
        with again.at_home():
            again.owner = type(again.owner)("later", "a", "another-boot", 1, 1)
            assert again.queue.recover(again.owner) == []
            with leases_over():
                assert len(again.queue.recover(again.owner)) == 1


def test_a_lease_that_is_renewed_in_the_middle_of_a_recovery_holds(
    hosts: tuple[World, World], monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = hosts
    claim = a.claimed()
    take = moves.take

    def take_late(*arguments: object) -> object:
        claim.renew()
        return take(*arguments)  # type: ignore[arg-type]

    with leases_over():
        monkeypatch.setattr(moves, "take", take_late)
        assert b.queue.recover(b.owner) == []
        monkeypatch.undo()
        assert a.finish(claim) == JobState.DONE
        b.queue.recover(b.owner)
        with leases_over():
            b.queue.recover(b.owner)
    a.assert_promise(RUN, state=JobState.DONE)


def test_a_file_in_claimed_whose_job_has_no_lease_is_left_until_it_has_been_seen_for_a_leases_time(
    hosts: tuple[World, World],
) -> None:
    a, b = hosts
    _taken(a)
    assert b.queue.recover(b.owner) == []
    with leases_over(LEASE_S - 5):
        assert b.queue.recover(b.owner) == []
        assert a.queue.recover(a.owner) == [], "a host goes by what it has seen itself"
    with leases_over():
        (after,) = b.queue.recover(b.owner)
    assert (after.state, after.attempt, after.lost) == (JobState.QUEUED, 0, 0)
    assert b.drain() == 1
    b.assert_promise(RUN, state=JobState.DONE)


def test_what_one_process_of_a_host_has_seen_the_next_one_knows(hosts: tuple[World, World], tmp_path: Path) -> None:
    a, b = hosts
    _taken(a)
    assert b.queue.recover(b.owner) == []
    with leases_over(), world(tmp_path, "next", host="b") as after:
        assert len(after.queue.recover(after.owner)) == 1
        assert list((after.queue.path / "tmp").iterdir()) == []


@pytest.mark.parametrize("text", ["", "soon", "nan", "-5", "1e300", "9" * 100_000])
def test_a_note_of_what_was_seen_that_makes_no_sense_is_written_anew(hosts: tuple[World, World], text: str) -> None:
    a, b = hosts
    _taken(a)
    assert b.queue.recover(b.owner) == []
    (seen,) = (b.queue.path / "tmp").iterdir()
    seen.write_text(text)
    with leases_over():
        assert b.queue.recover(b.owner) == []
    assert float(seen.read_text()) >= 0


def test_a_file_that_is_in_hand_here_is_left_however_long_it_lies(hosts: tuple[World, World]) -> None:
    a, b = hosts
    _taken(a)
    assert b.queue.recover(b.owner) == []
    lock = locks.acquire(b.folder / "locks-of-b", b.job(RUN).key)
    assert lock is not None
    for _ in range(3):
        with leases_over():
            assert b.queue.recover(b.owner) == []
    lock.release()


def test_a_claimed_file_of_an_ended_job_is_put_right_in_the_end(hosts: tuple[World, World]) -> None:
    a, b = hosts
    a.finish(a.claimed())
    done = a.queue.path / "done" / f"{a.job(RUN).key}.json"
    done.rename(a.queue.path / "claimed" / layout.claimed_name(a.job(RUN).key, 1, "0" * 16))
    assert b.queue.recover(b.owner) == []
    with leases_over():
        assert [row.state for row in b.queue.recover(b.owner)] == [JobState.DONE]
    b.assert_promise(RUN, state=JobState.DONE)


def test_an_owner_without_a_lease_is_left_in_peace_as_long(hosts: tuple[World, World]) -> None:
    a, b = hosts
    claim = a.claimed()
    with a.database.transaction() as connection:  # as one that took the queue for a local one
        connection.execute("UPDATE jobs SET lease_until_ms = NULL")
    assert b.queue.recover(b.owner) == []
    with leases_over(LEASE_S - 5):
        assert b.queue.recover(b.owner) == []
    with leases_over():
        assert len(b.queue.recover(b.owner)) == 1
    claim.abandon()


def test_a_lease_counts_also_for_a_host_that_takes_the_queue_for_a_local_one(
    hosts: tuple[World, World], tmp_path: Path
) -> None:
    a, _ = hosts
    claim = a.claimed()
    (tmp_path / "queue" / "queue.json").write_text(json.dumps({"format": 1, "queue_id": claim.row.queue_id}))
    with world(tmp_path, "server") as server:
        assert server.queue.recover(server.owner) == []
        with leases_over():
            assert len(server.queue.recover(server.owner)) == 1
    claim.abandon()


# --- every other way in which a job might be taken from its owner


def test_a_leftover_in_queued_of_a_job_that_runs_elsewhere_is_no_proof_of_a_lost_worker(
    hosts: tuple[World, World],
) -> None:
    a, b = hosts
    claim = a.claimed()
    leftover = b.queue.path / "queued" / f"5-{layout.stamp(7)}-{claim.key}.json"
    leftover.write_text(a.store.manifest(claim.key) or "")
    assert b.claim() is None
    assert _row(b).version == claim.version
    assert a.finish(claim) == JobState.DONE
    assert b.claim() is None
    b.assert_promise(RUN, state=JobState.DONE)


def test_cancelling_what_runs_elsewhere_asks_its_owner(hosts: tuple[World, World]) -> None:
    a, b = hosts
    claim = a.claimed()
    with b.at_home():
        row = b.queue.admin.cancel(claim.key)
    assert (row.state, row.cancel_requested, row.version) == (JobState.RUNNING, True, claim.version)
    (a.queue.path / "cancel" / claim.key).unlink()  # as a client's cache may hide it
    assert claim.is_cancel_requested()
    a.finish(claim, AttemptOutcome(Cause.CANCELLED))
    a.assert_promise(RUN, state=JobState.CANCELLED)


def test_a_cancel_that_another_hosts_claim_forestalls_becomes_a_request(
    hosts: tuple[World, World], monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = hosts
    take, claims = moves.take, []

    def claimed_meanwhile(*arguments: object) -> object:
        monkeypatch.undo()
        claims.append(a.claimed())
        return take(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(moves, "take", claimed_meanwhile)
    with b.at_home():
        row = b.queue.admin.cancel(a.job(RUN).key)
    assert (row.state, row.cancel_requested) == (JobState.RUNNING, True)
    assert a.finish(claims[0], AttemptOutcome(Cause.TRANSIENT)) == JobState.CANCELLED
    a.assert_promise(RUN, state=JobState.CANCELLED)


def test_retrying_what_runs_elsewhere_is_refused(hosts: tuple[World, World]) -> None:
    a, b = hosts
    claim = a.claimed()
    for send in (b.queue.admin.retry, b.queue.admin.rerun):
        with pytest.raises(JobStateError):
            send(claim.key)
    assert a.finish(claim) == JobState.DONE


@pytest.mark.parametrize("file", ["there", "vanished"])
def test_the_doctor_leaves_what_runs_elsewhere_to_its_owner(hosts: tuple[World, World], file: str) -> None:
    a, b = hosts
    claim = a.claimed()
    if file == "vanished":
        Path(claim.path).unlink()
    with b.at_home():
        b.queue.admin.doctor()
    assert (_row(b).state, _row(b).version) == (JobState.RUNNING, claim.version)
    assert a.finish(claim) == JobState.DONE
    b.assert_promise(RUN, state=JobState.DONE)


def test_a_bad_file_of_a_job_that_runs_elsewhere_does_not_end_it(hosts: tuple[World, World]) -> None:
    a, b = hosts
    claim = a.claimed()
    Path(claim.path).write_text('{"format": 1, "nonsense": true}')
    b.queue.recover(b.owner)
    assert (_row(b).state, _row(b).version) == (JobState.RUNNING, claim.version)
    claim.abandon()
    with leases_over():
        b.queue.recover(b.owner)
    assert (_row(b).state, _row(b).cause) == (JobState.FAILED, Cause.INVALID_MANIFEST)


def test_two_hosts_that_submit_the_same_at_once_submit_one_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with world(tmp_path, host="a") as a, world(tmp_path, host="b") as b:
        a.submit("another")
        key, load, prepared = a.job(RUN).key, a.store.load, []

        def submitted_meanwhile(wanted: str) -> JobRow | None:
            row = load(wanted)
            if wanted == key and row is None:
                monkeypatch.undo()
                b.submit(RUN)
            return row

        monkeypatch.setattr(a.store, "load", submitted_meanwhile)
        submission = a.queue.submit(a.job(RUN), prepare=lambda: prepared.append(RUN))
        assert (submission.created, prepared, submission.row.key) == (False, [], key)
        assert a.files_of(key) == ["queued"]
        assert a.drain() == 2
        a.assert_promise(RUN, state=JobState.DONE)


def test_a_rerun_that_another_host_forestalls_writes_nothing(
    hosts: tuple[World, World], monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = hosts
    a.finish(a.claimed())
    take, prepared = moves.take, []

    def rerun_meanwhile(*arguments: object) -> object:
        taken = take(*arguments)  # type: ignore[arg-type]
        with a.database.transaction() as connection:
            connection.execute("UPDATE jobs SET version = version + 1")
        return taken

    monkeypatch.setattr(moves, "take", rerun_meanwhile)
    before = b.store.manifest(a.job(RUN).key)
    with pytest.raises(QueueBusyError):
        b.queue.submit(b.job(RUN, priority=1), prepare=lambda: prepared.append(RUN), rerun=True)
    assert prepared == []
    assert b.store.manifest(a.job(RUN).key) == before
    assert _row(b).state == JobState.DONE


# --- a stale owner


def test_a_stale_owner_says_once_in_journal_and_log_that_it_was_fenced(
    hosts: tuple[World, World], caplog: pytest.LogCaptureFixture
) -> None:
    a, b = hosts
    stale = a.claimed()
    with leases_over():
        b.queue.recover(b.owner)
        current = b.claimed()
    with caplog.at_level(logging.WARNING, "themis.queue"), pytest.raises(ClaimLostError):
        a.finish(stale)
    stale.lose()
    assert not stale.lock.is_held
    (line,) = [line for line in a.queue.admin.show(stale.key).journal if line["move"] == "fenced"]
    assert line["worker"] == "worker-a"
    assert (
        "attempt 1 of worker worker-a had lost the job, which is running, attempt 2 of worker worker-b" in line["why"]
    )
    (record,) = caplog.records
    assert stale.key in record.getMessage()
    assert "\n" not in record.getMessage()
    assert a.results_of(RUN) == 0
    assert b.finish(current) == JobState.DONE
    b.assert_promise(RUN, state=JobState.DONE)


def test_show_tells_by_the_lease_whether_a_job_elsewhere_lives(hosts: tuple[World, World]) -> None:
    a, b = hosts
    claim = a.claimed()
    with b.at_home():
        assert b.queue.admin.show(claim.key).alive
        with leases_over():
            assert not b.queue.admin.show(claim.key).alive
            with a.at_home():
                assert a.queue.admin.show(claim.key).alive, "its lock is held here"
    a.finish(claim)


# --- the folder


def test_a_queue_on_a_network_filesystem_is_shared_and_says_so_to_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with world(tmp_path) as here:
        monkeypatch.setattr(root, "network_filesystem", lambda _: "nfs4")
        here.submit(RUN)
        monkeypatch.undo()
        document = json.loads((here.queue.path / "queue.json").read_text())
        assert (document["shared"], document["lease_s"], document["format"]) == (True, LEASE_S, 1)
        with world(tmp_path, "another") as other:
            claim = other.claimed()
            assert claim.lease is not None
            other.finish(claim)


def test_a_local_queue_that_is_later_seen_over_a_network_is_marked_as_shared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with world(tmp_path) as here:
        here.submit(RUN)
        file = here.queue.path / "queue.json"
        old = {"format": 1, "queue_id": json.loads(file.read_text())["queue_id"], "extra": [1]}
        file.write_text(json.dumps(old))  # as it was before there were leases
        found = root.open_root(here.queue.path, write=False)
        assert found is not None
        assert (found.shared, found.lease_s) == (False, LEASE_S)
        monkeypatch.setattr(root, "network_filesystem", lambda _: "fuse.sshfs")
        found = root.open_root(here.queue.path, write=False)
        assert found is not None
        assert found.shared
        assert json.loads(file.read_text()) == old, "who only looks changes nothing"
        root.open_root(here.queue.path)
        monkeypatch.undo()
        found = root.open_root(here.queue.path)
        assert found is not None
        assert found.shared
        place = json.loads(file.read_text())["place"]
        assert json.loads(file.read_text()) == old | {"shared": True, "lease_s": LEASE_S, "place": place}


def test_all_go_by_the_lease_that_the_queues_file_names(hosts: tuple[World, World], tmp_path: Path) -> None:
    file = tmp_path / "queue" / "queue.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"lease_s": 5}))
    with world(tmp_path, host="c") as c:
        claim = c.claimed()
        assert claim.lease is not None
        assert claim.lease.seconds == 5
        row = _row(c)
        assert 0 < (row.lease_until_ms or 0) - c.store.clock_ms() <= 5_000
        c.finish(claim)


@pytest.mark.parametrize("lease", ['"60"', "true", "null", "0", "-1", "NaN", "1e9", "[]"])
def test_a_lease_that_is_no_sensible_time_is_one_clear_line(tmp_path: Path, lease: str) -> None:
    with world(tmp_path) as here:
        here.submit(RUN)
        (here.queue.path / "queue.json").write_text(f'{{"format": 1, "queue_id": "q", "lease_s": {lease}}}')
        with pytest.raises(QueueRootError, match="lease_s") as caught:
            FileQueue(here.queue.path, lambda _: here.store).claim(here.owner)
        assert "\n" not in str(caught.value)


def test_a_shared_folder_is_listed_less_often(tmp_path: Path) -> None:
    for shared, least_s, most_s in ((False, 0.5, 1.5), (True, 5.0, 15.0)):
        with world(tmp_path / str(shared), shared=shared) as here:
            queue = FileQueue(here.queue.path, lambda _, here=here: here.store, shared=shared)  # type: ignore[misc]
            queue.submit(here.job(RUN))
            claim = queue.claim(here.owner).claim
            assert claim is not None
            _, _, next_job = queue._folder.parts()
            for _ in range(50):
                next_job.listing.fill(time.time_ns())
                assert least_s <= next_job.listing._old_at - time.monotonic() <= most_s
            claim.abandon()


# --- two machines of one name


def _register(here: World, **facts: object) -> None:
    report = WorkerReport("other", "a", "another", 1, 1, "4", time.time_ns(), time.time_ns())
    document = asdict(report) | facts
    (here.queue.path / "workers" / "other.json").write_text(json.dumps(document))


def test_a_second_machine_of_the_same_name_is_refused_by_its_heartbeat(hosts: tuple[World, World]) -> None:
    a, b = hosts
    _register(a)
    with pytest.raises(QueueRootError, match=r"another machine with the host name 'a' .*worker other.*again in \d+ s"):
        a.queue.refuse_hostname_clash(a.owner)
    b.queue.refuse_hostname_clash(b.owner)


@pytest.mark.parametrize(
    "facts",
    [
        {"heartbeat_ns": time.time_ns() - int(LEASE_S * 1.1e9)},
        {"boot_id": "boot-of-a"},
        {"boot_id": ""},
        {"host": "c"},
        {"heartbeat_ns": "soon"},
        {"heartbeat_ns": None},
        {"heartbeat_ns": float("inf")},
    ],
)
def test_what_proves_no_second_machine_refuses_nobody(hosts: tuple[World, World], facts: dict[str, object]) -> None:
    a, _ = hosts
    _register(a, **facts)
    for name, text in {"torn": "{", "list": "[]", "deep": "[" * 9_000}.items():
        (a.queue.path / "workers" / f"{name}.json").write_text(text)
    (a.queue.path / "workers" / "link.json").symlink_to("/dev/zero")
    a.queue.refuse_hostname_clash(a.owner)


def test_a_second_machine_of_the_same_name_is_refused_by_the_lease_of_its_job(hosts: tuple[World, World]) -> None:
    a, b = hosts
    claim = a.claimed()
    twin = type(a.owner)("twin", "a", "another-boot", 1, 1)
    with pytest.raises(QueueRootError, match="worker worker-a"):
        b.queue.refuse_hostname_clash(twin)
    with leases_over():
        b.queue.refuse_hostname_clash(twin)
    a.queue.refuse_hostname_clash(a.owner)
    a.finish(claim)
    b.queue.refuse_hostname_clash(twin)


def test_on_a_local_queue_names_do_not_matter(tmp_path: Path) -> None:
    with ExitStack() as stack:
        here = stack.enter_context(world(tmp_path))
        here.queue.refuse_hostname_clash(here.owner)
        here.submit(RUN)
        _register(here, host=here.owner.host)
        here.queue.refuse_hostname_clash(here.owner)


def test_a_suspended_process_here_says_nothing_of_a_worker_elsewhere_that_has_its_number(
    hosts: tuple[World, World],
) -> None:
    a, b = hosts
    child = subprocess.Popen(["/bin/sleep", "60"])
    os.kill(child.pid, signal.SIGSTOP)
    os.waitid(os.P_PID, child.pid, os.WSTOPPED)
    a.owner = replace(a.owner, pid=child.pid, pid_started=process_started(child.pid) or 0)
    claim = a.claimed()
    try:
        told = {}
        for here in (a, b):
            with here.at_home():
                told[here.owner.host] = _words(here, claim.key)
        assert told == {"a": ["suspended"], "b": []}
        with b.at_home(), leases_over():
            assert _words(b, claim.key) == ["worker lost"]
    finally:
        child.kill()
        child.wait()
    a.finish(claim)


def _words(here: World, key: str) -> list[str]:
    return [reason.word for reason in job_now(here.queue, key).reasons]


def test_the_doctor_who_only_looks_leaves_what_may_be_in_the_middle_of_a_move_and_nothing_else(
    hosts: tuple[World, World],
) -> None:
    a, _ = hosts
    key = a.job(RUN).key
    (path,) = (a.queue.path / "queued").iterdir()
    taken = path.rename(a.queue.path / "claimed" / layout.claimed_name(key, 0, layout.new_token()))
    assert a.queue.admin.doctor(fix=False) == [], "only time will tell"
    taken.rename(a.queue.path / "done" / f"{key}.json")
    (finding,) = a.queue.admin.doctor(fix=False)
    assert (finding.what, finding.problem, finding.fixed) == (key, "its file was in done", False)
    assert a.files_of(key) == ["done"]
