"""Times and durations for people."""

import re
from datetime import UTC, datetime

_MINUTE_S, _HOUR_S, _DAY_S = 60, 3_600, 86_400
_UNITS_S = {"s": 1, "m": _MINUTE_S, "h": _HOUR_S, "d": _DAY_S, "w": 7 * _DAY_S}
_DURATION = re.compile(r"(?:\d{1,18}[smhdw])+", re.ASCII)
_PART = re.compile(r"(\d+)([smhdw])")


def duration_s(text: str) -> int | None:
    """Return the seconds of a duration as people write it (90s, 10m, 2h30m, 1d); None for any other text."""
    if _DURATION.fullmatch(text) is None:
        return None
    return sum(int(count) * _UNITS_S[unit] for count, unit in _PART.findall(text))


def when(nanoseconds: int | None) -> str | None:
    """Return a time for people, in UTC to the second; None also for a number that is not a valid time."""
    if nanoseconds is None:
        return None
    try:
        return datetime.fromtimestamp(nanoseconds / 1e9, tz=UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    except (OverflowError, ValueError, OSError):
        return None


def local_time(nanoseconds: int | None) -> str | None:
    """Return a time for people who look at it now: in this machine's zone, which is named; None as `when`."""
    if nanoseconds is None:
        return None
    try:
        return datetime.fromtimestamp(nanoseconds / 1e9, tz=UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")
    except (OverflowError, ValueError, OSError):
        return None


def short_time(nanoseconds: int | None, today: str | None) -> str | None:
    """Return a time for the cell of a table, as `local_time`: without the date on the day `today`, else to the minute.

    Args:
        nanoseconds: since 1970 UTC.
        today: the local date, as `local_time` begins; None for times in full, which are read on other days too.
    """
    full = local_time(nanoseconds)
    if full is None or today is None:
        return full
    date, clock, zone = full.split(" ", 2)
    return f"{clock} {zone}" if date == today else f"{date} {clock[:5]} {zone}"


def how_long(seconds: float) -> str:
    """Return a duration for people."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < _MINUTE_S:
        return f"{seconds:.1f} s"
    if seconds < _HOUR_S:
        return f"{seconds // _MINUTE_S:.0f} min {seconds % _MINUTE_S:.0f} s"
    if seconds < _DAY_S:
        return f"{seconds // _HOUR_S:.0f} h {seconds % _HOUR_S // _MINUTE_S:.0f} min"
    return f"{seconds // _DAY_S:.0f} d {seconds % _DAY_S // _HOUR_S:.0f} h"
