import pytest
from hypothesis import given
from hypothesis import strategies as st

from themis.core.queue.model import retry_policy, states
from themis.core.queue.model.states import ENDED, MOVES, POLICIES, AttemptOutcome, Cause, Charge, JobState
from themis.core.stores.job_rows import JobRow, Owner
from themis.core.text.lines import MESSAGE_BYTES

NOW_NS = 1_800_000_000_000_000_000
OWNER = Owner("w", "host", "boot", 7, 8)


def _row(**facts: object) -> JobRow:
    row: dict[str, object] = {
        "key": "0" * 16,
        "run_id": "run",
        "queue_id": "q",
        "queue_root": "/q",
        "version": 4,
        "state": JobState.QUEUED,
        "attempt": 1,
        "priority": 5,
        "submitted_ns": 1,
        "ready_ns": None,
        "max_attempts": 3,
        "max_worker_lost": 2,
        "timeout_s": None,
        "memory_limit_mb": None,
    }
    return JobRow(**(row | facts))  # type: ignore[arg-type]


def _running(**facts: object) -> JobRow:
    return _row(state=JobState.RUNNING, token="t", owner=OWNER, **facts)  # noqa: S106  # a claim's, no secret


def test_every_cause_has_a_policy() -> None:
    assert set(POLICIES) == set(Cause)


def test_a_claim_begins_the_next_attempt_and_names_its_owner() -> None:
    change = states.claimed(_row(ready_ns=3), OWNER, "token", NOW_NS)
    assert (change.row.state, change.row.attempt, change.row.version) == (JobState.RUNNING, 2, 5)
    assert (change.row.token, change.row.owner, change.row.ready_ns) == ("token", OWNER, None)
    assert (change.row.started_ns, change.ended) == (NOW_NS, None)


@pytest.mark.parametrize(
    ("cause", "state", "failures", "lost"),
    [
        (Cause.DONE, JobState.DONE, 0, 0),
        (Cause.TRANSIENT, JobState.QUEUED, 1, 0),
        (Cause.EXCEPTION, JobState.QUEUED, 1, 0),
        (Cause.TIME_LIMIT, JobState.QUEUED, 1, 0),
        (Cause.MEMORY_LIMIT, JobState.QUEUED, 1, 0),
        (Cause.EXIT_CODE, JobState.QUEUED, 1, 0),
        (Cause.SIGNAL, JobState.QUEUED, 1, 0),
        (Cause.PROVIDER, JobState.QUEUED, 0, 0),
        (Cause.CONFIGURATION, JobState.FAILED, 0, 0),
        (Cause.INVALID_MANIFEST, JobState.FAILED, 0, 0),
        (Cause.OTHER_STORE, JobState.FAILED, 0, 0),
        (Cause.WORKER_LOST, JobState.QUEUED, 0, 1),
        (Cause.OUTAGE, JobState.QUEUED, 0, 0),
        (Cause.GIVEN_BACK, JobState.QUEUED, 0, 0),
        (Cause.LEASE_LOST, JobState.QUEUED, 0, 0),
        (Cause.CANCELLED, JobState.CANCELLED, 0, 0),
        (Cause.BUDGET, JobState.CANCELLED, 0, 0),
    ],
)
def test_a_first_outcome_is_charged_to_whoever_the_table_says(
    cause: Cause, state: JobState, failures: int, lost: int
) -> None:
    change = states.settled(_running(), AttemptOutcome(cause, "why"), NOW_NS, 0.5)
    assert (change.row.state, change.row.failures, change.row.lost) == (state, failures, lost)
    assert (change.row.owner, change.row.token, change.row.cause) == (None, None, cause)
    assert change.ended is not None
    assert (change.ended.cause, change.ended.message) == (cause, "why")
    waits = POLICIES[cause].backoff
    assert (change.row.ready_ns is not None) == waits


