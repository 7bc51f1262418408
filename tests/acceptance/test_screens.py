"""Tables on terminals of any width: no line is too long, no score is cut, and no word is."""

import re
from collections import Counter

import pytest

from tests.screens.busy_lab import BASELINE, CANDIDATE
from tests.screens.captured import COMMANDS, FOLDER, WIDTHS, Screen, screens
from themis.cli.terminal.widths import width_of

pytestmark = pytest.mark.slow  # a worker, and fifty commands

METRICS = ("exact_match", "f1", "edit_distance", "lab/answers_in_one_short_sentence")
_SCORE = re.compile(r"(?<![\d.])\d\.\d{4}(?!\d)")
_JOINTS = re.compile(r"(?<=[-_/,.=:;])")
_HEX = re.compile(r"[0-9a-f]{8,64}")


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, int], Screen]:
    """Every screen, by the name of its command and its width."""
    folder = tmp_path_factory.mktemp("screens").resolve()
    return {(screen.name, screen.width): screen for screen in screens(folder)}


@pytest.fixture(params=[(name, width) for name in COMMANDS for width in WIDTHS], ids=lambda one: f"{one[0]}-{one[1]}")
def screen(request: pytest.FixtureRequest, found: dict[tuple[str, int], Screen]) -> Screen:
    return found[request.param]


def test_no_line_is_wider_than_the_terminal_unless_it_is_a_command_to_copy(screen: Screen) -> None:
    assert screen.lines
    too_wide = [line for line in screen.lines if width_of(line) > screen.width]
    assert [line for line in too_wide if not line.startswith("  themis ")] == []


def test_no_score_is_cut_and_none_is_left_out(screen: Screen, found: dict[tuple[str, int], Screen]) -> None:
    widest = "\n".join(found[screen.name, WIDTHS[-1]].lines)
    text = "\n".join(screen.lines)
    shown, all_of_them = Counter(_SCORE.findall(text)), Counter(_SCORE.findall(widest))
    if screen.name == "status-of-one":  # the mean if all unscored cases were 0, or 1, is for wide terminals
        assert shown <= all_of_them
    else:
        assert shown == all_of_them
    shows_metrics = screen.name in {"status", "list", "status-of-one", "compare", "run"}
    assert shows_metrics == bool(all_of_them)
    if shows_metrics:
        assert all(re.search(rf"(?<![\w/]){metric}(?![\w/])", text) for metric in METRICS)


def test_no_word_is_cut_in_the_middle(screen: Screen, found: dict[tuple[str, int], Screen]) -> None:
    """A word is whole, or a part of one that is wider than the line, broken at a joint."""
    widest = " ".join(found[screen.name, WIDTHS[-1]].lines).split()
    whole = {*widest, *(f"{word}," for word in widest)}
    parts = {
        "".join(joints[first : last + 1])
        for word in widest
        for joints in [_JOINTS.split(word)]
        for first in range(len(joints))
        for last in range(first, len(joints))
    }
    words = {word for line in screen.lines for word in line.removesuffix("…").split() if re.search("[a-z]{3}", word)}
    assert {word for word in words - whole - parts if not _HEX.fullmatch(word)} == set()


def test_the_lab_has_what_a_table_can_have(found: dict[tuple[str, int], Screen]) -> None:
    listed = "\n".join(found["list", 200].lines)
    for state in ("running", "queued", "cancelled", "partial_failure", "completed", "failed"):
        assert re.search(rf" {state} ", listed), state
    assert BASELINE in listed
    assert CANDIDATE in listed
    assert "  labels purpose=release-candidate, team=search" in found["list", 80].lines
    queue = "\n".join(found["queue-list", 200].lines)
    assert re.search(r"^done .* tried-again .* 2 ", queue, re.MULTILINE), "the second attempt"
    assert re.search(r"\d\d:\d\d:\d\d CES?T", queue), "times have the zone of the machine"
    assert "stored, nothing was run" in "\n".join(found["run", 200].lines)


def test_the_screens_that_are_kept_are_those_of_every_command_at_every_width() -> None:
    kept = {file.name for file in FOLDER.glob("*.txt")}
    assert kept == {f"{name}-{width:03d}.txt" for name in COMMANDS for width in WIDTHS}
    for file in sorted(FOLDER.glob("*.txt")):
        text = file.read_text(encoding="utf-8")
        assert not re.search(r"/root|themis-\w{8}", text), file.name
