"""What is printed."""

import json

import pytest

from themis.cli.terminal import output


def test_a_document_is_one_line_that_any_terminal_can_take(capsys: pytest.CaptureFixture[str]) -> None:
    document = {"text": "é\n\ud800", "number": 1.5}
    output.emit(document)
    printed = capsys.readouterr().out
    assert printed.isascii()
    assert printed.count("\n") == 1
    assert json.loads(printed) == document


def test_a_number_that_json_has_not_is_never_printed() -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        output.emit({"value": float("nan")})


def test_a_table_aligns_its_columns_and_shows_what_is_missing() -> None:
    lines = output.table(("name", "count"), [("a", 1), ("longer", None)], right=("count",))
    assert lines == ["name    count", "a           1", "longer      -"]


def test_nothing_that_is_printed_for_people_moves_the_cursor() -> None:
    assert output.table(("name",), [("a\x1b[31m\nb",)])[1] == "a\N{REPLACEMENT CHARACTER}[31m b"
    assert output.one_line("a\x07\tb") == "a\N{REPLACEMENT CHARACTER} b"


def test_no_line_for_people_moves_the_cursor_or_turns_itself_around(capsys: pytest.CaptureFixture[str]) -> None:
    output.say("store: /srv/\x1b[2J\N{RIGHT-TO-LEFT OVERRIDE}x")
    output.note("store: /srv/\x1b[2J\N{RIGHT-TO-LEFT OVERRIDE}x")
    said = "store: /srv/\N{REPLACEMENT CHARACTER}[2J\N{REPLACEMENT CHARACTER}x\n"
    assert capsys.readouterr() == (said, f"themis: {said}")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.25, "250 ms"), (2.5, "2.5 s"), (61, "1 min 1 s"), (7_260, "2 h 1 min"), (90_000, "1 d 1 h")],
)
def test_a_duration_is_said_in_the_units_of_people(seconds: float, words: str) -> None:
    assert output.how_long(seconds) == words


def test_a_time_is_said_in_utc() -> None:
    assert output.when(0) == "1970-01-01 00:00:00Z"
    assert output.when(None) is None
