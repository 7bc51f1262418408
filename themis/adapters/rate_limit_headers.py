"""Rate limits that a provider states in the headers of its replies, in every dialect."""

import math
import re
import time
from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime

from themis.core.values.bounds import MOST_DELAY_S

RETRY_AFTER_MS = "retry-after-ms"
RETRY_AFTER = "retry-after"

_KINDS = ("requests", "tokens")
_FIELDS = ("limit", "remaining", "reset")
_DURATION = re.compile("".join(rf"(?:(\d+(?:\.\d+)?){unit})?" for unit in ("d", "h", "m", "s", "ms")))
_DURATION_UNITS_S = (86_400.0, 3_600.0, 60.0, 1.0, 0.001)
_EPOCH_S = 1_000_000_000.0
_EPOCH_MS = 1_000_000_000_000.0
_ITEM = re.compile(r"(?:^|[;,\s])([a-z]+)\s*=\s*\"?([^;,\s\"]+)")
_IETF_NAMES = {
    name: field for field in _FIELDS for name in (field, {"limit": "q", "remaining": "r", "reset": "t"}[field])
}


def rate_limit(headers: Mapping[str, str], *, now_s: float | None = None) -> dict[str, float]:
    """Return the limits in a reply's headers, with what is left of them and the seconds until they are full again.

    Keys are `requests_limit`, `requests_remaining`, `requests_reset_s`, and the same for `tokens`. What the provider
    does not say is absent, and so is a remainder that says nothing: a negative one, and 0 without a reset.

    Args:
        headers: of the reply; names are found in any case if the mapping ignores it, else in lower case.
        now_s: seconds since 1970, for resets that are given as a time; None for the present.
    """
    now_s = time.time() if now_s is None else now_s
    found: dict[str, float] = {}
    for kind in _KINDS:
        for field in _FIELDS:
            texts = [text for name in _names(kind, field) if (text := headers.get(name)) is not None]
            values = [value for text in texts if (value := _read(field, text, now_s)) is not None]
            if values:
                found[_key(kind, field)] = values[0]
    if not any(key.startswith("requests") for key in found):
        found |= _ietf(headers, now_s)
    return _meaningful(found)


def retry_after_s(headers: Mapping[str, str], *, now_s: float | None = None) -> float | None:
    """Return the seconds that a reply asks to wait; None when it does not say, or says something impossible."""
    text = headers.get(RETRY_AFTER_MS)
    if text is not None and (milliseconds := _number(text)) is not None:
        return _bounded(milliseconds / 1_000)
    text = headers.get(RETRY_AFTER)
    if text is None:
        return None
    seconds = _number(text)
    if seconds is None:
        seconds = duration_s(text)
    if seconds is None:
        try:
            seconds = parsedate_to_datetime(text).timestamp() - (time.time() if now_s is None else now_s)
        except (TypeError, ValueError, OverflowError):
            return None
    return _bounded(seconds)


def duration_s(text: str) -> float | None:
    """Return the seconds in a duration such as `12ms`, `1s` or `6m0s`; None when it is not one."""
    match = _DURATION.fullmatch(text.strip())
    if match is None or not any(match.groups()):
        return None
    return sum(float(part) * unit for part, unit in zip(match.groups(), _DURATION_UNITS_S, strict=True) if part)


def _names(kind: str, field: str) -> tuple[str, ...]:
    names = [f"x-ratelimit-{field}-{kind}", f"anthropic-ratelimit-{kind}-{field}", f"x-ratelimit-{kind}-{field}"]
    if kind == "requests":
        names += [f"x-ratelimit-{field}", f"ratelimit-{field}"]
    return tuple(names)


def _key(kind: str, field: str) -> str:
    return f"{kind}_reset_s" if field == "reset" else f"{kind}_{field}"


def _read(field: str, text: str, now_s: float) -> float | None:
    return _reset_s(text, now_s) if field == "reset" else _number(text)


def _reset_s(text: str, now_s: float) -> float | None:
    """Return the seconds until a reset, which is written as a duration, as seconds, or as a time."""
    seconds = _number(text)
    if seconds is not None:
        if seconds > _EPOCH_MS:
            seconds = seconds / 1_000 - now_s
        elif seconds > _EPOCH_S:
            seconds -= now_s
    else:
        seconds = duration_s(text)
    if seconds is None:
        try:
            seconds = datetime.fromisoformat(text.strip()).timestamp() - now_s
        except (ValueError, OverflowError):
            return None
    return _bounded(seconds)


def _ietf(headers: Mapping[str, str], now_s: float) -> dict[str, float]:
    """Return the limits in the fields of the IETF: `RateLimit: limit=100, remaining=5, reset=3` or `"a";r=5;t=3`."""
    found: dict[str, float] = {}
    for header in ("ratelimit-policy", "ratelimit"):
        for name, text in _ITEM.findall((headers.get(header) or "").lower()):
            field = _IETF_NAMES.get(name)
            value = None if field is None else _read(field, text, now_s)
            if field is not None and value is not None:
                found[_key("requests", field)] = value
    return found


def _meaningful(found: dict[str, float]) -> dict[str, float]:
    for kind in _KINDS:
        remaining = found.get(f"{kind}_remaining")
        if remaining is not None and (remaining < 0 or (remaining == 0 and not found.get(f"{kind}_reset_s"))):
            del found[f"{kind}_remaining"]
        if found.get(f"{kind}_limit", 1.0) <= 0:
            del found[f"{kind}_limit"]
    return found


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _bounded(seconds: float) -> float | None:
    return max(seconds, 0.0) if math.isfinite(seconds) and seconds <= MOST_DELAY_S else None
