"""Quota that is enforced as a provider does: a sliding window of requests and tokens, and calls at once."""

import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from tests.support.model_server.rate_limits import Allowance, RateLimits

MINUTE_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """What a provider allows; None for what it does not limit.

    Attributes:
        requests_per_minute: that are answered.
        tokens_per_minute: of prompts and outputs; a request counts with its prompt and the most that it may write,
            and with what it really used once it is answered.
        max_concurrent: requests that are served at the same time.
        window_s: the window that slides; a shorter one allows its share of a minute.
        counts_refused: whether a request that is refused counts too.
        reset: what the headers call a reset: the moment when all is allowed again (as OpenAI and Anthropic say), or
            when the `next` request is.
        is_silent: whether replies say nothing of it: no rate-limit headers, and no Retry-After.
    """

    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    max_concurrent: int | None = None
    window_s: float = MINUTE_S
    counts_refused: bool = False
    reset: Literal["full", "next"] = "full"
    is_silent: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a quota says of a request; `exceeded` names what is used up, `retry_after_s` how long it stays so."""

    exceeded: Literal["requests", "tokens", "concurrency"] | None = None
    retry_after_s: float | None = None


class Window:
    """Amounts in a window that slides, against a limit."""

    def __init__(self, limit: int, window_s: float) -> None:
        self.limit = limit
        self.used = 0
        self._window_s = window_s
        self._entries: deque[list[float]] = deque()

    def slide(self, now_s: float) -> None:
        """Let go of what is older than the window."""
        while self._entries and self._entries[0][0] + self._window_s <= now_s:
            self.used -= int(self._entries.popleft()[1])

    def take(self, amount: int, now_s: float) -> list[float]:
        """Count an amount; the entry can be corrected."""
        entry = [now_s, amount]
        self._entries.append(entry)
        self.used += amount
        return entry

    def correct(self, entry: list[float], amount: int, now_s: float) -> None:
        """Count what was really used, if the entry is in the window still."""
        if entry[0] + self._window_s > now_s:
            self.used += amount - int(entry[1])
            entry[1] = amount

    def wait_s(self, amount: int, now_s: float) -> float:
        """Seconds until an amount fits; what is larger than the limit fits when nothing else is in the window."""
        too_much = self.used + min(amount, self.limit) - self.limit
        for began_s, held in self._entries:
            if too_much <= 0:
                break
            too_much -= int(held)
            if too_much <= 0:
                return began_s + self._window_s - now_s
        return 0.0

    def allowance(self, now_s: float, *, reset: Literal["full", "next"]) -> Allowance:
        """The limit as headers say it."""
        reset_s = 0.0
        if self._entries:
            reset_s = self._entries[-1][0] + self._window_s - now_s if reset == "full" else self.wait_s(1, now_s)
        return Allowance(limit=self.limit, remaining=max(0, self.limit - self.used), reset_s=reset_s)


class QuotaMeter:
    """Counts requests against a quota."""

    def __init__(self, quota: Quota, clock: Callable[[], float] = time.monotonic) -> None:
        self.quota = quota
        self._clock = clock
        self._requests = self._window(quota.requests_per_minute)
        self._tokens = self._window(quota.tokens_per_minute)
        self._in_flight = 0

    def _window(self, per_minute: int | None) -> Window | None:
        share = self.quota.window_s / MINUTE_S
        return None if per_minute is None else Window(max(1, math.floor(per_minute * share)), self.quota.window_s)

    def ask(self, tokens: int) -> "Verdict | Admitted":
        """Admit a request of so many tokens, or say what stands against it."""
        now_s = self._clock()
        self._slide(now_s)
        verdict = self._verdict(tokens, now_s)
        if verdict.exceeded is None or self.quota.counts_refused:
            if self._requests:
                self._requests.take(1, now_s)
            if verdict.exceeded is None:
                self._in_flight += 1
                return Admitted(self, self._tokens.take(tokens, now_s) if self._tokens else None)
        return verdict

    def limits(self) -> RateLimits:
        """What is left now, as far as it is told."""
        if self.quota.is_silent:
            return RateLimits()
        now_s = self._clock()
        self._slide(now_s)
        requests, tokens, reset = self._requests, self._tokens, self.quota.reset
        return RateLimits(
            requests=requests.allowance(now_s, reset=reset) if requests else None,
            tokens=tokens.allowance(now_s, reset=reset) if tokens else None,
        )

    def leave(self, entry: list[float] | None, tokens: int | None) -> None:
        """End a request that was admitted; `tokens` is what it used, when that is known."""
        self._in_flight -= 1
        if self._tokens and entry is not None and tokens is not None:
            self._tokens.correct(entry, tokens, self._clock())

    def _slide(self, now_s: float) -> None:
        for window in (self._requests, self._tokens):
            if window:
                window.slide(now_s)

    def _verdict(self, tokens: int, now_s: float) -> Verdict:
        most = self.quota.max_concurrent
        if most is not None and self._in_flight >= most:
            return Verdict("concurrency")  # nobody knows when one of them ends
        requests_s = self._requests.wait_s(1, now_s) if self._requests else 0.0
        tokens_s = self._tokens.wait_s(tokens, now_s) if self._tokens else 0.0
        if requests_s <= 0 and tokens_s <= 0:
            return Verdict()
        wait_s = None if self.quota.is_silent else max(requests_s, tokens_s)
        return Verdict("requests" if requests_s >= tokens_s else "tokens", wait_s)


@dataclass(frozen=True, slots=True)
class Admitted:
    """A request that a quota has let in."""

    meter: QuotaMeter
    entry: list[float] | None

    def leave(self, tokens: int | None) -> None:
        """It has ended, and used so many tokens."""
        self.meter.leave(self.entry, tokens)