def test_the_last_failure_that_the_budget_allows_ends_the_job() -> None:
    assert states.settled(_running(failures=2), AttemptOutcome(Cause.EXCEPTION), NOW_NS, 0).row.state == JobState.FAILED
    assert states.settled(_running(lost=1), AttemptOutcome(Cause.WORKER_LOST), NOW_NS, 0).row.state == JobState.FAILED


def test_lost_workers_and_failures_are_counted_apart() -> None:
    assert (
        states.settled(_running(failures=2), AttemptOutcome(Cause.WORKER_LOST), NOW_NS, 0).row.state == JobState.QUEUED
    )
    assert states.settled(_running(lost=1), AttemptOutcome(Cause.EXCEPTION), NOW_NS, 0).row.state == JobState.QUEUED


def test_a_job_that_was_asked_to_stop_is_cancelled_instead_of_queued_again_but_done_when_it_is() -> None:
    asked = _running(cancel_requested=True)
    change = states.settled(asked, AttemptOutcome(Cause.TRANSIENT), NOW_NS, 0)
    assert (change.row.state, change.row.ready_ns) == (JobState.CANCELLED, None)
    assert change.ended is not None
    assert change.ended.cause == Cause.TRANSIENT
    assert states.settled(asked, AttemptOutcome(Cause.DONE), NOW_NS, 0).row.state == JobState.DONE


@given(failures=st.integers(0, 2_000), jitter=st.floats(0, 1), retry_after_s=st.none() | st.floats(0, 10_000))
def test_the_backoff_doubles_up_to_a_limit_and_is_never_shorter_than_was_asked_for(
    failures: int, jitter: float, retry_after_s: float | None
) -> None:
    row = _running(failures=failures, max_attempts=10_000)
    change = states.settled(row, AttemptOutcome(Cause.TRANSIENT, retry_after_s=retry_after_s), NOW_NS, jitter)
    assert change.row.ready_ns is not None
    delay_s = (change.row.ready_ns - NOW_NS) / 1e9
    assert delay_s >= (retry_after_s or 0) - 1e-6
    assert retry_policy.FIRST_S / 2 <= delay_s <= max(retry_policy.MOST_S, retry_after_s or 0)


@pytest.mark.parametrize(
    ("failures", "most_s"), [(1, 2.0), (2, 4.0), (3, 8.0), (4, 16.0), (9, 512.0), (10, 600.0), (1_000, 600.0)]
)
def test_each_wait_is_twice_the_one_before_and_spread_over_its_upper_half(failures: int, most_s: float) -> None:
    row = _running(max_attempts=2_000, failures=failures - 1)
    for jitter, delay_s in ((1.0, most_s), (0.5, most_s * 0.75), (0.0, most_s / 2)):
        after = states.settled(row, AttemptOutcome(Cause.EXCEPTION), NOW_NS, jitter).row
        assert after.ready_ns == NOW_NS + int(delay_s * 1e9)


def test_sending_back_begins_budgets_anew_and_lets_numbers_go_on() -> None:
    ended = _row(state=JobState.FAILED, attempt=6, failures=3, lost=1, cancel_requested=True, ended_ns=4)
    row = states.sent_back(ended, NOW_NS).row
    assert (row.state, row.failures, row.lost, row.cancel_requested) == (JobState.QUEUED, 0, 0, False)
    assert (row.attempt, row.version, row.ended_ns) == (6, 5, None)


def test_another_priority_or_time_leaves_everything_else_as_it_was() -> None:
    row = _row(ready_ns=NOW_NS + 5, failures=2, cancel_requested=True)
    assert states.rescheduled(row, NOW_NS, priority=0).row == row._replace(version=5, updated_ns=NOW_NS, priority=0)
    later = states.rescheduled(row, NOW_NS, ready_ns=NOW_NS + 9).row
    assert later == row._replace(version=5, updated_ns=NOW_NS, ready_ns=NOW_NS + 9)


def test_a_time_that_has_passed_clears_the_one_that_a_job_had() -> None:
    assert states.rescheduled(_row(ready_ns=NOW_NS + 5), NOW_NS, ready_ns=NOW_NS).row.ready_ns is None


