"""Text of a quota file, and its check: any program may have written that file.

A later version may add keys to the file, and values at the end of a holder: those that do not know them write them back
as they are. A version that changes anything else has another format, see `quota_pages`.
"""

import functools
import json
import math
from collections.abc import Sequence
from typing import Any, NoReturn

from themis.core.shared_limits.quota_document import (
    MOST_ENTRIES,
    MOST_HOLDERS,
    Pause,
    QuotaDocument,
    QuotaHolder,
    Slots,
    TokenState,
)
from themis.core.values.adaptive import AdaptiveConfig, AdaptiveState
from themis.core.values.bounds import MOST_COUNT, MOST_DELAY_S
from themis.core.values.run_rules import RunRules

_KEYS = frozenset({"provider", "boot_id", "holders", "next_request", "free", "next_token", "log", "pause", "adaptive"})
_HOLDER_WORDS = 10
_MOST_TIME = 1e12
_MOST_CALLS = MOST_COUNT**2
_MOST_WORDS = 300


def encode(document: QuotaDocument) -> bytes:
    """Return the text of a quota file; values that belong together are lists, in the order of their classes."""
    adaptive, pause = document.adaptive, document.pause
    words = {
        **document.more,
        "provider": document.provider,
        "boot_id": document.boot_id,
        "holders": [[number, *_holder_words(holder)] for number, holder in document.holders.items()],
        "next_request": document.next_request,
        "free": [_slots_words(one) for one in document.free],
        "next_token": document.tokens.next,
        "log": document.tokens.log,
        "pause": [_finite(pause.until), _finite(pause.began), pause.why],
        "adaptive": None
        if adaptive is None
        else [
            adaptive.limit,
            _finite(adaptive.borne),
            _finite(adaptive.decreased_at),
            adaptive.decreased_to,
            _finite(adaptive.increased_at),
            adaptive.answered_since,
            adaptive.recovers_from,
        ],
    }
    return json.dumps(words, separators=(",", ":"), allow_nan=False).encode()


def _holder_words(one: QuotaHolder) -> list[Any]:
    rules, slots = one.rules, one.slots
    adaptive = rules.adaptive
    return [
        *(one.pid, one.pid_started, one.at),
        [
            *(rules.tasks, rules.concurrency, rules.requests_per_minute, rules.tokens_per_minute),
            None if adaptive is None else [adaptive.min, adaptive.start, adaptive.max],
        ],
        *(one.in_flight, one.waiting, one.granted, one.served),
        None if slots is None else _slots_words(slots),
        *one.more,
    ]


def _slots_words(slots: Slots) -> list[Any]:
    return [slots.at, slots.interval_s, slots.count]


def _finite(value: float) -> float | None:
    """Return a number, or None for an infinite one: JSON has none."""
    return value if math.isfinite(value) else None


def decode(data: bytes, provider: str | None) -> QuotaDocument:
    """Return the content of a quota file about `provider`, or any when that is None.

    Raises:
        ValueError: it is not the content of one.
    """
    try:
        words = json.loads(data)
        return _document(words, provider)
    except (LookupError, TypeError, AttributeError, RecursionError, OverflowError) as error:
        msg = f"it does not have the form of a quota file ({type(error).__name__})"
        raise ValueError(msg) from None


def _document(words: dict[str, Any], provider: str | None) -> QuotaDocument:
    name = _text(words["provider"])
    if provider not in {None, name}:
        _refuse("it is about another provider")
    holders, free, log, adaptive = words["holders"], words["free"], words["log"], words["adaptive"]
    if len(holders) > MOST_HOLDERS or len(free) > MOST_ENTRIES or len(log) > MOST_ENTRIES:
        _refuse("it is too long")
    more = {key: value for key, value in words.items() if key not in _KEYS}
    if more or any(len(one) > _HOLDER_WORDS for one in holders):
        json.dumps([more, holders], allow_nan=False)  # what cannot be written again is refused when it is read
    until, began, why = words["pause"]
    pause = Pause(_time(until, -math.inf), _time(began, -math.inf), _text(why))
    if pause.until > pause.began + 2 * MOST_DELAY_S:
        _refuse("its pause has no end")
    return QuotaDocument(
        provider=name,
        boot_id=_text(words["boot_id"]),
        holders={_count(one[0]): _holder(one[1:]) for one in holders},
        next_request=_time(words["next_request"]),
        free=[_slots(*one) for one in free],
        tokens=TokenState(
            _time(words["next_token"]), [[_time(first), _time(last), _time(number)] for first, last, number in log]
        ),
        pause=pause,
        adaptive=None if adaptive is None else _adaptive(*adaptive),
        more=more,
    )


def _holder(words: Sequence[Any]) -> QuotaHolder:
    pid, started, at, rules, in_flight, waiting, granted, served, slots, *more = words
    tasks, concurrency, requests, tokens, adaptive = rules
    return QuotaHolder(
        pid=_count(pid, 2**63),
        pid_started=_count(started, 2**63),
        at=_time(at),
        rules=_rules(tasks, concurrency, requests, tokens, None if adaptive is None else tuple(adaptive)),
        in_flight=_count(in_flight),
        waiting=_count(waiting, 2**53),
        granted=_count(granted, _MOST_CALLS),
        served=_time(served),
        slots=None if slots is None else _slots(*slots),
        more=tuple(more),
    )


@functools.lru_cache(maxsize=256, typed=True)
def _rules(tasks: Any, concurrency: Any, requests: Any, tokens: Any, adaptive: tuple[Any, Any, Any] | None) -> RunRules:
    limits = None
    if adaptive is not None:
        least, start, most = adaptive
        limits = AdaptiveConfig(min=least, start=start, max=most)
    return RunRules(
        tasks=_count(tasks, _MOST_CALLS),
        concurrency=None if concurrency is None else max(1, _count(concurrency)),
        requests_per_minute=_rate(requests),
        tokens_per_minute=_rate(tokens),
        adaptive=limits,
    )


def _slots(at: Any, interval_s: Any, count: Any) -> Slots:
    return Slots(_time(at), max(0.0, _time(interval_s)), _count(count))


def _adaptive(  # noqa: PLR0913, PLR0917  # as they are in the file
    limit: Any, borne: Any, decreased_at: Any, decreased_to: Any, increased_at: Any, answered: Any, recovers: Any
) -> AdaptiveState:
    return AdaptiveState(
        limit=min(max(1.0, _time(limit)), _MOST_CALLS),
        borne=_time(borne, math.inf),
        decreased_at=_time(decreased_at, -math.inf),
        decreased_to=_time(decreased_to),
        increased_at=_time(increased_at, -math.inf),
        answered_since=bool(answered),
        recovers_from=None if recovers is None else _time(recovers),
    )


def _time(value: Any, unknown: float | None = None) -> float:
    if value is None and unknown is not None:
        return unknown
    if type(value) not in {float, int} or not -_MOST_TIME < value < _MOST_TIME:
        _refuse("a number in it is not valid")
    return float(value)


def _count(value: Any, most: int = MOST_COUNT) -> int:
    if type(value) is not int or not 0 <= value <= most:
        _refuse("a number in it is not valid")
    return int(value)


def _rate(value: Any) -> float | None:
    rate = None if value is None else _time(value)
    if rate is not None and rate <= 0:
        _refuse("a number in it is not valid")
    return rate


def _text(value: Any) -> str:
    if not isinstance(value, str) or len(value) > _MOST_WORDS:
        _refuse("a text in it is not valid")
    return value


def _refuse(why: str) -> NoReturn:
    raise ValueError(why)
