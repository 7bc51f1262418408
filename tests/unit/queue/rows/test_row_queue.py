"""A queue of rows: which job is next and for whom, whose it is, and what is left of it."""

import os
import select
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.processes.row_world import RowWorld, clocked_url
from tests.support.older_store import undoing
from themis.core.errors import ClaimLostError, JobError, StoreAwayError
from themis.core.queue import AttemptOutcome, Cause, ClaimPolicy, FileQueue, StoreAddress
from themis.core.queue.folder.lease import LEASE_S
from themis.core.queue.model import states
from themis.core.queue.model.states import JobState
from themis.core.queue.port import JobClaim
from themis.core.queue.rows.kept_log import KEPT_BYTES
from themis.core.queue.rows.this_host import FOLDER_VARIABLE
from themis.core.stores.postgres.queues.rows import PostgresQueueRows
from themis.core.stores.postgres.tables import SCHEMA_VERSION
from themis.core.stores.queues.port import ClaimedRow, NextClaim

pytestmark = pytest.mark.slow

_NS = 1_000_000_000


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What this host keeps of queues is in the test's folder."""
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "queues"))
    return tmp_path / "queues"


@pytest.fixture
def url() -> str:
    return clocked_url()


@pytest.fixture
def here(url: str) -> Iterator[RowWorld]:
    with closing(RowWorld(url)) as world:
        yield world


@pytest.fixture
def elsewhere(url: str) -> Iterator[RowWorld]:
    """The same queue as a process of another host sees it."""
    with closing(RowWorld(url, "far")) as world:
        world.as_host("far")
        yield world


def submit(here: RowWorld, run_id: str, **facts: object) -> str:
    return here.queue.submit(here.job(run_id, **facts), prepare=lambda: here._make_run(run_id)).row.key


def claimed(here: RowWorld) -> JobClaim:
    claim = here.claim()
    assert claim is not None
    return claim


def order(here: RowWorld) -> list[str]:
    found = []
    while claim := here.claim():
        found.append(claim.row.run_id)
        here.finish(claim)
    return found