def test_a_pruned_job_is_in_no_queue_and_keeps_its_end_and_its_numbers() -> None:
    row = _row(state=JobState.FAILED, attempt=3, cause=Cause.EXCEPTION, message="why")
    assert states.pruned(row, NOW_NS).row == row._replace(version=5, updated_ns=NOW_NS, queue_id="")


def test_recovery_of_what_is_not_running_changes_the_version_alone() -> None:
    for state in (*ENDED, JobState.QUEUED):
        row = states.recovered(_row(state=state), NOW_NS).row
        assert (row.state, row.version, row.attempt) == (state, 5, 1)


def test_recovery_of_a_queued_job_that_was_asked_to_stop_cancels_it() -> None:
    assert states.recovered(_row(cancel_requested=True), NOW_NS).row.state == JobState.CANCELLED


@given(state=st.sampled_from(JobState), cause=st.sampled_from(Cause), asked=st.booleans(), spent=st.integers(0, 2))
def test_every_change_is_a_listed_move_and_makes_the_version_one_more(
    state: JobState, cause: Cause, asked: bool, spent: int
) -> None:
    row = _row(state=state, cancel_requested=asked, failures=spent, lost=spent)
    if state == JobState.RUNNING:
        changes = [states.settled(row, AttemptOutcome(cause), NOW_NS, 0), states.recovered(row, NOW_NS)]
    elif state == JobState.QUEUED:
        changes = [states.claimed(row, OWNER, "t", NOW_NS), states.cancelled(row, NOW_NS)]
        changes.append(states.refused(row, AttemptOutcome(cause), NOW_NS))
        changes.append(states.rescheduled(row, NOW_NS, priority=0, ready_ns=NOW_NS + spent))
    else:
        changes = [states.sent_back(row, NOW_NS)]
    for change in changes:
        assert change.row.version == row.version + 1
        assert JobState(change.row.state) in MOVES[state]


def test_a_long_message_is_cut() -> None:
    row = states.settled(_running(), AttemptOutcome(Cause.EXCEPTION, "x" * 100_000), NOW_NS, 0).row
    assert row.message is not None
    assert len(row.message.encode()) == MESSAGE_BYTES
    assert row.message.endswith("(cut: it has 100,000 bytes)")


def test_nobody_pays_for_what_is_nobodys_fault() -> None:
    for cause in (Cause.OUTAGE, Cause.GIVEN_BACK, Cause.LEASE_LOST):
        assert POLICIES[cause].charge is Charge.NOBODY
        row = states.settled(_running(failures=2, lost=1), AttemptOutcome(cause), NOW_NS, 0).row
        assert (row.state, row.ready_ns) == (JobState.QUEUED, None)


def test_an_end_that_could_not_be_written_is_charged_to_nobody_and_says_so() -> None:
    row = _running(failures=1, lost=1)
    excused = states.recovered(row, NOW_NS, excused=True).row
    assert (excused.state, excused.cause, excused.failures, excused.lost) == (JobState.QUEUED, Cause.OUTAGE, 1, 1)
    assert excused.message == "the end of attempt 1 could not be written"
    lost = states.recovered(row, NOW_NS).row
    assert (lost.state, lost.cause, lost.failures, lost.lost) == (JobState.FAILED, Cause.WORKER_LOST, 1, 2)
    assert lost.message == "worker w (pid 7) died in attempt 1"


def test_a_job_whose_provider_fails_waits_longer_each_time_though_nothing_is_charged() -> None:
    outcome = AttemptOutcome(Cause.PROVIDER, "refused")
    rows = [states.settled(_running(attempt=attempt), outcome, NOW_NS, 1.0).row for attempt in (1, 2, 3, 9, 40)]
    assert [((row.ready_ns or 0) - NOW_NS) / 1e9 for row in rows] == [2, 4, 8, 512, 600]
    assert {(row.failures, row.lost) for row in rows} == {(0, 0)}
