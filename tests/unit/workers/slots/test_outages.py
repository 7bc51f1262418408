"""Whose outage it was: the machine's when the worker cannot write either, else the experiment's."""

import pytest

from themis.core.queue import AttemptOutcome, Cause
from themis.core.queue.model.outages import Lack
from themis_workers.slots import outages


def _judged(lack: Lack | None, before: str | None, *, can_write: bool) -> Cause:
    return outages.judged(AttemptOutcome(Cause.OUTAGE, "cannot write", lack=lack), before, lambda: can_write).cause


@pytest.mark.parametrize("lack", [None, *Lack])
@pytest.mark.parametrize("before", [None, Cause.OUTAGE, Cause.EXCEPTION])
def test_what_the_worker_cannot_write_either_is_nobodys_fault(lack: Lack | None, before: str | None) -> None:
    assert _judged(lack, before, can_write=False) is Cause.OUTAGE


def test_what_is_broken_for_the_job_alone_is_charged_to_it() -> None:
    assert _judged(Lack.BROKEN, None, can_write=True) is Cause.EXCEPTION


def test_what_was_scarce_may_be_there_again_but_not_twice_in_a_row() -> None:
    assert _judged(Lack.SCARCE, None, can_write=True) is Cause.OUTAGE
    assert _judged(Lack.SCARCE, Cause.EXCEPTION, can_write=True) is Cause.OUTAGE
    assert _judged(Lack.SCARCE, Cause.OUTAGE, can_write=True) is Cause.EXCEPTION


@pytest.mark.parametrize("before", [None, Cause.OUTAGE])
def test_a_store_that_others_keep_busy_is_never_charged(before: str | None) -> None:
    assert _judged(Lack.BUSY, before, can_write=True) is Cause.OUTAGE


@pytest.mark.parametrize("cause", [Cause.DONE, Cause.EXCEPTION, Cause.TIME_LIMIT, Cause.GIVEN_BACK])
def test_nothing_else_is_looked_into(cause: Cause) -> None:
    outcome = AttemptOutcome(cause, "as it was")
    assert outages.judged(outcome, Cause.OUTAGE, lambda: pytest.fail("asked")) is outcome


def test_the_message_says_why_it_is_charged() -> None:
    found = outages.judged(AttemptOutcome(Cause.OUTAGE, "disk I/O error", lack=Lack.BROKEN), None, lambda: True)
    assert found.message == "disk I/O error; its worker can write there: the cause is in the experiment's own process"
