"""The times and durations that commands take."""

from datetime import UTC, datetime, timedelta, timezone

import click
import pytest

from themis.cli.times import Duration, When


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
    with pytest.raises(click.BadParameter, match="is no duration"):
        Duration().convert(text, None, None)
