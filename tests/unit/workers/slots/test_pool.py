"""The slot pool when its processes cannot be started."""

import errno
from collections.abc import Iterator

import pytest

from themis.core.errors import SlotLostError
from themis_workers.channel import Channel
from themis_workers.slots import pool
from themis_workers.slots.pool import MOST_LOSSES, Slots
from themis_workers.wake import Wake


class GoneServer:
    """A fork server that has ended whenever it is asked."""

    pid = 1
    started = 0

    def __init__(self, isolation: str) -> None:
        """Start and end."""
        self.isolation = isolation
        type(self).started += 1

    def ask_for_supervisor(self) -> Channel:
        """Find nobody at the other end."""
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    def close(self, patience_s: float = 0.0) -> None:
        """Nothing is open."""


@pytest.fixture
def slots(monkeypatch: pytest.MonkeyPatch) -> Iterator[Slots]:
    monkeypatch.setattr(pool, "ForkServer", GoneServer)
    monkeypatch.setattr(pool, "PAUSE_S", 0.0)
    monkeypatch.setattr(GoneServer, "started", 0)
    with Wake() as wake:
        slots = Slots(wake, GoneServer("auto"), lambda attempt: None)  # type: ignore[arg-type]
        slots.count = 1
        yield slots
        slots.close()


def test_a_fork_server_that_ends_at_once_costs_its_slot_a_try_and_is_started_again(slots: Slots) -> None:
    for tries in range(1, MOST_LOSSES):
        slots.mend()
        assert list(slots) == []
        assert GoneServer.started == 1 + tries
    with pytest.raises(SlotLostError, match=r"slot 0 .*4 times in a row: .*cannot be started \(Broken pipe\)"):
        slots.mend()


def test_a_slot_that_could_not_be_started_waits_for_the_next_try(slots: Slots, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "PAUSE_S", 60.0)
    for _ in range(MOST_LOSSES + 1):
        slots.mend()
    assert GoneServer.started == 2
