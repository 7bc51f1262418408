"""The end of a lease, in memory that two processes share."""

import os
import time
from contextlib import suppress

import pytest

from themis.core.queue.folder.lease import Lease
from themis.core.queue.folder.lease_end import SharedEnd, now_s


def test_who_shares_a_lease_sees_each_renewal_and_its_end_though_the_descriptor_is_closed() -> None:
    lease = Lease(60.0, now_s())
    descriptor = lease.share()
    seen = SharedEnd(descriptor)
    os.close(descriptor)
    assert not seen.is_over()
    lease.renewed(now_s() - 61.0)
    assert seen.is_over()
    assert not lease.holds()
    lease.renewed(now_s())
    assert not seen.is_over()


def test_another_process_sees_what_is_written_after_it_began() -> None:
    lease = Lease(60.0, now_s())
    descriptor = lease.share()
    seen = SharedEnd(descriptor)
    os.close(descriptor)
    reads, writes = os.pipe()
    child = os.fork()
    if child == 0:
        with suppress(BaseException):
            os.read(reads, 1)
            os._exit(7 if seen.is_over() else 3)
        os._exit(1)
    lease.renewed(now_s() - 61.0)
    os.write(writes, b"x")
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    os.close(reads)
    os.close(writes)


def test_an_end_that_nobody_has_written_is_over() -> None:
    end, descriptor = SharedEnd.make()
    os.close(descriptor)
    assert end.is_over()


@pytest.mark.skipif(not hasattr(time, "CLOCK_BOOTTIME"), reason="this system has no such clock")
def test_the_time_for_which_a_machine_was_suspended_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    lease = Lease(60.0, now_s())
    read = time.clock_gettime
    monkeypatch.setattr(time, "clock_gettime", lambda clock: read(clock) + 100.0 * (clock == time.CLOCK_BOOTTIME))
    assert lease.is_over
