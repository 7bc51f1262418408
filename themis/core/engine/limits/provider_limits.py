"""The limits of one provider, shared by all runs of this process that ask it; safe in threads."""

import math
import threading
import time
from typing import TypeVar

from themis.core.configuration.provider_names import public_name
from themis.core.engine.limits.adaptive import ALL, AdaptiveLimit
from themis.core.engine.limits.feedback import Feedback, Ticket
from themis.core.engine.limits.provider_rules import ProviderRules, strictest
from themis.core.engine.limits.request_rate import RequestRate
from themis.core.engine.limits.share import Share, next_in_turn
from themis.core.engine.limits.throttling_pauses import ThrottlingPauses
from themis.core.engine.limits.token_estimate import tokens_used
from themis.core.engine.limits.token_rate import TokenRate
from themis.core.values.provider_state import ProviderState

AnyRate = TypeVar("AnyRate", RequestRate, TokenRate)

LOOK_AGAIN_S = 1.0
"""Seconds after which a run whose calls wait for others looks again, if nothing wakes it before."""

_YIELD_S = 0.05
_SHORTEST_WAIT_S = 0.001  # a timer that is due by less than a clock tells apart would only spin
_RECENT_S = 60.0


class ProviderLimits:
    """All limits of one provider; a call takes from all of them at once, or waits and holds nothing.

    While several runs wait they take turns, call by call. Times are those of the event loops, which share one clock.

    Attributes:
        provider: its `provider_key`.
        name: the same without secrets.
    """

    def __init__(self, provider: str) -> None:
        """Limits without a run."""
        self.provider = provider
        self.name = public_name(provider)
        self._lock = threading.Lock()
        self._shares: list[Share] = []
        self._rules = ProviderRules()
        self._adaptive: AdaptiveLimit | None = None
        self._requests: RequestRate | None = None
        self._tokens: TokenRate | None = None
        self._closing = ThrottlingPauses()
        self._in_flight = 0
        self._turn = 0
        self._throttled_at = -math.inf
        self._status: int | None = None
        self._operator: int | None = None

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

    def set_most(self, calls: int | None) -> None:
        """Allow at most so many calls in flight, besides what the configurations allow; None for no such limit."""
        with self._lock:
            if calls != self._operator:
                self._operator = calls
                self._combine()

    @property
    def limits_tokens(self) -> bool:
        """Whether a call needs an estimate of its tokens."""
        return self._tokens is not None

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

    def give_unused(self, share: Share, now: float, ticket: Ticket | None) -> None:
        """Take back a call that was let in and not made: it counts for nothing."""
        with self._lock:
            if self._requests is not None:
                self._requests.untake()
            self._refund(now, ticket, 0)
            self._in_flight -= 1
            self._wake_next(share)

    def state(self, now: float | None = None) -> ProviderState:
        """The limits as they are now; callable from any thread."""
        now = time.monotonic() if now is None else now
        with self._lock:
            limit = self._limit(now)
            waiting = sum(share.waiting() for share in self._shares)
            return ProviderState(
                provider=self.name,
                limit=None if limit is None else 0 if self._closing.is_closed(now) else limit,
                most=self._rules.most,
                in_flight=self._in_flight,
                waiting=waiting,
                why=self._why(now, limit, waiting),
            )

    # --- internal; the lock is held

    def _limit(self, now: float) -> int | None:
        cap = self._rules.concurrency
        if self._adaptive is None:
            return cap
        adaptive = self._adaptive.limit(now)
        return adaptive if cap is None else min(adaptive, cap)

    def _wait_s(self, now: float, tokens: int) -> float:
        limit = self._limit(now)
        if limit is not None and self._in_flight >= limit:
            return LOOK_AGAIN_S
        wait_s = self._closing.wait_s(now, math.inf if limit is None else limit)
        if self._requests is not None:
            wait_s = max(wait_s, self._requests.wait_s(now))
        if self._tokens is not None:
            wait_s = max(wait_s, self._tokens.wait_s(now, tokens))
        return max(wait_s, _SHORTEST_WAIT_S) if wait_s > 0.0 else 0.0

    def _take(self, share: Share, now: float, ticket: Ticket | None) -> None:
        self._turn = share.turns
        share.had_turn()
        self._in_flight += 1
        self._closing.take()
        if self._requests is not None:
            self._requests.take(now)
        if ticket is not None:
            ticket.sent_at = now
            ticket.reserved = self._tokens.take(now, ticket.tokens) if self._tokens is not None else None

    def _learn(self, now: float, ticket: Ticket, feedback: Feedback) -> None:
        if feedback.ending == "throttled":
            self._throttled_at, self._status = now, feedback.status
            if self._adaptive is not None:
                self._adaptive.throttled(now, ticket.sent_at)
            self._closing.throttled(now, ticket.sent_at, feedback.retry_after_s)
            self._refund(now, ticket, 0)
        elif feedback.ending == "answered":
            if self._adaptive is not None:
                self._adaptive.answered(now, ticket.sent_at, self._in_flight)
            self._closing.answered(ticket.sent_at)
            self._refund(now, ticket, tokens_used(feedback.usage))
        if feedback.rate_limit and not feedback.retry_after_s:
            self._closing.heed(now, feedback.rate_limit)

    def _refund(self, now: float, ticket: Ticket | None, used: int | None) -> None:
        """Correct a reservation; what is not known to be used otherwise stays reserved."""
        if ticket is not None and ticket.reserved is not None and used is not None and self._tokens is not None:
            self._tokens.correct(now, ticket.reserved, ticket.tokens, used)
            ticket.reserved = None

    def _wake_next(self, share: Share) -> None:
        if len(self._shares) > 1:
            other = next_in_turn(self._shares, share)
            if other is not None:
                other.wake()

    def _combine(self) -> None:
        """Follow the rules of the runs that take part, and wake all that wait: there may be more room."""
        self._rules = rules = strictest((share.rules for share in self._shares), self._operator)
        if rules.adaptive is None:
            self._adaptive = None
        elif self._adaptive is None:
            self._adaptive = AdaptiveLimit(rules.adaptive)
        else:
            self._adaptive.rebound(rules.adaptive)
        self._requests = _changed(self._requests, RequestRate, rules.requests_per_minute)
        self._tokens = _changed(self._tokens, TokenRate, rules.tokens_per_minute)
        for share in self._shares:
            if share.wants:
                share.wake()

    def _why(self, now: float, limit: int | None, waiting: int) -> str:
        if self._closing.is_closed(now):
            return f"closed for {max(1, round(self._closing.until - now))} s: {self._closing.why}"
        if waiting and (limit is None or self._in_flight < limit):
            if self._requests is not None and self._requests.wait_s(now) > 0:
                return f"its requests per minute: {self._requests.per_minute:g}"
            if self._tokens is not None:
                return f"its tokens per minute: {self._tokens.per_minute:g}"
        stage = self._adaptive.stage(now) if self._adaptive is not None else ALL
        if stage == ALL and self._operator is not None and limit == self._operator:
            stage = "set by themis limits"
        if now - self._throttled_at < _RECENT_S:
            told = self._status or "throttled"
            return f"{told} {max(0, round(now - self._throttled_at))} s ago; {stage}"
        return stage if limit is not None else "not limited"


def _changed(rate: AnyRate | None, kind: type[AnyRate], per_minute: float | None) -> AnyRate | None:
    """A rate of `per_minute` that knows of the calls that the one before let begin; None for no limit."""
    if per_minute is None:
        return None
    if rate is None:
        return kind(per_minute)
    rate.set_per_minute(per_minute)
    return rate
