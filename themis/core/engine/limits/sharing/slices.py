"""Slice of a provider's quotas: the calls that a process may begin next, and when."""

import math
from dataclasses import dataclass

from themis.core.engine.limits.provider_rules import ProviderRules
from themis.core.engine.limits.sharing.request_rate import SLICE_S, first_slot, seconds_each, take_slots
from themis.core.engine.limits.sharing.token_rate import TokenRate
from themis.core.shared_limits.quota_document import QuotaDocument, Slots

LATE_S = 0.5
"""Seconds for which a request that was taken may begin late; what the rates leave unused of a minute covers it."""

AHEAD_S = 1.0
"""Seconds ahead that a slice may be taken, by the process that was not served for longest; by others half of it."""


@dataclass(slots=True)
class Slice:
    """Calls that a process has taken of the quotas.

    Attributes:
        slots: when they may begin.
        tokens: what they may use in all; infinite without a limit.
        entry: the entry of the token log in which these tokens are; None without a limit.
    """

    slots: Slots
    tokens: float = math.inf
    entry: float | None = None

    def has_room(self, now: float, tokens: float) -> bool:
        """Whether a call of so many tokens may begin in it now or later; slots that are too late are skipped."""
        slots = self.slots
        while slots.count > 0 and slots.at + LATE_S < now:
            slots.at += slots.interval_s
            slots.count -= 1
            if not slots.interval_s:
                slots.count = 0
        return slots.count > 0 and tokens <= self.tokens

    def take(self, tokens: float) -> float:
        """Let a call begin; returns its slot."""
        slot = self.slots.at
        self.slots.at += self.slots.interval_s
        self.slots.count -= 1
        self.tokens -= tokens
        return slot

    def untake(self, slot: float, tokens: float) -> bool:
        """Take back the call that was let in last and not made; whether it was of this slice."""
        slots = self.slots
        if slots.at - slots.interval_s != slot:
            return False
        slots.at = slot
        slots.count += 1
        self.tokens += tokens
        return True


@dataclass(frozen=True, slots=True)
class Wish:
    """Calls that a process wants to begin.

    Attributes:
        calls: their number.
        tokens: what the next one may use.
        is_next: whether no other process that waits was served before this one.
    """

    calls: int
    tokens: float
    is_next: bool


def take_slice(document: QuotaDocument, now: float, rules: ProviderRules, wish: Wish) -> Slice | float:
    """Take the next slice of the quotas; in its place, seconds after which to try again."""
    interval_s = 0.0 if rules.requests_per_minute is None else seconds_each(rules.requests_per_minute)
    ahead_s = AHEAD_S if wish.is_next else AHEAD_S / 2
    latest = now + AHEAD_S + SLICE_S + interval_s  # else a clock or a writer was wrong
    document.next_request = min(document.next_request, latest)
    at = first_slot(document, now, interval_s) if interval_s else now
    rate = None if rules.tokens_per_minute is None else TokenRate(document.tokens, rules.tokens_per_minute)
    if rate is not None and (wait_s := rate.wait_s(now, wish.tokens)) > 0:
        at = max(at, now + wait_s)
    if at > now + ahead_s:
        return at - ahead_s - now
    until = max(now, at) + SLICE_S
    slots = take_slots(document, at, until, interval_s, wish.calls) if interval_s else Slots(at, 0.0, wish.calls)
    if rate is None:
        return Slice(slots)
    tokens = max(wish.tokens, min(wish.tokens * slots.count, rate.in_seconds(SLICE_S)))
    if tokens > wish.tokens and rate.wait_s(at, tokens) > 0:
        tokens = wish.tokens
    return Slice(slots, tokens, rate.take(at, tokens))
