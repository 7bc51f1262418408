"""Content of a quota file: what the processes of this host have taken of one key's limits.

Times are seconds of the system's monotonic clock, which all processes of a host share until it is started again.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from themis.core.values.adaptive import AdaptiveState
from themis.core.values.run_rules import RunRules

MOST_HOLDERS = 1_000
MOST_ENTRIES = 1_000
"""Stretches of free slots, and of tokens, that a file may hold."""


@dataclass(slots=True)
class Slots:
    """Times at which requests may begin: `count` of them from `at` on, one every `interval_s` seconds."""

    at: float
    interval_s: float
    count: int

    def after(self, now: float) -> "Slots | None":
        """Return those that are still to come; None when there are none."""
        passed = 0 if self.at > now else self.count
        if self.at <= now and self.interval_s > 0:
            passed = min(self.count, math.floor((now - self.at) / self.interval_s) + 1)
        left = self.count - passed
        return Slots(self.at + passed * self.interval_s, self.interval_s, left) if left > 0 else None


@dataclass(slots=True)
class Pause:
    """Time during which no call may begin, since the provider asked for less.

    Attributes:
        until: its end.
        began: time of the reply that asked for it.
        why: its cause.
    """

    until: float = -math.inf
    began: float = -math.inf
    why: str = ""


@dataclass(slots=True)
class TokenState:
    """Tokens that were taken.

    Attributes:
        next: when the next call is due, by even spacing.
        log: first time, last time and tokens of the calls that began together, in the last minute.
    """

    next: float = 0.0
    log: list[list[float]] = field(default_factory=list)


@dataclass(slots=True)
class QuotaHolder:
    """A process that shares the limits.

    Attributes:
        pid, pid_started: as the process sees itself; the start is in clock ticks.
        at: time of this report.
        rules: what the configurations of its runs say.
        in_flight, waiting: its calls.
        granted: calls that it may have in flight.
        served: time at which a call of it last began.
        slots: requests that it has taken and not begun.
        more: values that this version does not know.
    """

    pid: int
    pid_started: int
    at: float
    rules: RunRules
    in_flight: int = 0
    waiting: int = 0
    granted: int = 0
    served: float = 0.0
    slots: Slots | None = None
    more: tuple[Any, ...] = ()


@dataclass(slots=True)
class QuotaDocument:
    """The limits of one key at one provider, as the processes of a host share them.

    Attributes:
        provider: its public name.
        boot_id: of the machine's start since which the times are valid.
        holders: the processes, by the number of the lock that proves that each is alive.
        next_request: when the next request is due.
        free: slots that were taken, and given back before their time.
        tokens: what was taken of the tokens.
        pause: the last pause that the provider asked for.
        adaptive: what its answers have shown.
        more: fields that this version does not know.
    """

    provider: str
    boot_id: str = ""
    holders: dict[int, QuotaHolder] = field(default_factory=dict)
    next_request: float = 0.0
    free: list[Slots] = field(default_factory=list)
    tokens: TokenState = field(default_factory=TokenState)
    pause: Pause = field(default_factory=Pause)
    adaptive: AdaptiveState | None = None
    more: Mapping[str, Any] = field(default_factory=dict)

    def drop(self, number: int, now: float) -> None:
        """Remove a process; the slots whose time has not come are free for others."""
        holder = self.holders.pop(number, None)
        if holder is not None:
            self.give_back(holder.slots, now)

    def give_back(self, slots: Slots | None, now: float) -> None:
        """Free slots, but for those whose time has come: a request may have begun in them."""
        left = slots.after(now) if slots is not None else None
        if left is not None and len(self.free) < MOST_ENTRIES:
            self.free.append(left)
            self.free.sort(key=lambda one: one.at)
