"""Deaths of a job's process are charged to the job until a case that ran alone is named for them."""

from collections.abc import Sequence

import pytest

from themis.core.processes.noted_cases import InFlight
from themis.core.queue.model import states
from themis.core.queue.model.case_losses import MOST_LOST_CASES, CaseLosses, cases_in
from themis.core.queue.model.states import AttemptOutcome, Cause, JobState
from themis.core.stores.job_rows import Change, JobRow, Owner

OWNER = Owner("w", "host", "boot", 7, 8)
FIRST = JobRow("0" * 16, "run", "q", "/q", 1, JobState.QUEUED, 0, 5, 1, None, 3, 3, None, None)


def attempt(row: JobRow, cause: Cause, cases: Sequence[int] = (), *, alone: bool = False) -> Change:
    """Claim a job and end the attempt, with these cases in flight."""
    running = states.claimed(row, OWNER, "t", row.version).row
    found = InFlight(tuple(cases), alone) if cases or alone else None
    return states.settled(running, AttemptOutcome(cause, "it died", exit_code=-11, in_flight=found), 9, 0.5)


def told(row: JobRow) -> CaseLosses:
    return CaseLosses.read(row.case_losses)


@pytest.mark.parametrize(("cause", "counts"), [(Cause.SIGNAL, (2, 0)), (Cause.WORKER_LOST, (0, 2))])
def test_the_third_death_of_a_case_that_runs_alone_is_its_own_and_so_are_those_before(
    cause: Cause, counts: tuple[int, int]
) -> None:
    first = attempt(FIRST, cause, [3, 4, 5])
    assert first.ended is not None
    assert cases_in(first.ended.in_flight) == [3, 4, 5]
    assert told(first.row).alone == ()
    second = attempt(first.row, cause, [4, 5, 6]).row
    assert (second.state, second.failures, second.lost) == (JobState.QUEUED, *counts)
    assert told(second).alone == (4, 5, 6), "those that were in flight at both deaths are the first"
    third = attempt(second, cause, [5], alone=True)
    assert (third.row.state, third.row.failures, third.row.lost) == (JobState.QUEUED, 0, 0)
    assert (third.row.ready_ns, told(third.row).ended, told(third.row).alone) == (None, (5,), (4, 6))
    assert third.row.message == "it died; case no. 6 of the run ran alone, and ends as worker_lost"
    assert third.ended is not None
    assert (third.ended.message, third.ended.cause) == (third.row.message, cause)


def test_cases_that_were_in_flight_at_both_deaths_run_before_the_others() -> None:
    first = attempt(FIRST, Cause.SIGNAL, [8, 9]).row
    assert told(attempt(first, Cause.EXIT_CODE, [1, 2, 8, 9]).row).alone == (8, 9, 1, 2)


def test_a_job_whose_deaths_no_case_explains_ends_in_failed_as_before() -> None:
    row = FIRST
    for cause in (Cause.SIGNAL, Cause.EXIT_CODE):
        row = attempt(row, cause).row
        assert row.case_losses is None
    assert attempt(row, Cause.SIGNAL).row.state == JobState.FAILED
    suspected = attempt(attempt(FIRST, Cause.SIGNAL, [1]).row, Cause.SIGNAL, [1, 2]).row
    assert attempt(suspected, Cause.SIGNAL, [7, 8]).row.state == JobState.FAILED, "the suspects ran well"


def test_failures_for_other_reasons_stay_charged_when_a_case_is_named() -> None:
    row = attempt(FIRST._replace(max_attempts=5), Cause.EXCEPTION).row
    for cases, alone in (([1, 2], False), ([1, 2], False), ([2], True)):
        row = attempt(row, Cause.SIGNAL, cases, alone=alone).row
    assert (row.state, row.failures, told(row).ended) == (JobState.QUEUED, 1, (2,))


def test_a_second_case_that_ran_in_the_same_flight_costs_one_more_death_and_a_later_one_three() -> None:
    row = attempt(attempt(FIRST, Cause.SIGNAL, [1, 2]).row, Cause.SIGNAL, [1, 2]).row
    for case in (1, 2):
        row = attempt(row, Cause.SIGNAL, [case], alone=True).row
    for _ in range(2):
        row = attempt(row, Cause.SIGNAL, [30, 31]).row
    assert told(row).alone == (30, 31)
    row = attempt(row, Cause.SIGNAL, [31], alone=True).row
    assert (row.state, row.attempt, told(row).ended) == (JobState.QUEUED, 7, (1, 2, 31))
    assert attempt(row, Cause.DONE).row.state == JobState.DONE


def test_only_so_many_cases_of_a_job_are_named_and_the_job_ends() -> None:
    row, deaths = FIRST, 0
    while row.state == JobState.QUEUED:
        alone = told(row).alone
        row = attempt(row, Cause.SIGNAL, alone[:1] or [deaths * 2, deaths * 2 + 1], alone=bool(alone)).row
        deaths += 1
        assert deaths < 100
    assert (row.state, len(told(row).ended)) == (JobState.FAILED, MOST_LOST_CASES)
    assert deaths <= 3 * MOST_LOST_CASES + 3


def test_an_end_that_is_nobodys_fault_charges_neither_the_job_nor_a_case() -> None:
    row = attempt(attempt(FIRST, Cause.SIGNAL, [1, 2]).row, Cause.SIGNAL, [1, 2]).row
    after = attempt(row, Cause.GIVEN_BACK).row
    assert (after.failures, after.case_losses) == (row.failures, row.case_losses)


def test_a_person_who_queues_a_job_again_clears_its_cases() -> None:
    row = attempt(attempt(FIRST, Cause.SIGNAL, [1, 2]).row, Cause.SIGNAL, [1, 2]).row
    ended = attempt(attempt(row, Cause.SIGNAL, [1], alone=True).row, Cause.DONE).row
    assert told(ended).ended == (1,)
    assert states.sent_back(ended, 9).row.case_losses is None


@pytest.mark.parametrize("text", ["{", "[]", '{"ended": 7}', '{"ended": [-1, "x", true, 1.5]}', '{"lost": "x"}'])
def test_what_is_unreadable_counts_as_nothing(text: str) -> None:
    assert CaseLosses.read(text) == CaseLosses()
    assert cases_in("[") is None
