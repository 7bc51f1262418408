"""Part of this process in the shared limits of one provider: it knows the terms, and when to exchange again."""

from collections import deque
from collections.abc import Callable
from dataclasses import replace

from themis.core.engine.limits.adaptive import AdaptiveLimit
from themis.core.engine.limits.provider_rules import ProviderRules, strictest
from themis.core.engine.limits.sharing.exchange import Report, Seen, Terms
from themis.core.engine.limits.sharing.ledger import Ledger
from themis.core.engine.limits.sharing.request_rate import SLICE_S
from themis.core.engine.limits.sharing.slices import Slice
from themis.core.shared_limits.quota_document import Pause
from themis.core.values.run_rules import NO_OPERATOR, RunRules

QUIET_S = 0.25
"""Seconds after which a process that need not exchange says all the same that it is there, and looks."""

BUSY_S = 0.002
"""Seconds after which an exchange is tried again that found another process at it."""

_FEW = 8  # processes that exchange as often as a slice lasts; more of them take longer turns
_MOST_SEEN = 1_000
_NOTHING = Terms(ProviderRules(), 1, None, None, None, 0.0, Pause())


class Part:
    """The part of this process in the limits of one provider; the caller keeps threads apart.

    Attributes:
        terms: outcome of the last exchange.
        rules, operator: what the runs of this process, and the operator, say.
        served: when a call last began.
    """

    def __init__(self, ledger: Ledger) -> None:
        """Take part through `ledger`, from the first exchange on."""
        self._ledger = ledger
        self._slice: Slice | None = None
        self._corrections: dict[float, float] = {}
        self._seen: deque[Seen] = deque(maxlen=_MOST_SEEN)
        self._exchanged_at = float("-inf")
        self._no_slice_before = float("-inf")
        self.terms = _NOTHING
        self.rules = RunRules(tasks=0)
        self.operator = NO_OPERATOR
        self.served = 0.0

    @property
    def account(self) -> str:
        """Hash of the key; empty for no key, and while it is not known."""
        return self._ledger.account

    @property
    def has_company(self) -> bool:
        """Whether other processes share the limits."""
        return self.terms.processes > 1

    @property
    def interval_s(self) -> float:
        """Seconds between two exchanges while there is something to say."""
        return SLICE_S * max(1.0, self.terms.processes / _FEW)

    def says(self, rules: RunRules) -> None:
        """Follow new rules of this process's runs, or of the operator, until the next exchange."""
        self.rules = rules
        self.terms = replace(self.terms, rules=strictest([rules], self.operator))
        self._exchanged_at = self._no_slice_before = float("-inf")

    def is_due(self, now: float, every_s: float) -> bool:
        """Whether the last exchange is so long ago."""
        return now - self._exchanged_at >= every_s

    @property
    def is_shared(self) -> bool:
        """Whether other processes could take part."""
        return self._ledger.is_shared

    def exchange(
        self,
        now: float,
        in_flight: int,
        waiting: Callable[[], int],
        pause: Pause,
        adaptive: AdaptiveLimit | None,
        *,
        tokens: float | None = None,
    ) -> bool:
        """Exchange with the other processes; whether it was possible just now.

        Args:
            now: the time.
            in_flight: calls of this process.
            waiting: returns the number of those that wait.
            pause: the last pause that is known here.
            adaptive: the limit that follows answers, which is brought up to date.
            tokens: what the next call may use, if it needs a slice.
        """
        calls = waiting()
        report = Report(
            rules=self.rules,
            operator=self.operator,
            in_flight=in_flight,
            waiting=calls,
            served=self.served,
            wanted=0 if tokens is None else max(1, calls),
            tokens=tokens or 0.0,
            corrections=self._corrections,
            pause=pause,
            adaptive=adaptive,
            seen=self._seen,
        )
        held = self._slice
        if tokens is not None and held is not None:
            report.unused = held.slots if held.slots.count else None
            self._return_tokens(held)
        elif held is not None and held.slots.count:
            report.held = held.slots
        terms = self._ledger.exchange(report, now)
        if terms is None:
            return False
        if tokens is not None:
            self._slice = terms.slice
        self._corrections = {}
        self._seen.clear()
        self._exchanged_at = now
        if terms.rules != self.terms.rules:
            self._no_slice_before = float("-inf")
        self.terms = terms
        if terms.slice is None and terms.wait_s:
            self._no_slice_before = now + min(terms.wait_s, QUIET_S if self.has_company else terms.wait_s)
        return True

    def slice_wait_s(self, now: float, tokens: float) -> float | None:
        """Seconds until a call may begin in the slice that is held; None when another slice is needed."""
        if self._slice is not None and self._slice.has_room(now, tokens):
            return max(0.0, self._slice.slots.at - now)
        if now < self._no_slice_before:
            return self._no_slice_before - now
        return None

    def take(self, now: float, tokens: float) -> tuple[float | None, float | None]:
        """Let a call begin; returns its slot and the entry of the token log, if there are quotas."""
        self.served = now
        if self._slice is None or not self.terms.rules.are_metered:
            return None, None
        return self._slice.take(tokens), self._slice.entry

    def untake(self, slot: float | None, entry: float | None, tokens: float) -> None:
        """Take back a call that was let in and not made."""
        if slot is None:
            return
        if self._slice is None or not self._slice.untake(slot, tokens):
            self.correct(entry, -tokens)

    def correct(self, entry: float | None, more: float) -> None:
        """Count `more` tokens, or less if it is negative, from the next exchange on."""
        if entry is not None and more:
            self._corrections[entry] = self._corrections.get(entry, 0.0) + more
            if more < 0:
                self._no_slice_before = float("-inf")

    @property
    def lacks_tokens(self) -> bool:
        """Whether it is tokens, more than requests, that the next slice waits for."""
        return self._slice is None or self._slice.slots.count > 0

    def saw(self, seen: Seen) -> None:
        """Keep the end of a call for the next exchange."""
        self._seen.append(seen)

    def close(self, now: float) -> None:
        """Take part no longer."""
        self._ledger.close(now)

    def _return_tokens(self, held: Slice) -> None:
        if held.entry is not None and held.tokens > 0:
            self.correct(held.entry, -held.tokens)
            held.tokens = 0.0
