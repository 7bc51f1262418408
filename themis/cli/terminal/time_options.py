"""Times and durations on the command line."""

import contextlib
import math
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import click

from themis.core.values.bounds import MOST_SECONDS
from themis.core.values.durations import duration_s


class Seconds(click.FloatRange):
    """A number of seconds that a timer can be set to."""

    name = "seconds"

    def __init__(self, least: float = 0.0, *, least_open: bool = False) -> None:
        """Accept at least `least`; with `least_open`, only more than that."""
        super().__init__(min=least, max=MOST_SECONDS, min_open=least_open)

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number in a text."""
        found: float = super().convert(cast("Any", value), param, ctx)
        return self.fail(f"{value!r} is not a number of seconds", param, ctx) if math.isnan(found) else found


class When(click.ParamType[datetime]):
    """A time with its zone, or a delay from now."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """The time in a text; one without a zone is local, and never before any meaning that it can have."""
        if isinstance(value, datetime):
            return value
        text = str(value).strip()
        try:
            if text == "now":
                return datetime.now(tz=UTC)
            if (seconds := duration_s(text)) is not None:
                return datetime.now(tz=UTC) + timedelta(seconds=seconds)
            return _local(datetime.fromisoformat(text))
        except (ValueError, OverflowError, OSError):  # the last is raised for a year that the platform lacks
            example = "2027-01-31T08:00 in this machine's zone, or with a zone, 2027-01-31T08:00+01:00"
            self.fail(f"{text!r} is neither a time ({example}) nor a delay (90s, 10m, 2h30m, 1d)", param, ctx)


class Duration(click.ParamType[timedelta]):
    """A duration: 90s, 10m, 2h30m, 30d."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """The duration in a text."""
        if isinstance(value, timedelta):
            return value
        text = str(value).strip()
        with contextlib.suppress(OverflowError, ValueError):
            if (seconds := duration_s(text)) is not None:
                return timedelta(seconds=seconds)
        return self.fail(f"{text!r} is not a duration (90s, 10m, 2h30m, 30d)", param, ctx)


def nanoseconds(when: datetime) -> int:
    """A time in nanoseconds since 1970 UTC."""
    return int(when.timestamp() * 1_000_000) * 1_000


def _local(time: datetime) -> datetime:
    """A time with its zone, which is this machine's unless the time has one.

    A time that clocks skip when they go forward counts as equally far after the change: `not before 2:30` on such a day
    starts nothing at half past one. A time that comes twice when they go back is the first; its zone selects the other.
    """
    if time.tzinfo is not None:
        return time.astimezone()
    first, second = time.replace(fold=0).astimezone(), time.replace(fold=1).astimezone()
    is_skipped = first.replace(tzinfo=None) != time
    return max(first, second).astimezone() if is_skipped else first
