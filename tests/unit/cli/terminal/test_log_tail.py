"""A log is followed while it grows, is rotated away, is emptied."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from themis.cli.terminal import log_tail
from themis.cli.terminal.log_tail import LogTail, lines_of


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "1.log"


@pytest.fixture
def tail(log: Path) -> Iterator[LogTail]:
    with closing(LogTail(log)) as opened:
        yield opened


def append(log: Path, text: str | bytes) -> None:
    with log.open("ab") as file:
        file.write(text.encode() if isinstance(text, str) else text)


def test_a_log_that_is_not_there_yet_is_waited_for(log: Path, tail: LogTail) -> None:
    assert list(tail.new_lines()) == []
    append(log, "one\ntwo\n")
    assert list(tail.new_lines()) == ["one", "two"]
    assert list(tail.new_lines()) == []


def test_a_line_is_given_when_it_is_whole_and_a_begun_one_at_the_end(log: Path, tail: LogTail) -> None:
    append(log, "on")
    assert list(tail.new_lines()) == []
    append(log, "e\ntw")
    assert list(tail.new_lines()) == ["one"]
    assert list(tail.rest()) == ["tw"]
    assert list(tail.rest()) == ["one", "tw"], "what has come to its rest begins anew"


def test_a_letter_that_is_written_in_two_pieces_is_whole(log: Path, tail: LogTail) -> None:
    append(log, "é".encode()[:1])
    assert list(tail.new_lines()) == []
    append(log, "é".encode()[1:] + b"\n\xff\n")
    assert list(tail.new_lines()) == ["é", "\N{REPLACEMENT CHARACTER}"]


def test_a_progress_bar_is_many_lines_and_a_line_end_in_two_pieces_is_one(log: Path, tail: LogTail) -> None:
    append(log, "10%\r20%\r")
    assert list(tail.new_lines()) == ["10%"]
    append(log, "\n30%\r")
    assert list(tail.new_lines()) == ["20%"]
    assert list(tail.rest()) == ["30%"]


def test_a_rotation_loses_no_line_and_doubles_none(log: Path, tail: LogTail) -> None:
    found: list[str] = []
    for number in range(100):
        append(log, f"{number}\n")
        if number % 3 == 0:
            found += tail.new_lines()
        if number % 10 == 5:
            append(log, "written before the renaming\n")
            log.replace(log.with_name("1.log.1"))
            if number % 20 == 5:
                found += tail.new_lines()  # while there is no new file
    found += tail.rest()
    assert [line for line in found if line.isdigit()] == [str(number) for number in range(100)]
    assert len(found) == 110


def test_a_log_that_was_emptied_is_read_from_its_beginning(log: Path, tail: LogTail) -> None:
    append(log, "before\n")
    assert list(tail.new_lines()) == ["before"]
    log.write_text("a\n")
    assert list(tail.new_lines()) == ["a"]


def test_a_line_without_an_end_is_given_in_pieces(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_tail, "LONGEST_LINE_BYTES", 1_000)
    append(log, "x" * 200_000)
    pieces = list(lines_of([log]))
    assert "".join(pieces) == "x" * 200_000
    assert len(pieces) > 1


def test_a_link_is_not_followed(log: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret\n")
    log.symlink_to(tmp_path / "secret")
    assert list(lines_of([log])) == []


def test_the_parts_of_a_log_are_read_one_after_the_other(log: Path, tail: LogTail) -> None:
    older = log.with_name("1.log.1")
    older.write_text("a\nb")
    log.write_text("c\n")
    assert list(lines_of([older, log])) == ["a", "b", "c"]
    assert list(tail.rotated_away()) == ["a", "b"]
