"""The times and durations that commands take."""

import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

import click
import pytest

from themis.cli.terminal.time_options import Duration, Seconds, When


def read(text: str) -> datetime:
    found = When().convert(text, None, None)
    assert found.tzinfo is not None
    return found


@pytest.mark.parametrize(
    ("text", "delay"),
    [
        ("90s", timedelta(seconds=90)),
        ("10m", timedelta(minutes=10)),
        ("2h30m", timedelta(hours=2, minutes=30)),
        ("1d", timedelta(days=1)),
        ("1w", timedelta(weeks=1)),
    ],
)
def test_a_delay_is_from_now(text: str, delay: timedelta) -> None:
    before = datetime.now(tz=UTC)
    assert before + delay <= read(text) <= datetime.now(tz=UTC) + delay


def test_a_time_keeps_its_zone() -> None:
    assert read("2027-01-31T08:00:00+02:00") == datetime(2027, 1, 31, 8, tzinfo=timezone(timedelta(hours=2)))


def test_a_time_without_a_zone_is_local() -> None:
    assert read("2027-01-31 08:00") == datetime(2027, 1, 31, 8).astimezone()


@pytest.mark.parametrize("text", ["", "tomorrow", "10", "10x", "-5m", "2027-13-01", "999999999999999999d", "10m!"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match="neither a time"):
        read(text)


def test_now_is_now() -> None:
    before = datetime.now(tz=UTC)
    assert before <= read("now") <= datetime.now(tz=UTC)


def test_a_duration_has_units() -> None:
    assert Duration().convert("2h30m", None, None) == timedelta(hours=2, minutes=30)
    assert Duration().convert("30d", None, None) == timedelta(days=30)


@pytest.mark.parametrize("text", ["", "30", "d", "-1d", "now", "1d!", "999999999999999999d"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match="is not a duration"):
        Duration().convert(text, None, None)


@pytest.fixture
def berlin() -> Iterator[None]:
    before = os.environ.get("TZ")
    os.environ["TZ"] = "CET-1CEST,M3.5.0,M10.5.0/3"  # as in Berlin; not every machine knows the names of zones
    time.tzset()
    yield
    os.environ.pop("TZ")
    os.environ |= {} if before is None else {"TZ": before}
    time.tzset()


@pytest.mark.usefixtures("berlin")
@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2027-03-28T01:59", "00:59"),
        ("2027-03-28T02:00", "01:00"),  # skipped: the clocks go from 2:00 to 3:00
        ("2027-03-28T02:30", "01:30"),
        ("2027-03-28T03:00", "01:00"),
        ("2026-10-25T02:30", "00:30"),  # comes twice: the first
        ("2026-10-25T02:30+01:00", "01:30"),
        ("2026-10-25T03:00", "02:00"),
    ],
)
def test_a_time_that_the_clocks_skip_is_never_early(text: str, utc: str) -> None:
    assert f"{read(text).astimezone(UTC):%H:%M}" == utc


@pytest.mark.parametrize("text", ["9999-12-31T23:59", "0001-01-01T00:00", "9" * 5_000 + "d"])
def test_a_time_that_no_clock_can_show_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match="zone"):
        read(text)
    with pytest.raises(click.BadParameter):
        Duration().convert(text, None, None)


@pytest.mark.parametrize("text", ["-1", "-0.001", "nan", "inf", "1e10", "1e400", "x", ""])
def test_seconds_are_a_number_that_a_timer_can_be_set_to(text: str) -> None:
    with pytest.raises(click.BadParameter):
        Seconds().convert(text, None, None)


def test_seconds_may_be_none() -> None:
    assert [Seconds().convert(text, None, None) for text in ("0", "0.5", "1e9")] == [0.0, 0.5, 1e9]
    with pytest.raises(click.BadParameter):
        Seconds(least_open=True).convert("0", None, None)
