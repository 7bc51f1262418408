"""Tables that fit a terminal."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from themis.cli.terminal.colours import BAD, plain
from themis.cli.terminal.fitted_table import Column, fitted, fitted_table
from themis.cli.terminal.widths import width_of

COLUMNS = (
    Column("job"),
    Column("experiment", least=10, drop=3, below=True, bare=True),
    Column("rate", right=True, drop=1, below=True),
    Column("pid", drop=5),
)
ROW = ("4f1c09ab", "a model with a long name", "3.0/s", 12345)


@pytest.mark.parametrize(
    ("width", "lines"),
    [
        (60, ["job       experiment                 rate  pid", "4f1c09ab  a model with a long name  3.0/s  12345"]),
        (40, ["job       experiment                rate", "4f1c09ab  a model with a long…     3.0/s"]),
        (30, ["job       experiment      rate", "4f1c09ab  a model with…  3.0/s"]),
        (20, ["job        rate", "4f1c09ab  3.0/s", "  a model with a", "  long name"]),
        (12, ["job", "4f1c09ab", "  a model", "  with a", "  long name", "  rate 3.0/s"]),
        (5, ["job", "4f1c…", "  a", "  mod", "  el"]),
    ],
)
def test_a_long_text_is_shortened_first_then_columns_leave_and_what_matters_goes_below(
    width: int, lines: list[str]
) -> None:
    assert fitted(COLUMNS, [ROW], width)[: len(lines)] == lines


def test_a_column_of_nothing_is_left_out() -> None:
    assert fitted(COLUMNS, [("4f1c09ab", "a", None, "")], 80) == ["job       experiment", "4f1c09ab  a"]
    assert fitted(COLUMNS, [("4f1c09ab", "a", None, ""), ("x", "b", "1/s", "")], 80)[1] == "4f1c09ab  a              -"


def test_when_one_column_is_left_it_is_the_heading_of_the_others() -> None:
    columns = (Column("what", drop=1, below=True, bare=True), Column("--fix", drop=2, below=True))
    assert fitted(columns, [("the queue", "nothing can be done here")], 16) == [
        "what",
        "the queue",
        "  --fix nothing",
        "  can be done",
        "  here",
    ]


def test_columns_that_never_leave_go_below_when_nothing_else_is_left() -> None:
    columns = (Column("state"), Column("cases", right=True), Column("mean", right=True))
    assert fitted(columns, [("completed", "2/2", "1.0000")], 14) == [
        "state",
        "completed",
        "  cases 2/2",
        "  mean 1.0000",
    ]


def test_a_long_reason_ends_in_an_ellipsis_and_a_name_never() -> None:
    columns = (
        Column("job"),
        Column("name", drop=1, below=True, bare=True),
        Column("why", drop=2, below=True, bare=True, lines=2),
    )
    name = "gpt-5.4-mini-on-gsm8k,temperature=0.7,prompt=4f1c"
    found = fitted(columns, [("4f1c09ab", name, "no answer to this " * 20)], 40)
    assert found[1:4] == ["4f1c09ab", "  gpt-5.4-mini-on-gsm8k,temperature=0.7,", "  prompt=4f1c"]
    assert len(found) <= 9
    assert found[-1].endswith("…")


def test_a_wide_character_takes_two_columns() -> None:
    lines = fitted((Column("name"), Column("rate")), [("模型", "1/s"), ("abcd", "2/s")], 80)
    assert [width_of(line) for line in lines[1:]] == [9, 9]


def test_a_cell_has_its_style_without_the_space_around_it() -> None:
    columns = (Column("state", style=lambda text: BAD if text == "failed" else None), Column("job"))
    table = fitted_table(columns, [("failed", "4f1c"), ("cancelled", "77ab")], 80)
    assert table.rows[0][0][0] == ("failed", BAD)
    assert plain(table.rows[0][0]) == "failed     4f1c"
    assert all(part.style is None for part in table.rows[1][0])


cell = st.one_of(st.none(), st.text(max_size=60), st.integers())


@given(st.lists(st.tuples(cell, cell, cell, cell), min_size=1, max_size=5), st.integers(2, 120))
@pytest.mark.not_smoke
def test_no_line_is_wider_than_it_may_be_nor_does_anything_to_a_terminal(
    rows: list[tuple[object, ...]], width: int
) -> None:
    assert all(width_of(line) <= width and line.isprintable() for line in fitted(COLUMNS, rows, width))


@settings(max_examples=15)
@given(
    st.lists(st.decimals(0, 1, places=4).map(str), min_size=1, max_size=9),
    st.lists(st.from_regex(r"[a-z]{3,12}(_[a-z]{3,12}){0,2}", fullmatch=True), min_size=9, max_size=9, unique=True),
    st.integers(46, 200),
)
def test_every_score_is_there_in_full_beside_or_below_the_name_of_its_metric(
    scores: list[str], names: list[str], width: int
) -> None:
    columns = (
        Column("run"),
        Column("state"),
        *(Column(name, right=True, drop=9 + place, below=True) for place, name in enumerate(names[: len(scores)])),
        Column("job", drop=90),
    )
    text = "\n".join(fitted(columns, [("4f1c09ab", "completed", *scores, "77ab00112233")], width))
    assert re.findall(r"\d\.\d{4}", text) == scores
    assert all(re.search(rf"(?<![a-z_]){name}(?![a-z_])", text) for name in names[: len(scores)])
