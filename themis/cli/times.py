"""Times and durations on the command line."""

import contextlib
import re
from datetime import UTC, datetime, timedelta

import click

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_DELAY = re.compile(r"(?:\d+[smhdw])+")
_PART = re.compile(r"(\d+)([smhdw])")


class When(click.ParamType[datetime]):
    """A time with its zone, or a delay from now."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """The time that a text says; one without a zone is local."""
        if isinstance(value, datetime):
            return value
        text = str(value).strip()
        try:
            if text == "now":
                return datetime.now(tz=UTC)
            if _DELAY.fullmatch(text):
                return datetime.now(tz=UTC) + _duration(text)
            return datetime.fromisoformat(text).astimezone()
        except (ValueError, OverflowError):
            self.fail(f"{text!r} is neither a time (2027-01-31T08:00) nor a delay (90s, 10m, 2h30m, 1d)", param, ctx)


class Duration(click.ParamType[timedelta]):
    """How long: 90s, 10m, 2h30m, 30d."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """The duration that a text says."""
        if isinstance(value, timedelta):
            return value
        text = str(value).strip()
        with contextlib.suppress(OverflowError):
            if _DELAY.fullmatch(text):
                return _duration(text)
        return self.fail(f"{text!r} is no duration (90s, 10m, 2h30m, 30d)", param, ctx)


def nanoseconds(when: datetime) -> int:
    """A time in nanoseconds since 1970 UTC."""
    return int(when.timestamp() * 1_000_000) * 1_000


def _duration(text: str) -> timedelta:
    return sum((timedelta(**{_UNITS[unit]: int(count)}) for count, unit in _PART.findall(text)), timedelta())
