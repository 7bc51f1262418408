"""Limits on concurrent calls and on the rate of requests to a provider.

A call enters through the gate of its stage and provider. A gate opens only when all its limits have room, and then
takes from all of them at once: no call holds one limit while it waits for another, so there is no deadlock, and no
limit stays idle because of a queue at another one.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Protocol

from themis.core.config import RuntimeConfig
from themis.core.configuration.secrets import redact_urls
from themis.core.outcomes.stages import NAMES, Stage

# A rate may catch up on calls missed within this time, since timers are coarser than a high rate's interval.
_RATE_CATCH_UP_S = 0.25


def idle_limits(runtime: RuntimeConfig, provider: str | None) -> list[str]:
    """Return a warning for each limit of a provider that a run, which calls only `provider`, does not call."""
    asked = "its generator names no provider" if provider is None else f"this run only calls {provider!r}"
    found = []
    for key in ("provider_concurrency", "provider_rate_limits"):
        for name in getattr(runtime, key):
            near = get_close_matches(name, [provider], n=1) if provider else []
            hint = f"; did you mean {provider!r}?" if near else ""
            found += [f"runtime.{key}: {name!r} limits nothing: {asked}{hint}"] if name != provider else []
    return [str(redact_urls(text)) for text in found]


class Limit(Protocol):
    """A resource of which each call takes one unit."""

    def wait_s(self, now: float) -> float | None:
        """Seconds until there is room: 0 for now, None when it depends on a call that is in flight."""

    def take(self, now: float) -> None:
        """Take one unit."""

    def give(self) -> None:
        """Return the unit when the call ends, if this kind of limit gets it back."""


class Capacity:
    """A limit on the number of calls in flight."""

    __slots__ = ("_free",)

    def __init__(self, calls: int) -> None:
        """Allow `calls` at a time."""
        self._free = calls

    def wait_s(self, now: float) -> float | None:
        """0 when there is room, else None."""
        del now
        return 0.0 if self._free > 0 else None

    def take(self, now: float) -> None:
        """Count one more call in flight."""
        del now
        self._free -= 1

    def give(self) -> None:
        """Count one call less in flight."""
        self._free += 1


class Rate:
    """A limit on calls per minute, evenly spaced (the generic cell rate algorithm, ITU-T I.371)."""

    __slots__ = ("_interval", "_next")

    def __init__(self, per_minute: float) -> None:
        """Allow one call every `60 / per_minute` seconds."""
        self._interval = 60.0 / per_minute
        self._next = 0.0

    def wait_s(self, now: float) -> float | None:
        """Seconds until the next call is due."""
        return max(0.0, self._next - now)

    def take(self, now: float) -> None:
        """Count a call; the next one is due an interval later."""
        floor = now - _RATE_CATCH_UP_S if self._next else now
        self._next = max(self._next, floor) + self._interval

    def give(self) -> None:
        """Do nothing: a call that was made still counts."""


class Gate:
    """The entry for calls of one kind; first come, first served."""

    __slots__ = ("_admission", "_asks_time", "_limits", "waiters")

    def __init__(self, limits: Sequence[Limit], admission: "Admission") -> None:
        """A gate with `limits`, woken by `admission`."""
        self._limits = tuple(limits)
        self._asks_time = not all(isinstance(limit, Capacity) for limit in limits)
        self._admission = admission
        self.waiters: deque[asyncio.Future[None]] = deque()

    def wait_s(self, now: float) -> float | None:
        """Seconds until all limits have room; None when another call must end first."""
        longest = 0.0
        for limit in self._limits:
            wait = limit.wait_s(now)
            if wait is None:
                return None
            longest = max(longest, wait)
        return longest

    def take(self, now: float) -> None:
        """Take one unit of each limit."""
        for limit in self._limits:
            limit.take(now)

    def enter_at_once(self) -> bool:
        """Whether the call may begin now; if so, `leave` must follow. Waiting calls are never overtaken."""
        if self.waiters:
            return False
        now = asyncio.get_running_loop().time() if self._asks_time else 0.0
        # Inlined `wait_s` and `take`: every case comes through here, and the calls would cost as much as their work.
        for limit in self._limits:
            if limit.wait_s(now) != 0.0:
                return False
        for limit in self._limits:
            limit.take(now)
        return True

    async def enter(self) -> None:
        """Wait until the call may begin; `leave` must follow."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.waiters.append(turn)
        self._admission.waiting += 1
        self._admission.admit()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.leave()
            elif turn in self.waiters:
                self.waiters.remove(turn)
                self._admission.waiting -= 1
            raise

    def leave(self) -> None:
        """End the call, and admit others that wait."""
        for limit in self._limits:
            limit.give()
        if self._admission.waiting:
            self._admission.admit()


class Admission:
    """All gates of a run, and the limits that they share."""

    def __init__(self, runtime: RuntimeConfig) -> None:
        """The limits of `runtime`."""
        self._runtime = runtime
        self._everything = Capacity(runtime.max_concurrent_tasks)
        self._stages = {key: Capacity(calls) for key, calls in runtime.stage_concurrency.items()}
        self._providers = {key: Capacity(calls) for key, calls in runtime.provider_concurrency.items()}
        self._rates = {key: Rate(per_minute) for key, per_minute in runtime.provider_rate_limits.items()}
        self._gates: dict[tuple[Stage, str | None], Gate] = {}
        self._timer: asyncio.TimerHandle | None = None
        self.waiting = 0

    def gate(self, stage: Stage, provider: str | None = None) -> Gate:
        """The gate of a stage, and of the provider that the stage calls."""
        known = self._gates.get((stage, provider))
        if known is None:
            shared = (self._stages.get(NAMES[stage].concurrency_key),)
            if provider is not None:
                shared += (self._providers.get(provider), self._rates.get(provider))  # type: ignore[assignment]
            limits = [self._everything, *(limit for limit in shared if limit is not None)]
            known = self._gates[stage, provider] = Gate(limits, self)
        return known

    def admit(self) -> None:
        """Admit every call that may begin, and run again when a rate will have room."""
        now = asyncio.get_running_loop().time()
        soonest: float | None = None
        for gate in self._gates.values():
            wait = self._admit_through(gate, now)
            if wait is not None:
                soonest = wait if soonest is None else min(soonest, wait)
        if soonest is not None:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = asyncio.get_running_loop().call_later(soonest, self.admit)

    def _admit_through(self, gate: Gate, now: float) -> float | None:
        """Admit waiting calls of a gate; seconds until a rate has room for the next one, else None."""
        while gate.waiters:
            if not gate.waiters[0].done():  # done: its task was cancelled
                wait = gate.wait_s(now)
                if wait != 0.0:
                    return wait
                gate.take(now)
                gate.waiters[0].set_result(None)
            gate.waiters.popleft()
            self.waiting -= 1
        return None