def test_the_statement_that_claims_makes_of_a_row_what_the_states_make_of_it(here: RowWorld) -> None:
    key = submit(here, "run")
    here.finish(claimed(here), AttemptOutcome(Cause.TRANSIENT, "busy"))
    before = here.store.load(key)
    assert before is not None
    assert before.ready_ns is not None
    with here.later():
        claim = claimed(here)
        now_ns = claim.row.started_ns
        assert now_ns is not None
        lease_ms = round(LEASE_S * 1_000)
        expected = states.claimed(before, here.owner, claim.row.token or "", now_ns, lease_ms).row
        assert claim.row == expected._replace(lease_until_ms=now_ns // 1_000_000 + lease_ms)
        assert here.store.load(key) == claim.row


def test_an_end_in_one_statement_is_what_the_states_make_of_the_row(here: RowWorld) -> None:
    key = submit(here, "run")
    claim = claimed(here)
    claim.note_process(os.getpid())
    outcome = AttemptOutcome(Cause.CONFIGURATION, "no such model", exit_code=2)
    row = claim.settle(outcome)
    assert here.store.load(key) == row
    change = states.settled(claim.row, outcome, row.updated_ns, 0)
    assert row == change.row
    assert here.store.attempts(key) == [change.ended]
    assert [line["move"] for line in here.queue.admin.show(key).journal] == ["submit", "claim", "settle"]


def test_jobs_are_claimed_by_priority_and_then_in_the_order_in_which_they_became_ready(here: RowWorld) -> None:
    soon_ns = time.time_ns() + 60 * _NS
    submit(here, "waits", priority=1, not_before_ns=soon_ns)
    submit(here, "second", priority=5)
    submit(here, "third", priority=5)
    submit(here, "first", priority=4)
    submit(here, "last", priority=9)
    assert order(here) == ["first", "second", "third", "last"]
    assert here.queue.admin.counts()["waiting"] == 1
    with here.later():
        assert order(here) == ["waits"]


def test_a_worker_is_given_only_jobs_whose_tags_it_has(here: RowWorld) -> None:
    submit(here, "on a gpu", tags=("gpu",), priority=0)
    submit(here, "anywhere")
    claim = here.claim(allow=ClaimPolicy())
    assert claim is not None
    assert claim.row.run_id == "anywhere"
    assert list(here.result.skipped.values()) == ["needs a worker with the tag gpu"]
    assert here.claim(allow=ClaimPolicy()) is None
    assert here.result.newly_skipped == {}
    taken = here.claim(allow=ClaimPolicy(("gpu",)))
    assert taken is not None
    assert taken.row.run_id == "on a gpu"


def test_of_jobs_of_several_kinds_the_first_is_claimed_first(here: RowWorld) -> None:
    for number, tags in enumerate([("gpu",), (), ("big",), ("gpu",), ()]):
        submit(here, f"{number}", tags=tags)
    found = []
    while claim := here.claim(allow=ClaimPolicy(("gpu", "big"))):
        found.append(claim.row.run_id)
    assert found == ["0", "1", "2", "3", "4"]


def test_two_workers_never_get_the_same_job(here: RowWorld, elsewhere: RowWorld) -> None:
    for number in range(6):
        submit(here, f"{number}")
    claims = [claimed(world) for _ in range(3) for world in (here, elsewhere)]
    assert len({claim.key for claim in claims}) == 6
    assert here.claim() is None


def test_a_submission_is_written_whole_or_not_at_all(here: RowWorld) -> None:
    def fails() -> None:
        here._make_run("run")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        here.queue.submit(here.job("run"), prepare=fails)
    assert here.store.load(here.job("run").key) is None
    assert here.database.query("SELECT count(*) FROM runs_made") == [(0,)]
    assert here.database.query("SELECT count(*) FROM job_events") == [(0,)]


def test_another_host_takes_a_job_when_its_lease_is_over_and_not_before(here: RowWorld, elsewhere: RowWorld) -> None:
    submit(here, "run")
    claim = claimed(here)
    assert elsewhere.claim() is None
    elsewhere.put_clock(LEASE_S + 1)
    taken = claimed(elsewhere)
    assert (taken.key, taken.attempt) == (claim.key, 2)
    assert taken.row.lost == 1
    with pytest.raises(ClaimLostError):
        here.finish(claim)
    assert elsewhere.finish(taken) == JobState.DONE
    assert here.results_of("run") == 1
    why = [line.get("why", "") for line in here.queue.admin.show(claim.key).journal if line["move"] == "fenced"]
    assert len(why) == 1


def test_a_lease_that_is_renewed_keeps_the_job(here: RowWorld, elsewhere: RowWorld) -> None:
    submit(here, "run")
    claim = claimed(here)
    for _ in range(3):
        elsewhere.put_clock(LEASE_S * 0.75)
        claim.renew()
        assert elsewhere.claim() is None
    assert here.finish(claim) == JobState.DONE


def test_after_a_restart_of_the_server_owners_have_the_length_of_a_lease_to_renew_theirs(
    here: RowWorld, elsewhere: RowWorld
) -> None:
    submit(here, "run")
    claimed(here)
    elsewhere.put_clock(LEASE_S + 1)
    name = "pg_postmaster_start_time()"  # found before the server's own function of that name
    here.run(f"CREATE FUNCTION {name} RETURNS timestamptz LANGUAGE sql AS 'SELECT clock_timestamp()'")
    elsewhere.runs.close()  # the plans that a session keeps know the server's own
    assert elsewhere.claim() is None
    here.run(f"DROP FUNCTION {name}")
    elsewhere.runs.close()
    assert claimed(elsewhere).attempt == 2


def test_a_claim_that_the_store_did_not_answer_is_charged_to_nobody(
    here: RowWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = submit(here, "run")
    claim_next = PostgresQueueRows.claim_next

    def unanswered(rows: PostgresQueueRows, claim: NextClaim) -> ClaimedRow | None:
        claim_next(rows, claim)
        raise StoreAwayError(path="server", detail="gone")

    with monkeypatch.context() as patch:
        patch.setattr(PostgresQueueRows, "claim_next", unanswered)
        with pytest.raises(StoreAwayError):
            here.claim()
    assert claimed(here).attempt == 2
    row = here.store.load(key)
    assert row is not None
    assert (row.lost, row.failures) == (0, 0)


def test_an_end_that_the_store_did_not_answer_is_found_again(here: RowWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    key = submit(here, "run")
    claim = claimed(here)
    settle = PostgresQueueRows.settle

    def unanswered(rows: PostgresQueueRows, *values: object) -> bool:
        settle(rows, *values)  # type: ignore[arg-type]
        raise StoreAwayError(path="server", detail="gone")

    with monkeypatch.context() as patch:
        patch.setattr(PostgresQueueRows, "settle", unanswered)
        with pytest.raises(StoreAwayError):
            claim.settle(AttemptOutcome(Cause.DONE))
    assert claim.settle(AttemptOutcome(Cause.DONE)).state == JobState.DONE
    assert len(here.store.attempts(key)) == 1


def test_an_attempt_whose_end_could_not_be_written_is_excused_by_its_host(here: RowWorld) -> None:
    key = submit(here, "run")
    claim = claimed(here)
    claim.excuse()
    claim.abandon()
    here.queue.recover(here.owner)
    row = here.store.load(key)
    assert row is not None
    assert (row.state, row.lost, row.cause) == (JobState.QUEUED, 0, Cause.OUTAGE)


def test_a_running_job_hears_that_it_is_to_be_cancelled(here: RowWorld, elsewhere: RowWorld) -> None:
    key = submit(here, "run")
    claim = claimed(here)
    assert not claim.is_cancel_requested()
    assert elsewhere.queue.admin.cancel(key).cancel_requested
    claim.renew()
    assert claim.is_cancel_requested()
    assert here.finish(claim, AttemptOutcome(Cause.CANCELLED, "cancelled while running")) == JobState.CANCELLED


def test_the_end_of_an_attempts_output_is_kept_and_the_host_that_has_all_of_it(
    here: RowWorld, elsewhere: RowWorld
) -> None:
    key = submit(here, "run")
    claim = claimed(here)
    path = here.queue.log_path(key, 1)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"x" * 10 + b"\0" * 6 + b"y" * KEPT_BYTES)
    here.finish(claim)
    (log,) = elsewhere.queue.admin.show(key).kept_logs
    assert (log.host, log.path, log.size_bytes) == (here.owner.host, str(path), KEPT_BYTES + 16)
    assert log.text == "y" * KEPT_BYTES


def test_a_pruned_job_leaves_its_end_and_nothing_else(here: RowWorld) -> None:
    key = submit(here, "run")
    here.finish(claimed(here))
    items = here.queue.admin.prunable(("done",), time.time_ns() + _NS)
    assert [item.name for item in here.queue.admin.prune(items)] == [key]
    assert here.database.query("SELECT count(*) FROM job_logs") == [(0,)]
    assert here.queue.admin.select() == []
    assert here.queue.submit(here.job("run")).state == JobState.DONE


def test_a_job_of_a_queue_in_a_folder_is_not_taken_away_from_it(here: RowWorld, tmp_path: Path) -> None:
    shared = FileQueue(tmp_path / "queue", lambda _: here.store)
    shared.submit(here.job("run"))
    with pytest.raises(JobError, match="queued in another queue"):
        here.queue.submit(here.job("run"))
    claim = shared.claim(here.owner).claim
    assert claim is not None
    claim.settle(AttemptOutcome(Cause.CONFIGURATION, "no"))
    assert here.queue.submit(here.job("run")).state == JobState.FAILED
    assert here.queue.admin.retry(here.job("run").key).state == JobState.QUEUED
    assert claimed(here).attempt == 2
    with pytest.raises(JobError, match="running in another queue, store"):
        shared.submit(here.job("run"))


def test_a_job_whose_results_are_in_another_store_is_refused(here: RowWorld) -> None:
    here.address = StoreAddress("postgres", here.address.path, "another")
    with pytest.raises(JobError, match="own store's runs"):
        here.submit("run")


def test_news_are_heard_when_they_are_committed(here: RowWorld, elsewhere: RowWorld) -> None:
    with closing(elsewhere.queue.listen()) as listener:
        waits = select.poll()
        waits.register(listener, select.POLLIN)
        assert waits.poll(0) == []
        with here.store.transaction():
            submit(here, "run")
            assert waits.poll(50) == []
        assert waits.poll(5_000) != []
        listener.hear()
        assert waits.poll(0) == []
        assert not listener.is_lost


def test_a_paused_queue_says_by_whom_and_gives_no_job(here: RowWorld, elsewhere: RowWorld) -> None:
    submit(here, "run")
    assert elsewhere.queue.admin.pause("the server is moved").reason == "the server is moved"
    assert here.claim() is None
    pause = here.queue.paused
    assert pause is not None
    assert (pause.by is not None, pause.reason) == (True, "the server is moved")
    assert elsewhere.queue.admin.resume()
    assert here.claim() is not None


def test_the_doctor_finds_the_job_of_a_dead_worker(here: RowWorld, elsewhere: RowWorld) -> None:
    key = submit(here, "run")
    claimed(here)
    elsewhere.put_clock(LEASE_S + 1)
    (finding,) = elsewhere.queue.admin.doctor(fix=False)
    assert (finding.what, finding.fixed) == (key, False)
    (finding,) = elsewhere.queue.admin.doctor()
    assert (finding.what, finding.fixed) == (key, True)
    assert elsewhere.queue.admin.doctor() == []


def test_the_doctor_says_that_the_server_acknowledges_what_it_may_lose(url: str, here: RowWorld) -> None:
    assert here.queue.admin.doctor() == []
    with closing(RowWorld(f"{url}%20-csynchronous_commit%3Doff")) as careless:
        (finding,) = careless.queue.admin.doctor()
    assert (finding.what, finding.fixed) == (str(careless.queue.place), False)
    assert "synchronous_commit is off" in finding.problem


def test_a_store_of_the_version_before_gets_what_a_queue_needs(here: RowWorld) -> None:
    for table in ("queues", "job_events", "job_logs", "workers"):
        here.run(f"DROP TABLE {table}")
    here.run("DROP INDEX jobs_next; DROP INDEX jobs_running; ALTER TABLE jobs DROP COLUMN needs")
    here.run("; ".join(undoing(12)))
    here.run("UPDATE store_meta SET value = '12' WHERE key = 'schema'")
    here.runs.close()
    here.runs.initialize()
    assert here.database.query("SELECT value FROM store_meta WHERE key = 'schema'") == [(str(SCHEMA_VERSION),)]
    submit(here, "run")
    assert here.finish(claimed(here)) == JobState.DONE
