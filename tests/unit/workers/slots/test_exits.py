"""How a job's process ended, and what that means for the attempt."""

import signal

import pytest

from themis.core.queue.model.states import AttemptOutcome, Cause
from themis_workers.messages import ClaimLost, ProgressReport, RunEnded, Stopped
from themis_workers.slots.exits import JobExit, Reports, Stop, classify, was_asked_to_end

DONE = Reports(outcome=AttemptOutcome(Cause.DONE))
FAILED = Reports(outcome=AttemptOutcome(Cause.EXCEPTION, "KeyError: 'x'"))


@pytest.mark.parametrize(
    ("end", "cause", "words"),
    [
        (JobExit(0, DONE), Cause.DONE, ""),
        (JobExit(-9, DONE, stop=Stop.CANCELLED), Cause.DONE, ""),
        (JobExit(0, FAILED), Cause.EXCEPTION, "KeyError"),
        (JobExit(0, FAILED, stop=Stop.CANCELLED), Cause.CANCELLED, "cancelled"),
        (JobExit(0, Reports(lost=True), stop=Stop.GIVEN_BACK), Cause.LEASE_LOST, "another worker has the job"),
        (JobExit(0, Reports(stopped=True), stop=Stop.TIME_LIMIT, limit="5 s"), Cause.TIME_LIMIT, "of 5 s is over"),
        (JobExit(-9, stop=Stop.TIME_LIMIT, was_deaf=True, limit="5 s"), Cause.TIME_LIMIT, "and was killed"),
        (JobExit(-9, stop=Stop.MEMORY_LIMIT, limit="9 MiB"), Cause.MEMORY_LIMIT, "its limit of 9 MiB"),
        (JobExit(-9, out_of_memory=True), Cause.MEMORY_LIMIT, "out of memory: killed by the kernel"),
        (JobExit(-9, stop=Stop.GIVEN_BACK), Cause.GIVEN_BACK, "its worker was stopped"),
        (JobExit(-9), Cause.SIGNAL, "SIGKILL"),
        (JobExit(-signal.SIGSEGV), Cause.SIGNAL, "SIGSEGV"),
        (JobExit(-64), Cause.SIGNAL, "SIGRTMAX"),
        (JobExit(-250), Cause.SIGNAL, "signal 250"),
        (JobExit(0, Reports(stopped=True)), Cause.SIGNAL, "SIGTERM"),
        (JobExit(0), Cause.EXIT_CODE, "exit code 0"),
        (JobExit(70), Cause.EXIT_CODE, "exit code 70"),
    ],
)
def test_an_end_is_classified_once(end: JobExit, cause: Cause, words: str) -> None:
    outcome = classify(end)
    assert outcome.cause is cause
    assert words in outcome.message


@pytest.mark.parametrize(
    ("end", "asked"),
    [
        (JobExit(0, Reports(stopped=True)), True),
        (JobExit(-signal.SIGTERM), True),
        (JobExit(-signal.SIGINT), True),
        (JobExit(-signal.SIGKILL), False),
        (JobExit(1), False),
        (JobExit(-signal.SIGTERM, FAILED), False),
        (JobExit(-signal.SIGTERM, Reports(lost=True)), False),
        (JobExit(0, Reports(stopped=True), stop=Stop.TIME_LIMIT), False),
    ],
)
def test_only_a_process_that_another_than_its_worker_asked_to_end_may_be_given_back(end: JobExit, asked: bool) -> None:
    assert was_asked_to_end(end) is asked


def test_what_a_process_reports_is_taken() -> None:
    reports = Reports()
    reports.take(ProgressReport(40, 7, 1))
    reports.take(ProgressReport(40, 9, 1))
    reports.take(RunEnded(Cause.TRANSIENT, "503", retry_after_s=7))
    assert (reports.total, reports.done, reports.failed) == (40, 9, 1)
    assert reports.outcome == AttemptOutcome(Cause.TRANSIENT, "503", retry_after_s=7)
    assert (reports.stopped, reports.lost) == (False, False)
    reports.take(Stopped())
    assert (reports.stopped, reports.lost) == (True, False)
    reports.take(ClaimLost())
    assert reports.lost
