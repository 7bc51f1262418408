"""The worker's side of a slot: a keeper at the other end of a channel, and the attempt that it runs."""

import contextlib
import os
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from themis.core.queue import Cause, Outcome
from themis.core.queue.troubles import Lack
from workers import messages
from workers.attempt import Attempt
from workers.exits import Stop

READY_S = 20.0
"""Seconds in which a keeper must be ready; forking one takes a few milliseconds."""

END_S = 15.0
"""Seconds in which a keeper must have ended a job that it was told to kill; else it is killed itself."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a job's process needs beside its claim.

    Attributes:
        manifest: the text of the job's manifest.
        log: where it prints to.
        log_limit_bytes: size at which the log is rotated.
        allow_modules: prefixes of the modules that it may import; None for all.
        device: its `CUDA_VISIBLE_DEVICES`; None leaves that alone.
    """

    manifest: str
    log: Path
    log_limit_bytes: int
    allow_modules: tuple[str, ...] | None
    device: str | None


class Slot:
    """Runs one attempt at a time.

    Attributes:
        number: from 0.
        isolation: `namespace` or `keeper`, once the keeper is ready.
        attempt: what it runs; it stays here, with its outcome, until it is settled.
        is_lost: whether the keeper is gone.
    """

    def __init__(self, number: int, channel: socket.socket, began: Callable[[Attempt], None]) -> None:
        """With the worker's end of the channel; `began` is told when an attempt's process is there."""
        channel.setblocking(False)  # noqa: FBT003  # a socket's own way
        self.number = number
        self.channel = channel
        self.isolation: str | None = None
        self.attempt: Attempt | None = None
        self.is_lost = False
        self.why_lost = "its keeper is gone"
        self._began = began
        self._keeper: int | None = None
        self._made_s = time.monotonic()

    @property
    def is_free(self) -> bool:
        """Whether it could run a job."""
        return self.isolation is not None and self.attempt is None and not self.is_lost

    @property
    def keeper(self) -> int | None:
        """The process below which all processes of its jobs are."""
        return self._keeper

    def start(self, attempt: Attempt, order: Order) -> None:
        """Have an attempt begin."""
        claim = attempt.claim
        self.attempt = attempt
        self._say(
            {
                "do": "run",
                "key": claim.key,
                "version": claim.version,
                "manifest": order.manifest,
                "log": str(order.log),
                "log_limit_bytes": order.log_limit_bytes,
                "allow_modules": order.allow_modules,
                "device": order.device,
                "cgroup": attempt.memory.cgroup if attempt.memory else None,
            }
        )

    def stop(self, why: Stop, grace_s: float) -> None:
        """Ask what runs to end, and have it killed if it has not within `grace_s` seconds; the first reason counts."""
        attempt = self.attempt
        if attempt is None or attempt.outcome is not None or attempt.killed:
            return
        kill_s = time.monotonic() + grace_s
        if attempt.stop is None:
            attempt.stop, attempt.kill_s = why, kill_s
            if grace_s > 0:
                attempt.asked = True
                self._say({"do": "terminate"})
        elif attempt.kill_s is not None:
            attempt.kill_s = min(attempt.kill_s, kill_s)

    def look_after(self) -> None:
        """Kill what did not end in time, and a keeper that is not up to its work."""
        now_s = time.monotonic()
        if self.isolation is None and now_s - self._made_s > READY_S:
            self._lose("its keeper did not begin in time")
        attempt = self.attempt
        if attempt is None or attempt.kill_s is None or now_s < attempt.kill_s:
            return
        if not attempt.killed:
            attempt.killed = True
            attempt.kill_s = now_s + END_S
            self._say({"do": "kill"})
        elif attempt.outcome is None:
            self._lose("its keeper did not end a job in time")

    def hear(self) -> None:
        """Take what the keeper and the job's process have to say."""
        with contextlib.suppress(BlockingIOError):
            while not self.is_lost:
                message, sender = messages.receive_with_sender(self.channel)
                if message is None:
                    self._lose(self.why_lost, is_gone=True)
                else:
                    self._take(message, sender)

    def close(self) -> None:
        """Let the keeper go: it ends everything that it keeps."""
        self.channel.close()

    def _take(self, message: dict[str, Any], sender: int | None) -> None:
        event = message.get("event")
        attempt = self.attempt
        if event == "ready":
            self.isolation, self._keeper = str(message.get("isolation")), sender
        elif event == "refused":
            self.why_lost = str(message.get("why"))
        elif attempt is None:
            return
        elif event == "started" and sender != self._keeper:
            attempt.pid = sender
            self._began(attempt)
        elif event == "report":
            attempt.reports.take(str(message.get("text")))
        elif event == "ended":
            attempt.ended(int(message.get("exit", 0)))
        elif event == "not begun":
            why = f"the system lacks what a process needs: {message.get('why')}"
            attempt.outcome = Outcome(Cause.OUTAGE, why, lack=Lack.SCARCE)

    def _lose(self, why: str, *, is_gone: bool = False) -> None:
        """The keeper is of no use any more, or gone; all that it keeps dies with it, and an attempt of its is lost."""
        self.is_lost, self.why_lost = True, why
        if self._keeper is not None and not is_gone:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(self._keeper, signal.SIGKILL)
        attempt = self.attempt
        if attempt is not None and attempt.outcome is None:
            attempt.ended(-signal.SIGKILL)
            if attempt.stop is None and attempt.outcome is not None and attempt.outcome.cause is Cause.SIGNAL:
                attempt.outcome = Outcome(Cause.WORKER_LOST, f"slot {self.number} was lost: {why}")

    def _say(self, message: dict[str, Any]) -> None:
        try:
            messages.send(self.channel, message)
        except OSError as error:
            self._lose(f"its keeper does not listen: {error.strerror}")
