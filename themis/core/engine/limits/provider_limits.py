"""The limits of one provider, shared by all runs of this process that ask it; safe in threads."""

import math
import threading
import time

from themis.core.configuration.provider_names import public_name
from themis.core.engine.limits.adaptive import ALL, AdaptiveLimit
from themis.core.engine.limits.feedback import Feedback, Ticket
from themis.core.engine.limits.provider_rules import ProviderRules
from themis.core.engine.limits.share import Share, next_in_turn
from themis.core.engine.limits.sharing.exchange import Seen
from themis.core.engine.limits.sharing.ledger import Ledger, MemoryLedger
from themis.core.engine.limits.sharing.part import BUSY_S, QUIET_S, Part
from themis.core.engine.limits.throttling_pauses import ThrottlingPauses
from themis.core.engine.limits.token_estimate import tokens_used
from themis.core.values.provider_state import ProviderState
from themis.core.values.run_rules import OperatorRules, RunRules, together

LOOK_AGAIN_S = 1.0
"""Seconds after which a run whose calls wait for others looks again, if nothing wakes it before."""

_YIELD_S = 0.05
_SHORTEST_WAIT_S = 0.001  # a timer that is due by less than a clock tells apart would only spin
_RECENT_S = 60.0


class ProviderLimits:
    """All limits of one provider; a call takes from all of them at once, or waits and holds nothing.

    While several runs wait they take turns, call by call. Other processes that ask with the same key share the
    limits, as far as the ledger reaches. Times are those of the event loops, which share one clock.

    Attributes:
        provider: its `provider_key`.
        name: the same without secrets.
    """

    def __init__(self, provider: str, ledger: Ledger | None = None, *, is_asked_elsewhere: bool = False) -> None:
        """Limits without a run.

        Args:
            provider: its `provider_key`.
            ledger: shares them with other processes; None for this process alone.
            is_asked_elsewhere: whether other processes may share them already.
        """
        self.provider = provider
        self.name = public_name(provider)
        self._lock = threading.Lock()
        self._shares: list[Share] = []
        self._adaptive: AdaptiveLimit | None = None
        self._closing = ThrottlingPauses()
        self._in_flight = 0
        self._turn = 0
        self._throttled_at = -math.inf
        self._status: int | None = None
        self._part = Part(MemoryLedger() if ledger is None else ledger)
        self._looks = is_asked_elsewhere

    # --- runs, and the operator

    def join(self, share: Share) -> None:
        """Take part; the strictest of all runs' configurations holds."""
        with self._lock:
            self._shares.append(share)
            self._combine()

    def leave(self, share: Share) -> bool:
        """Take part no longer; whether another run does."""
        with self._lock:
            self._shares.remove(share)
            if self._shares:
                self._combine()
            return bool(self._shares)

    def follow(self, share: Share, rules: RunRules) -> None:
        """Follow other rules of a run that takes part."""
        with self._lock:
            share.rules = rules
            self._combine()

    def set_operator(self, rules: OperatorRules) -> None:
        """Follow the operator, besides what the configurations say."""
        with self._lock:
            if rules != self._part.operator:
                self._part.operator = rules
                self._combine()

    def keep_in_touch(self, now: float) -> None:
        """Exchange with the other processes if that was not done for a while: nothing may happen here for long."""
        with self._lock:
            if not self._part.is_shared or not self._part.is_due(now, max(QUIET_S, self._part.interval_s)):
                return
            if self._exchange(now):
                self._wake_all()

    def close(self, now: float) -> None:
        """Leave the limits to other processes."""
        with self._lock:
            self._part.close(now)

    @property
    def account(self) -> str:
        """Hash of the key; empty for no key, and while it is not known."""
        return self._part.account

    @property
    def limits_tokens(self) -> bool:
        """Whether a call needs an estimate of its tokens."""
        return self._rules.tokens_per_minute is not None

    # --- calls

    def try_take(self, share: Share, now: float, ticket: Ticket | None) -> float:
        """Let a call begin, and return 0; else the seconds after which to try again, if nothing wakes it before."""
        tokens = ticket.tokens if ticket is not None else 0
        with self._lock:
            wait_s = self._wait_s(now, tokens)
            if wait_s > 0.0:
                share.no_room()
                share.refused(self._turn)
                return wait_s
            if not share.wants:
                share.turns = max(share.turns, self._turn)
            other = next_in_turn(self._shares, share) if len(self._shares) > 1 else None
            if other is not None and other.turns < share.turns and share.yields(now):
                share.refused(self._turn)
                other.wake()
                return _YIELD_S
            self._take(share, now, ticket)
            if other is not None and other.has_yielded:
                other.wake()
            return 0.0

    def stop_wanting(self, share: Share) -> None:
        """Note that no call of a run waits for this provider any more."""
        with self._lock:
            share.wants = False
            share.no_room()
            self._wake_next(share)

    def give(self, share: Share, now: float, ticket: Ticket | None, feedback: Feedback | None) -> None:
        """End a call; `feedback` is None when nothing is known of its end."""
        with self._lock:
            if feedback is not None:
                self._learn(now, ticket or Ticket(sent_at=now), feedback)
            self._in_flight -= 1
            self._wake_next(share)

    def give_unused(self, share: Share, ticket: Ticket | None) -> None:
        """Take back a call that was let in and not made: it counts for nothing."""
        with self._lock:
            if ticket is not None:
                self._part.untake(ticket.slot, ticket.entry, ticket.tokens)
            self._in_flight -= 1
            self._wake_next(share)

    def state(self, now: float | None = None) -> ProviderState:
        """The limits as they are now; callable from any thread."""
        now = time.monotonic() if now is None else now
        with self._lock:
            limit = self._limit(now)
            waiting = self._waiting()
            return ProviderState(
                provider=self.name,
                limit=None if limit is None else 0 if self._closing.is_closed(now) else limit,
                most=self._rules.most,
                in_flight=self._in_flight,
                waiting=waiting,
                why=self._why(now, limit, waiting),
                processes=self._part.terms.processes,
                shared_limit=self._part.terms.limit if self._part.has_company else None,
                is_full=self._closing.is_closed(now) or any(share.wants for share in self._shares),
            )

    # --- internal; the lock is held

    @property
    def _rules(self) -> ProviderRules:
        return self._part.terms.rules

    def _limit(self, now: float) -> int | None:
        if self._part.has_company:
            return self._part.terms.granted
        cap = self._rules.concurrency
        if self._adaptive is None:
            return cap
        adaptive = self._adaptive.limit(now)
        return adaptive if cap is None else min(adaptive, cap)

    def _exchange(self, now: float, tokens: float | None = None) -> bool:
        """Exchange with the other processes; whether it was possible just now, and a run takes part that can leave."""
        done = bool(self._shares) and self._part.exchange(
            now, self._in_flight, self._waiting, self._closing.last, self._adaptive, tokens=tokens
        )
        if done:
            self._looks = False
            self._closing.adopt(self._part.terms.pause)
        return done

    def _waiting(self) -> int:
        return sum(share.waiting() for share in self._shares)

    def _wait_s(self, now: float, tokens: int) -> float:
        part = self._part
        if (self._looks or part.has_company) and part.is_due(now, part.interval_s):
            self._exchange(now)
        limit = self._limit(now)
        if limit is not None and self._in_flight >= limit:
            return part.interval_s if part.has_company else LOOK_AGAIN_S
        wait_s = self._closing.wait_s(now, math.inf if limit is None else limit)
        if wait_s <= 0.0 and self._rules.are_metered:
            of_slice = part.slice_wait_s(now, tokens)
            if of_slice is None:
                if not self._exchange(now, tokens):
                    return BUSY_S
                if self._rules.are_metered:
                    of_slice = part.slice_wait_s(now, tokens)
                    if of_slice is None:
                        return max(part.terms.wait_s, _SHORTEST_WAIT_S)
                limit = self._limit(now)
                if limit is not None and self._in_flight >= limit:
                    return part.interval_s
            wait_s = of_slice or 0.0
        return max(wait_s, _SHORTEST_WAIT_S) if wait_s > 0.0 else 0.0

    def _take(self, share: Share, now: float, ticket: Ticket | None) -> None:
        self._turn = share.turns
        share.had_turn()
        self._in_flight += 1
        self._closing.take()
        slot, entry = self._part.take(now, ticket.tokens if ticket is not None else 0)
        if ticket is not None:
            ticket.sent_at, ticket.slot, ticket.entry = now, slot, entry

    def _learn(self, now: float, ticket: Ticket, feedback: Feedback) -> None:
        if feedback.ending == "throttled":
            self._throttled_at, self._status = now, feedback.status
            self._part.saw(Seen(now, ticket.sent_at, None))
            if self._adaptive is not None:
                self._adaptive.throttled(now, ticket.sent_at)
            self._closing.throttled(now, ticket.sent_at, feedback.retry_after_s)
            self._refund(ticket, 0)
        elif feedback.ending == "answered":
            limit = self._limit(now)
            self._part.saw(Seen(now, ticket.sent_at, limit is not None and self._in_flight >= limit))
            if self._adaptive is not None and not self._part.has_company:
                self._adaptive.answered(now, ticket.sent_at, self._in_flight)
            self._closing.answered(ticket.sent_at)
            self._refund(ticket, tokens_used(feedback.usage))
        if feedback.rate_limit and not feedback.retry_after_s:
            self._closing.heed(now, feedback.rate_limit)
        if self._part.has_company and self._closing.is_closed(now):
            self._exchange(now)  # at once, so that the others stop too

    def _refund(self, ticket: Ticket, used: int | None) -> None:
        """Correct a reservation; what is not known to be used otherwise stays reserved."""
        if used is not None:
            self._part.correct(ticket.entry, used - ticket.tokens)
            ticket.entry = None

    def _wake_next(self, share: Share) -> None:
        other = next_in_turn(self._shares, share) if len(self._shares) > 1 else None
        if other is not None:
            other.wake()

    def _combine(self) -> None:
        """Follow the rules of the runs that take part, and wake all that wait: there may be more room."""
        self._part.says(together(share.rules for share in self._shares))
        bounds = self._rules.adaptive
        if bounds is None:
            self._adaptive = None
        elif self._adaptive is None:
            self._adaptive = AdaptiveLimit(bounds)
        elif not self._part.has_company:
            self._adaptive.rebound(bounds)
        self._looks = self._looks or (self._part.is_shared and self._rules.are_firm)
        self._wake_all()

    def _wake_all(self) -> None:
        for share in self._shares:
            if share.wants:
                share.wake()

    def _why(self, now: float, limit: int | None, waiting: int) -> str:
        if self._closing.is_closed(now):
            return f"closed for {max(1, round(self._closing.until - now))} s: {self._closing.why}"
        if waiting and (limit is None or self._in_flight < limit) and self._rules.are_metered:
            requests, tokens = self._rules.requests_per_minute, self._rules.tokens_per_minute
            if requests is not None and (tokens is None or not self._part.lacks_tokens):
                return f"its requests per minute: {requests:g}"
            return f"its tokens per minute: {tokens:g}"
        stage = self._adaptive.stage(now) if self._adaptive is not None else ALL
        all_of_them = self._part.terms.limit if self._part.has_company else limit
        if stage == ALL and all_of_them is not None and all_of_them == self._part.operator.concurrency:
            stage = "set by themis limits"
        if now - self._throttled_at < _RECENT_S:
            told = self._status or "throttled"
            return f"{told} {max(0, round(now - self._throttled_at))} s ago; {stage}"
        return stage if limit is not None else "not limited"
