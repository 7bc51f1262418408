"""The shares that commands take."""

import click
import pytest

from themis.cli.terminal.share_option import Share


def read(text: str) -> float:
    return Share().convert(text, None, None)


@pytest.mark.parametrize(
    ("text", "share"),
    [("2%", 0.02), ("0.02", 0.02), (" 2 % ", 0.02), ("0.5%", 0.005), ("100%", 1.0), (".5", 0.5), ("0.0001%", 1e-6)],
)
def test_a_share_is_per_cent_or_a_number_below_1(text: str, share: float) -> None:
    assert read(text) == pytest.approx(share, rel=1e-12)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("2", "'2' is not a share: write 2% or 0.02"),
        ("1", "'1' is not a share: write 1% or 0.01"),
        ("200", "'200' is not a share"),
        ("0", "'0' is not a share from 0.0001% to 100%"),
        ("0%", "'0%' is not a share from 0.0001% to 100%"),
        ("150%", "'150%' is not a share from 0.0001% to 100%"),
        ("-1%", "'-1%' is not a share from 0.0001% to 100%"),
        ("-1", "'-1' is not a share from 0.0001% to 100%"),
        ("1e-300", "'1e-300' is not a share from 0.0001% to 100%"),
        ("nan", "'nan' is not a share: write it like 2% or 0.02"),
        ("inf%", "'inf%' is not a share: write it like 2% or 0.02"),
        ("two", "'two' is not a share: write it like 2% or 0.02"),
        ("2%%", "'2%%' is not a share: write it like 2% or 0.02"),
        ("1_0%", "'1_0%' is not a share: write it like 2% or 0.02"),
        ("%", "'%' is not a share: write it like 2% or 0.02"),
        ("", "'' is not a share: write it like 2% or 0.02"),
    ],
)
def test_what_is_no_share_says_what_to_write(text: str, why: str) -> None:
    with pytest.raises(click.BadParameter) as error:
        read(text)
    assert error.value.message == why
