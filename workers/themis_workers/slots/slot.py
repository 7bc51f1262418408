"""Slot: the worker's side of a slot supervisor, and the attempt that it runs."""

import contextlib
import os
import signal
import time
from collections.abc import Callable

from themis.core.errors import MessageError
from themis.core.processes.isolation import Isolation
from themis.core.queue import AttemptOutcome, Cause
from themis.core.queue.model.outages import Lack
from themis_workers.channel import Channel, Received
from themis_workers.messages import (
    ClaimLost,
    Exited,
    Kill,
    Message,
    NotStarted,
    ProgressReport,
    Ready,
    Refused,
    RunEnded,
    RunJob,
    Started,
    Stopped,
    Terminate,
)
from themis_workers.slots.attempt import Attempt
from themis_workers.slots.exits import Stop

READY_S = 20.0
"""Seconds within which a supervisor must be ready; forking one takes a few milliseconds."""

END_S = 15.0
"""Seconds within which a supervisor must have killed a job when told to; else it is killed itself."""


class Slot:
    """Runs one attempt at a time.

    Attributes:
        number: from 0.
        isolation: of its jobs; None until the supervisor is ready.
        attempt: that it runs; it stays here, with its outcome, until it is settled.
        is_lost: whether the supervisor is gone.
    """

    def __init__(self, number: int, channel: Channel, began: Callable[[Attempt], None]) -> None:
        """Use the worker's end of `channel`; `began` is called when the process of an attempt has started."""
        self.number = number
        self.channel = channel
        self.isolation: Isolation | None = None
        self.attempt: Attempt | None = None
        self.is_lost = False
        self.why_lost = "its supervisor is gone"
        self._began = began
        self._supervisor: int | None = None
        self._made_s = time.monotonic()

    @property
    def is_free(self) -> bool:
        """Whether it can run a job now."""
        return self.isolation is not None and self.attempt is None and not self.is_lost

    @property
    def supervisor(self) -> int | None:
        """PID of the supervisor, below which all processes of its jobs are; None until it is known."""
        return self._supervisor

    def start(self, attempt: Attempt, order: RunJob, lease: int | None = None) -> None:
        """Start an attempt; `lease` is a descriptor of the memory that says when its lease is over."""
        self.attempt = attempt
        self._say(order, lease)

    def stop(self, why: Stop, grace_s: float) -> None:
        """Ask the attempt to end, and kill it after `grace_s` seconds; the first reason counts."""
        attempt = self.attempt
        if attempt is None or attempt.outcome is not None or attempt.killed:
            return
        kill_s = time.monotonic() + grace_s
        if attempt.stop is None:
            attempt.stop, attempt.kill_s = why, kill_s
            if grace_s > 0:
                attempt.asked = True
                self._say(Terminate())
        elif attempt.kill_s is not None:
            attempt.kill_s = min(attempt.kill_s, kill_s)

    def look_after(self) -> None:
        """Kill an attempt that did not end in time, and a supervisor that does not respond."""
        now_s = time.monotonic()
        if self.isolation is None and now_s - self._made_s > READY_S:
            self._lose("its supervisor did not start in time")
        attempt = self.attempt
        if attempt is None or attempt.kill_s is None or now_s < attempt.kill_s:
            return
        if not attempt.killed:
            attempt.killed = True
            attempt.kill_s = now_s + END_S
            self._say(Kill())
        elif attempt.outcome is None:
            self._lose("its supervisor did not end a job in time")

    def hear(self) -> None:
        """Handle the messages of the supervisor and of the job's process."""
        try:
            while not self.is_lost:
                received = self.channel.receive()
                if received is None:
                    self._lose(self.why_lost, is_gone=True)
                else:
                    self._take(received)
        except BlockingIOError:
            pass
        except MessageError as error:
            self._lose(str(error))

    def close(self) -> None:
        """Close the channel, whereupon the supervisor kills its job and ends."""
        self.channel.close()

    def _take(self, received: Received) -> None:
        message, attempt = received.message, self.attempt
        if isinstance(message, Ready):
            self.isolation = message.isolation
            self._supervisor = self._number(received, message.pid)
        elif isinstance(message, Refused):
            self.why_lost = message.why
        elif attempt is None:
            return
        elif isinstance(message, Started):
            attempt.pid = self._number(received, message.pid)
            self._began(attempt)
        elif isinstance(message, ProgressReport | RunEnded | Stopped | ClaimLost):
            attempt.reports.take(message)
        elif isinstance(message, Exited):
            attempt.ended(message.exit_code)
        elif isinstance(message, NotStarted):
            why = f"its process could not be started: {message.why}"
            attempt.outcome = AttemptOutcome(Cause.OUTAGE, why, lack=Lack.SCARCE)

    def _number(self, received: Received, said: int) -> int | None:
        """PID of a message's sender: from the kernel, else, outside of namespaces, from the message."""
        if received.sender is not None or self.isolation is Isolation.NAMESPACE:
            return received.sender
        return said

    def _lose(self, why: str, *, is_gone: bool = False) -> None:
        """Give up a supervisor that is gone or useless; its job is killed with it, and the attempt is lost."""
        self.is_lost, self.why_lost = True, why
        if self._supervisor is not None and not is_gone:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(self._supervisor, signal.SIGKILL)
        attempt = self.attempt
        if self.isolation is Isolation.GROUP and attempt is not None and attempt.pid is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(attempt.pid, signal.SIGKILL)  # no other process does
        if attempt is not None and attempt.outcome is None:
            attempt.ended(-signal.SIGKILL)
            if attempt.stop is None and attempt.outcome is not None and attempt.outcome.cause is Cause.SIGNAL:
                attempt.outcome = AttemptOutcome(Cause.WORKER_LOST, f"slot {self.number} was lost: {why}")

    def _say(self, message: Message, descriptor: int | None = None) -> None:
        try:
            self.channel.send(message, descriptor=descriptor)
        except OSError as error:
            self._lose(f"its supervisor cannot be reached: {error.strerror}")
