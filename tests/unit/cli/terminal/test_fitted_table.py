"""Tables that fit a terminal."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from themis.cli.terminal.fitted_table import Column, fitted, shortened

COLUMNS = (Column("job"), Column("experiment", least=10), Column("rate", right=True, drop=1), Column("pid", drop=2))
ROW = ("4f1c09ab", "a model with a long name", "3.0/s", 12345)


@pytest.mark.parametrize(
    ("width", "lines"),
    [
        (60, ["job       experiment                 rate  pid", "4f1c09ab  a model with a long name  3.0/s  12345"]),
        (40, ["job       experiment         rate  pid", "4f1c09ab  a model with a …  3.0/s  12345"]),
        (30, ["job       experiment      rate", "4f1c09ab  a model with…  3.0/s"]),
        (20, ["job       experiment", "4f1c09ab  a model w…"]),
        (12, ["job       ex", "4f1c09ab  a "]),
    ],
)
def test_a_long_text_is_shortened_first_then_the_least_wanted_columns_go(width: int, lines: list[str]) -> None:
    assert fitted(COLUMNS, [ROW], width) == lines


def test_a_column_of_nothing_is_left_out() -> None:
    assert fitted(COLUMNS, [("4f1c09ab", "a", None, "")], 80) == ["job       experiment", "4f1c09ab  a"]
    assert fitted(COLUMNS, [("4f1c09ab", "a", None, ""), ("x", "b", "1/s", "")], 80)[1] == "4f1c09ab  a              -"


cell = st.one_of(st.none(), st.text(max_size=60), st.integers())


@given(st.lists(st.tuples(cell, cell, cell, cell), min_size=1, max_size=5), st.integers(1, 120))
@pytest.mark.not_smoke
def test_no_line_is_wider_than_it_may_be_nor_does_anything_to_a_terminal(
    rows: list[tuple[object, ...]], width: int
) -> None:
    found = fitted(COLUMNS, rows, width)
    assert len(found) == len(rows) + 1
    assert all(len(line) <= width and line.isprintable() for line in found)


def test_what_is_short_enough_stays_as_it_is() -> None:
    assert [shortened("abcdef", width) for width in (7, 6, 5, 1)] == ["abcdef", "abcdef", "abcd…", "…"]
