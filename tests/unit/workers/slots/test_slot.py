"""What a worker does about a slot whose supervisor, or whose job, does not do what it was asked to."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import cast

import pytest

from tests.support.waiting import until
from themis.core.processes.isolation import Isolation
from themis.core.queue import Cause, Claim
from themis.core.queue.model.manifest_file import Limits
from themis_workers.channel import Channel, Received, pair
from themis_workers.messages import Exited, Kill, Message, ProgressReport, Ready, Refused, RunJob, Started, Terminate
from themis_workers.slots import slot as slot_module
from themis_workers.slots.attempt import Attempt
from themis_workers.slots.exits import Stop
from themis_workers.slots.slot import END_S, READY_S, Slot

NOBODY = 2**30
"""No process has such a number."""


class Clock:
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.now_s = 1_000.0

    def monotonic(self) -> float:
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(slot_module, "time", made)
    return made


@pytest.fixture
def ends() -> Iterator[tuple[Channel, Channel]]:
    ours, its = pair()
    its.stop_waiting()
    ours.stop_waiting(1.0)
    ours.tell_senders()
    with ours, its:
        yield ours, its


@pytest.fixture
def supervisor() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as process:
        yield process
        process.kill()


def _attempt() -> Attempt:
    limits = SimpleNamespace(limits=Limits())
    return Attempt(claim=cast("Claim", SimpleNamespace(manifest=limits)))


def _slot(ours: Channel, supervisor: int | None = None, isolation: Isolation = Isolation.SUPERVISOR) -> Slot:
    slot = Slot(3, ours, lambda _: None)
    slot._take(Received(Ready(isolation, NOBODY), supervisor))
    return slot


def _said(its: Channel) -> list[Message]:
    found: list[Message] = []
    try:
        while (received := its.receive()) is not None:
            found.append(received.message)
    except BlockingIOError:
        pass
    return found


def test_a_job_that_does_not_end_in_its_grace_is_killed_once(clock: Clock, ends: tuple[Channel, Channel]) -> None:
    slot = _slot(ends[0])
    slot.attempt = attempt = _attempt()
    slot.look_after()
    slot.stop(Stop.CANCELLED, 5.0)
    assert (attempt.stop, attempt.asked, _said(ends[1])) == (Stop.CANCELLED, True, [Terminate()])
    clock.now_s += 4.9
    slot.look_after()
    assert _said(ends[1]) == []
    clock.now_s += 0.1
    slot.look_after()
    slot.look_after()
    assert (_said(ends[1]), attempt.killed, slot.is_lost) == ([Kill()], True, False)


def test_a_job_without_a_grace_is_killed_unasked(clock: Clock, ends: tuple[Channel, Channel]) -> None:
    slot = _slot(ends[0])
    slot.attempt = attempt = _attempt()
    slot.stop(Stop.MEMORY_LIMIT, 0.0)
    slot.look_after()
    assert (_said(ends[1]), attempt.asked, attempt.killed) == ([Kill()], False, True)


@pytest.mark.parametrize(
    ("first_s", "second_s", "killed_after_s"), [(60.0, 5.0, 5.0), (5.0, 60.0, 5.0), (60.0, 0.0, 0.0)]
)
def test_of_two_graces_the_one_that_is_over_earlier_counts_and_the_first_reason(
    clock: Clock,
    ends: tuple[Channel, Channel],
    first_s: float,
    second_s: float,
    killed_after_s: float,
) -> None:
    slot = _slot(ends[0])
    slot.attempt = attempt = _attempt()
    slot.stop(Stop.GIVEN_BACK, first_s)
    slot.stop(Stop.TIME_LIMIT, second_s)
    assert (attempt.stop, _said(ends[1])) == (Stop.GIVEN_BACK, [Terminate()])
    clock.now_s += killed_after_s - 0.01
    slot.look_after()
    assert not attempt.killed
    clock.now_s += 0.02
    slot.look_after()
    assert attempt.killed


def test_what_was_killed_or_has_ended_is_not_asked_again(clock: Clock, ends: tuple[Channel, Channel]) -> None:
    slot = _slot(ends[0])
    slot.stop(Stop.CANCELLED, 5.0)  # nothing runs
    slot.attempt = attempt = _attempt()
    attempt.ended(0)
    slot.stop(Stop.CANCELLED, 5.0)
    assert (attempt.stop, _said(ends[1])) == (None, [])
    slot.attempt = attempt = _attempt()
    slot.stop(Stop.CANCELLED, 0.0)
    slot.look_after()
    slot.stop(Stop.CANCELLED, 1.0)
    assert attempt.kill_s == clock.now_s + END_S
    assert _said(ends[1]) == [Kill()]


def test_a_supervisor_that_does_not_end_a_job_is_killed_itself_and_the_job_is_the_workers_loss(
    clock: Clock, ends: tuple[Channel, Channel], supervisor: subprocess.Popen[bytes]
) -> None:
    slot = _slot(ends[0], supervisor.pid)
    slot.attempt = attempt = _attempt()
    slot.stop(Stop.TIME_LIMIT, 0.0)
    slot.look_after()
    clock.now_s += END_S - 0.1
    slot.look_after()
    assert not slot.is_lost
    assert supervisor.poll() is None
    clock.now_s += 0.2
    slot.look_after()
    assert slot.is_lost
    assert supervisor.wait(20) == -signal.SIGKILL
    assert attempt.outcome is not None
    assert attempt.outcome.cause is Cause.TIME_LIMIT, "it is known why it was to end"
    assert slot.why_lost == "its supervisor did not end a job in time"


def test_a_supervisor_that_is_not_ready_in_time_is_lost(clock: Clock, ends: tuple[Channel, Channel]) -> None:
    slot = Slot(0, ends[0], lambda _: None)
    clock.now_s += READY_S
    slot.look_after()
    assert (slot.is_free, slot.is_lost) == (False, False)
    clock.now_s += 0.1
    slot.look_after()
    assert (slot.is_lost, slot.why_lost) == (True, "its supervisor did not start in time")
    ready = _slot(ends[0])
    clock.now_s += 10 * READY_S
    ready.look_after()
    assert ready.is_free


def test_a_job_whose_supervisor_is_gone_is_charged_to_nobody_but_the_worker(
    ends: tuple[Channel, Channel],
) -> None:
    ours, its = ends
    its.send(Ready(Isolation.NAMESPACE, 1))
    began: list[Attempt] = []
    slot = Slot(3, ours, began.append)
    slot.hear()
    assert slot.isolation is Isolation.NAMESPACE
    slot.attempt = attempt = _attempt()
    its.send(ProgressReport(3, 2, 1))
    slot.hear()
    assert (attempt.reports.total, attempt.reports.done, attempt.reports.failed) == (3, 2, 1)
    its.close()
    slot.hear()
    assert slot.is_lost
    assert attempt.outcome is not None
    assert attempt.outcome.cause is Cause.WORKER_LOST
    assert attempt.outcome.message == "slot 3 was lost: its supervisor is gone"


def test_a_message_is_not_waited_for(ends: tuple[Channel, Channel]) -> None:
    slot = _slot(ends[0])
    began_s = time.monotonic()
    slot.hear()
    assert time.monotonic() - began_s < 5.0
    assert not slot.is_lost


@pytest.mark.parametrize(
    ("isolation", "sender", "known"),
    [
        (Isolation.NAMESPACE, 77, 77),
        (Isolation.NAMESPACE, None, None),  # what it calls itself in there is somebody else's number outside
        (Isolation.SUPERVISOR, 77, 77),
        (Isolation.GROUP, None, 12),
    ],
)
def test_a_process_is_known_by_the_kernels_number_and_by_its_own_where_that_means_the_same(
    ends: tuple[Channel, Channel], isolation: Isolation, sender: int | None, known: int | None
) -> None:
    began: list[Attempt] = []
    slot = Slot(3, ends[0], began.append)
    slot._take(Received(Ready(isolation, 12), sender))
    assert slot.supervisor == known
    slot.attempt = attempt = _attempt()
    slot._take(Received(Started(12), sender))
    assert (attempt.pid, began) == (known, [attempt])


def test_a_supervisor_that_says_what_makes_no_sense_is_lost_with_a_reason(ends: tuple[Channel, Channel]) -> None:
    slot = _slot(ends[0])
    slot.attempt = attempt = _attempt()
    ends[1]._end.send(b"GET / HTTP/1.1\r\n")
    slot.hear()
    assert slot.is_lost
    assert "if Themis was upgraded, restart the worker" in slot.why_lost
    assert attempt.outcome is not None
    assert attempt.outcome.cause is Cause.WORKER_LOST


def test_a_supervisor_that_cannot_begin_says_why(ends: tuple[Channel, Channel]) -> None:
    slot = Slot(3, ends[0], lambda _: None)
    ends[1].send(Refused("no room"))
    ends[1].close()
    slot.hear()
    assert (slot.is_lost, slot.why_lost) == (True, "no room")


def test_an_order_is_said_as_it_is_and_its_end_is_heard(ends: tuple[Channel, Channel]) -> None:
    slot = _slot(ends[0])
    order = RunJob("k", 1, "", "/log", 1)
    slot.start(_attempt(), order)
    assert _said(ends[1]) == [order]
    ends[1].send(Exited(3))
    slot.hear()
    assert slot.attempt is not None
    assert slot.attempt.outcome is not None
    assert slot.attempt.outcome.cause is Cause.EXIT_CODE


@pytest.mark.parametrize("isolation", list(Isolation))
def test_the_job_of_a_lost_supervisor_is_killed_by_the_worker_where_nobody_else_does(
    ends: tuple[Channel, Channel], isolation: Isolation
) -> None:
    program = "import time; print(flush=True); time.sleep(600)"
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as job:
        try:
            assert job.stdout is not None
            job.stdout.readline()
            slot = _slot(ends[0], isolation=isolation)
            slot.attempt = attempt = _attempt()
            attempt.pid = job.pid
            ends[1].close()
            slot.hear()
            assert slot.is_lost
            if isolation is Isolation.GROUP:
                until(lambda: job.poll() is not None, "the job to be killed", 20.0)
            else:
                assert job.poll() is None
        finally:
            job.kill()
