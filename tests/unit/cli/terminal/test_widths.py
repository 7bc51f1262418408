"""Text that fits a terminal is broken and shortened between words."""

from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from themis.cli.terminal.widths import flowed, shortened, shortened_lines, terminal_width, width_of, wrapped


def test_what_is_short_enough_stays_as_it_is() -> None:
    assert [shortened("abcdef", width) for width in (7, 6, 5, 1)] == ["abcdef", "abcdef", "abcd…", "…"]


def test_a_text_is_shortened_after_a_word_unless_too_little_would_be_left() -> None:
    assert shortened("the endpoint moves tomorrow", 20) == "the endpoint moves…"
    assert shortened("the endpoint moves tomorrow", 19) == "the endpoint moves…"
    assert shortened("a /home/me/evaluations/runs", 20) == "a /home/me/evaluati…"


def test_a_text_is_broken_between_words_and_a_long_word_where_it_has_a_joint() -> None:
    text = "no worker is at /home/me/evals/runs/queue now"
    assert wrapped(text, 20) == ["no worker is at", "/home/me/evals/runs/", "queue now"]
    assert wrapped("", 20) == []


def test_a_command_to_type_is_never_broken() -> None:
    text = "no worker is running; start one with: themis worker --queue-root '/srv/else where'"
    assert wrapped(text, 30, indent=2) == [
        "no worker is running; start",
        "  one with:",
        "  themis worker --queue-root '/srv/else where'",
    ]


def test_more_lines_than_wanted_end_in_an_ellipsis() -> None:
    assert shortened_lines("one two three four five", 9, 2) == ["one two", "three…"]
    assert shortened_lines("one two", 9, 2) == ["one two"]


def test_items_stay_whole_and_begin_as_they_are_told() -> None:
    items = ["exact_match 1.0000", "f1 0.5000", "math_equivalence 0.2500"]
    assert flowed(items, 34, first="- ", then="  ") == ["- exact_match 1.0000  f1 0.5000", "  math_equivalence 0.2500"]


@given(st.text(max_size=200), st.integers(4, 60), st.integers(0, 2))
def test_no_line_is_too_wide_and_no_character_is_lost(text: str, width: int, indent: int) -> None:
    printed = "".join(sign if sign.isprintable() else "?" for sign in text)
    lines = wrapped(printed, width, indent=indent)
    assert all(width_of(line) <= width for line in lines)
    assert "".join(lines).replace(" ", "") == "".join(printed.split())


def test_a_result_that_goes_to_no_terminal_has_no_width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout", StringIO())
    assert terminal_width() is None


class _Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def test_the_variable_of_the_environment_counts_then_the_terminal_then_eighty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout", _Terminal())
    monkeypatch.setenv("COLUMNS", "51")
    assert terminal_width() == 51
    monkeypatch.setenv("COLUMNS", "0")
    assert terminal_width() == 80
