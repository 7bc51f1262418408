"""Supervisors that a fork server starts, as the worker knows them."""

import os
import select
import signal
from collections.abc import Iterator

import pytest

from tests.processes.worker_world import is_gone
from tests.support.waiting import until
from themis.core.processes.isolation import Isolation
from themis_workers import capabilities, linux
from themis_workers.channel import Channel
from themis_workers.slots.fork_server_client import ForkServer
from themis_workers.slots.slot import Slot

pytestmark = pytest.mark.skipif(
    capabilities.why_not(Isolation.SUPERVISOR) is not None, reason="this isolation is not possible here"
)


@pytest.fixture
def fork_server() -> Iterator[ForkServer]:
    made = ForkServer("supervisor")
    yield made
    made.close(patience_s=5.0)


def listened_to_late(channel: Channel) -> Slot:
    """A slot that is made only after its supervisor has spoken, as by a worker that had no time before."""
    assert select.select([channel], [], [], 20.0)[0]
    slot = Slot(0, channel, lambda _: None)
    slot.hear()
    return slot


@pytest.mark.slow
def test_a_supervisor_that_answers_before_anybody_listens_is_known_all_the_same(fork_server: ForkServer) -> None:
    slot = listened_to_late(fork_server.ask_for_supervisor())
    assert slot.supervisor in linux.descendants(fork_server.pid)
    slot.close()


@pytest.mark.slow
def test_a_signal_to_all_processes_of_a_worker_leaves_its_supervisors_alone(fork_server: ForkServer) -> None:
    os.kill(fork_server.pid, signal.SIGTERM)  # it is still being loaded
    slot = listened_to_late(fork_server.ask_for_supervisor())
    assert slot.supervisor is not None
    for pid in (slot.supervisor, fork_server.pid):
        os.kill(pid, signal.SIGTERM)
    other = listened_to_late(fork_server.ask_for_supervisor())
    assert not is_gone(slot.supervisor)
    slot.close()
    other.close()


@pytest.mark.slow
def test_a_lost_slot_costs_nobody_but_its_supervisor(fork_server: ForkServer) -> None:
    slots = [listened_to_late(fork_server.ask_for_supervisor()) for _ in range(2)]
    lost, other = (slot.supervisor for slot in slots)
    assert lost is not None
    assert other is not None
    os.kill(lost, 9)
    until(lambda: is_gone(lost), "the supervisor to be gone")
    assert select.select([slots[0].channel], [], [], 20.0)[0]
    slots[0].hear()
    assert slots[0].is_lost
    assert not is_gone(other)
    for slot in slots:
        slot.close()
