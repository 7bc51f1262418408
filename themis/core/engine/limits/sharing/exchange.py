"""One exchange: a process says what it does and wants, and learns what it may do."""

import math
from collections import deque
from dataclasses import dataclass, field, replace

from themis.core.engine.limits.adaptive import AdaptiveLimit
from themis.core.engine.limits.provider_rules import ProviderRules, strictest
from themis.core.engine.limits.sharing.fair_shares import fair_shares
from themis.core.engine.limits.sharing.slices import Slice, Wish, take_slice
from themis.core.engine.limits.sharing.token_rate import TokenRate
from themis.core.shared_limits.quota_document import Pause, QuotaDocument, QuotaHolder, Slots
from themis.core.values.run_rules import OperatorRules, RunRules

FRESH_S = 2.0
"""Seconds for which the report of a living process says what it wants; one that is busy or stopped wants nothing."""


@dataclass(frozen=True, slots=True)
class Seen:
    """An answer, or a throttled call.

    Attributes:
        at, sent_at: its time, and when the call began.
        was_full: whether all calls that were allowed were in flight; None for a throttled call.
    """

    at: float
    sent_at: float
    was_full: bool | None


@dataclass(slots=True)
class Report:
    """A process's part of an exchange.

    Attributes:
        rules, operator: what its runs' configurations and the operator say.
        in_flight, waiting, served: see `QuotaHolder`.
        wanted: calls for which it needs a slice now; 0 for none.
        tokens: what the next of them may use.
        corrections: tokens to count in an entry of the token log, besides those that were reserved.
        held: slots that it has taken and not begun.
        unused: slots that it gives back.
        pause: the last pause that it knows.
        adaptive: its limit that follows answers, which is brought up to date; None where none does.
        seen: ends of calls since the last exchange.
    """

    rules: RunRules
    operator: OperatorRules
    in_flight: int = 0
    waiting: int = 0
    served: float = 0.0
    wanted: int = 0
    tokens: float = 0.0
    corrections: dict[float, float] = field(default_factory=dict)
    held: Slots | None = None
    unused: Slots | None = None
    pause: Pause = field(default_factory=Pause)
    adaptive: AdaptiveLimit | None = None
    seen: "deque[Seen]" = field(default_factory=deque)


@dataclass(frozen=True, slots=True)
class Terms:
    """Outcome of an exchange for a process.

    Attributes:
        rules: the strictest of all processes and the operator.
        processes: the processes that share them, this one included.
        limit: calls that all of them may have in flight; None for any number.
        granted: those that this one may have; None for any number.
        slice: calls that it may begin; None unless it wanted them and there are some.
        wait_s: seconds after which to want them again.
        pause: the last pause of all processes.
    """

    rules: ProviderRules
    processes: int
    limit: int | None
    granted: int | None
    slice: Slice | None
    wait_s: float
    pause: Pause


def exchange(document: QuotaDocument, number: int, holder: QuotaHolder, report: Report) -> Terms:
    """Apply the report of a process to what all have said, and return what follows for it.

    Args:
        document: what all processes have said; it is changed.
        number: the number of this process.
        holder: its entry, with the time of this report, which is put into `document`.
        report: the rest.
    """
    now = holder.at
    before = document.holders.get(number)
    holder.granted = before.granted if before is not None else 0
    holder.in_flight, holder.waiting, holder.served = report.in_flight, report.waiting, report.served
    holder.rules = report.rules
    document.holders[number] = holder
    others = [other for key, other in document.holders.items() if key != number]
    rules = strictest([report.rules, *(other.rules for other in others)], report.operator)
    if document.pause.until < report.pause.until:
        document.pause = report.pause
    limit = _limit(document, now, rules, report, is_alone=not others)
    granted = None if limit is None else _granted(document, number, limit, now)
    holder.granted = report.in_flight if granted is None else granted
    document.give_back(report.unused, now)
    if rules.tokens_per_minute is not None:
        rate = TokenRate(document.tokens, rules.tokens_per_minute)
        for entry, more in report.corrections.items():
            rate.correct(entry, more)
    found: Slice | float = 0.0
    if report.wanted and rules.are_metered:
        wish = Wish(report.wanted, report.tokens, _is_next(holder, others, now))
        found = take_slice(document, now, rules, wish)
    taken = found if isinstance(found, Slice) else None
    held = report.held if taken is None else taken.slots
    holder.slots = replace(held) if held is not None and held.interval_s else None
    return Terms(
        rules=rules,
        processes=1 + len(others),
        limit=limit,
        granted=granted if others else limit,
        slice=taken,
        wait_s=found if isinstance(found, float) else 0.0,
        pause=document.pause,
    )


def _limit(document: QuotaDocument, now: float, rules: ProviderRules, report: Report, *, is_alone: bool) -> int | None:
    """Return the calls that all processes may have in flight, and bring the adaptive limit up to date."""
    adaptive = report.adaptive
    if adaptive is None or rules.adaptive is None:
        return rules.concurrency
    if not is_alone and document.adaptive is not None:
        adaptive.state = replace(document.adaptive)
        adaptive.rebound(rules.adaptive)
        for one in report.seen:
            if one.was_full is None:
                adaptive.throttled(one.at, one.sent_at)
            else:
                adaptive.answered(one.at, one.sent_at, adaptive.limit(one.at) if one.was_full else 0)
    else:
        adaptive.rebound(rules.adaptive)
    limit = adaptive.limit(now)
    document.adaptive = replace(adaptive.state)
    return limit if rules.concurrency is None else min(limit, rules.concurrency)


def _granted(document: QuotaDocument, number: int, limit: int, now: float) -> int:
    """Return the calls that a process may have in flight: its fair part, as far as the others have left it."""
    order = sorted(document.holders.items(), key=lambda item: (item[1].served, item[0]))
    demands = [one.in_flight + (one.waiting if now - one.at < FRESH_S else 0) for _, one in order]
    shares = dict(zip((key for key, _ in order), fair_shares(limit, demands), strict=True))
    elsewhere = sum(max(one.granted, one.in_flight) for key, one in order if key != number)
    return max(document.holders[number].in_flight, min(shares[number], limit - elsewhere))


def _is_next(holder: QuotaHolder, others: list[QuotaHolder], now: float) -> bool:
    served = (one.served for one in others if one.waiting and one.slots is None and now - one.at < FRESH_S)
    return holder.served <= min(served, default=math.inf)
