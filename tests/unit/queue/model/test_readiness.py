"""A backoff that a wrong clock reckoned lasts no longer than others; a time that somebody asked for is kept."""

import time
from pathlib import Path

import pytest

from tests.processes.queue_world import World, later, leases_over, world
from themis.core.queue import AttemptOutcome, Cause, Limits
from themis.core.queue.folder.lease import Lease
from themis.core.queue.model import readiness, retry_policy
from themis.core.queue.model.states import JobState

RUN = "run-1"
HOURS_S = 5 * 3_600.0
DAY_NS = 86_400 * 10**9


def _fail(here: World) -> None:
    claim = here.claim()
    assert claim is not None
    here.finish(claim, AttemptOutcome(Cause.EXCEPTION, "as the test says"))


def test_a_backoff_is_over_when_the_clock_that_set_it_was_ahead(tmp_path: Path) -> None:
    with world(tmp_path) as here:
        here.submit(RUN)
        with later(HOURS_S):
            _fail(here)
        claim = here.claim()
        assert claim is not None, "it would wait for five hours"
        here.finish(claim)
        here.assert_promise(RUN, state=JobState.DONE)


def test_a_backoff_by_the_right_clock_is_waited_for(tmp_path: Path) -> None:
    with world(tmp_path) as here:
        here.submit(RUN)
        _fail(here)
        assert here.claim() is None
        with later(3.0):
            assert here.claim() is not None


def test_a_worker_that_has_seen_the_job_wait_learns_that_the_clock_was_set_back(tmp_path: Path) -> None:
    with world(tmp_path) as here:
        job = here.job(RUN, limits=Limits(max_attempts=20))
        here.queue.submit(job, prepare=lambda: here._make_run(RUN))
        for number in range(6):
            with later(HOURS_S + number * 1_000):
                _fail(here)
        with later(HOURS_S + 5_001):
            assert here.claim() is None, "half a minute is a backoff that six failures explain"
        assert here.claim() is not None


@pytest.mark.parametrize("ahead_s", [2.0, HOURS_S])
def test_a_time_that_somebody_asked_for_is_kept_whatever_the_clock_does(tmp_path: Path, ahead_s: float) -> None:
    with world(tmp_path) as here:
        with later(ahead_s):
            job = here.job(RUN, not_before_ns=time.time_ns() + DAY_NS)
            here.queue.submit(job, prepare=lambda: here._make_run(RUN))
        assert here.claim() is None
        with later(ahead_s):
            here.queue.admin.reschedule(job.key, not_before_ns=0)
            _fail(here)
            here.queue.admin.reschedule(job.key, not_before_ns=time.time_ns() + DAY_NS)
        assert here.claim() is None


def test_hosts_whose_clocks_differ_a_little_wait_as_they_should(tmp_path: Path) -> None:
    with world(tmp_path) as here:
        here.submit(RUN)
        with later(readiness.CLOCKS_DIFFER_NS / 1e9 - 1.0):
            _fail(here)
        assert here.claim() is None


@pytest.mark.parametrize(("later_ns", "behind_ns", "is_ready"), [(0, 1, True), (1, 1, False), (0, 0, False)])
def test_a_wait_is_a_wrong_clocks_within_what_failures_explain_and_beyond_what_clocks_differ(
    tmp_path: Path, later_ns: int, behind_ns: int, is_ready: bool
) -> None:
    with world(tmp_path) as here:
        here.submit(RUN)
        _fail(here)
        row = here.store.load(here.job(RUN).key)
        assert row is not None
        longest_ns = int((retry_policy.longest_s(row.failures) + 1.0) * 1e9)
        waits = row._replace(ready_ns=row.updated_ns + longest_ns + later_ns)
        now_ns = row.updated_ns - readiness.CLOCKS_DIFFER_NS - behind_ns
        assert readiness.is_ready(waits, now_ns) is is_ready


def test_a_delay_that_was_asked_for_beyond_all_measure_is_a_day(tmp_path: Path) -> None:
    with world(tmp_path) as here:
        here.submit(RUN)
        claim = here.claim()
        assert claim is not None
        here.finish(claim, AttemptOutcome(Cause.TRANSIENT, "half \ud800", retry_after_s=1e300))
        row = here.store.load(claim.key)
        assert row is not None
        assert row.ready_ns is not None
        assert row.ready_ns - row.updated_ns == DAY_NS
        assert row.message == "half \\ud800"


def test_a_lease_by_a_clock_that_was_ahead_is_over_when_it_was_not_renewed_for_its_time(tmp_path: Path) -> None:
    with world(tmp_path, host="a") as here, here.at_home():
        here.submit(RUN)
        claim = here.claim()
        assert claim is not None
        claim.lease = Lease(HOURS_S, time.monotonic())
        claim.renew()
        claim.abandon()
    with world(tmp_path, host="b") as there, there.at_home():
        assert there.queue.recover(there.owner) == []  # its owner may live, and renews it by then
        with leases_over():
            (after,) = there.queue.recover(there.owner)
        assert (after.state, after.lost) == (JobState.QUEUED, 1)
