"""Slot pool of a worker: supervisors that die are replaced."""

import time
from collections.abc import Callable, Iterator

from themis.core.errors import SlotLostError
from themis_workers.channel import Channel
from themis_workers.slots.attempt import Attempt
from themis_workers.slots.fork_server_client import ForkServer
from themis_workers.slots.slot import Slot
from themis_workers.telemetry import logs
from themis_workers.wake import Wake

MOST_LOSSES = 4
"""Number of supervisors in a row that fail to start until a slot counts as lost for good."""

PAUSE_S = 1.0
"""Seconds until the next try: a lacking resource may be free again by then."""


class Slots:
    """The slots, each with a supervisor.

    Attributes:
        count: number of slots that `mend` keeps up.
    """

    def __init__(self, wake: Wake, fork_server: ForkServer, began: Callable[[Attempt], None]) -> None:
        """Start no slots yet; the slots own the fork server from here on, and replace it when it is lost."""
        self._wake = wake
        self._began = began
        self._slots: dict[int, Slot] = {}
        self._losses: dict[int, int] = {}
        self._again_s: dict[int, float] = {}
        self.count = 0
        self._fork_server = fork_server

    def __iter__(self) -> Iterator[Slot]:
        """Iterate over the existing slots by number."""
        return iter(sorted(self._slots.values(), key=lambda slot: slot.number))

    @property
    def pids(self) -> list[int]:
        """PIDs of the fork server and the supervisors."""
        return [self._fork_server.pid, *(slot.supervisor for slot in self if slot.supervisor is not None)]

    @property
    def are_up(self) -> bool:
        """Whether every slot up to `count` is ready for jobs or runs one."""
        ready = {slot.number for slot in self if slot.isolation is not None and not slot.is_lost}
        return ready.issuperset(range(self.count))

    def free(self) -> Slot | None:
        """A slot that can run a job now; None without one."""
        return next((slot for slot in self if slot.is_free and slot.number < self.count), None)

    def running(self) -> list[Slot]:
        """The slots with an attempt."""
        return [slot for slot in self if slot.attempt is not None]

    def mend(self) -> None:
        """Replace lost slots, start missing ones, and close surplus ones as soon as they are free.

        Raises:
            SlotLostError: a slot was lost and cannot be replaced.
        """
        for slot in self:
            if slot.is_lost:
                self._wake.forget(slot.channel)  # a closed channel would wake the loop all the time
        for slot in [slot for slot in self if slot.attempt is None]:
            if slot.is_lost:
                self._note_loss(slot)
            if slot.is_lost or slot.number >= self.count:
                self._drop(slot)
        for number in range(self.count):
            if number not in self._slots and time.monotonic() >= self._again_s.get(number, 0.0):
                self._start(number)

    def close(self) -> None:
        """End all supervisors with their jobs, and the fork server."""
        for slot in list(self):
            self._drop(slot)
        self._fork_server.close(patience_s=5.0)

    def _note_loss(self, slot: Slot) -> None:
        if slot.isolation is None:
            self._note_no_start(slot.number, slot.why_lost)
            return
        logs.warn("a slot was lost; it is replaced", slot=slot.number, why=slot.why_lost)
        self._losses.pop(slot.number, None)

    def _note_no_start(self, number: int, why: str) -> None:
        losses = self._losses[number] = self._losses.get(number, 0) + 1
        logs.warn("a slot could not be started", slot=number, why=why)
        if losses >= MOST_LOSSES:
            raise SlotLostError(slot=number, times=losses, detail=why)
        self._again_s[number] = time.monotonic() + PAUSE_S

    def _start(self, number: int) -> None:
        try:
            channel = self._ask_for_supervisor()
        except OSError as error:  # one that ends as soon as it is started may be gone before it is asked
            self._note_no_start(number, f"the fork server cannot be started ({error.strerror})")
            return
        slot = self._slots[number] = Slot(number, channel, self._began)
        self._wake.listen(channel, slot.hear)

    def _ask_for_supervisor(self) -> Channel:
        try:
            return self._fork_server.ask_for_supervisor()
        except OSError:
            logs.warn("the fork server was lost; it is replaced")
            self._fork_server.close()
            self._fork_server = ForkServer(self._fork_server.isolation)
            return self._fork_server.ask_for_supervisor()

    def _drop(self, slot: Slot) -> None:
        self._wake.forget(slot.channel)
        slot.close()
        self._slots.pop(slot.number, None)
