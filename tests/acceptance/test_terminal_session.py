"""The terminal session that the documentation shows can be held, and shows what it is said to."""

import re

import pytest

from tests.screens.__main__ import PAGE
from tests.screens.lab import MODELS
from tests.screens.page import page
from tests.screens.session import COLUMNS, PAUSE_REASON, Session

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page of a session that has just been held."""
    folder = tmp_path_factory.mktemp("session").resolve()
    return page(Session(folder).screens(), folder, COLUMNS)


@pytest.fixture(scope="module")
def screens(written: str) -> list[str]:
    return screens_of(written)


def screens_of(text: str) -> list[str]:
    return re.findall(r"^```text\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def commands_of(text: str) -> list[str]:
    return [line for screen in screens_of(text) for line in screen.splitlines() if line.startswith("$ ")]


def test_the_page_tells_of_the_session_that_the_script_holds(written: str) -> None:
    stands = PAGE.read_text(encoding="utf-8")
    assert len(screens_of(stands)) == len(screens_of(written)) == 12
    assert without_keys(commands_of(stands)) == without_keys(commands_of(written))


def without_keys(lines: list[str]) -> list[str]:
    return [re.sub(r"\b[0-9a-f]{8}\b", "KEY", line) for line in lines]


def test_nothing_of_this_machine_is_on_a_page(written: str) -> None:
    for text in (written, PAGE.read_text(encoding="utf-8")):
        assert "/home/me/evals/runs/queue" in text
        assert not re.search(r"tmp|/root|themis-\w{8}|pytest", text)
        assert set(re.findall(r"\b\w+@\w+", text)) == {"me@desk"}
        assert set(re.findall(r"\b20\d\d-\d\d-\d\d", text)) == {"2027-01-04"}


def test_five_experiments_are_submitted_to_two_workers_which_take_one_each(screens: list[str]) -> None:
    begun, submitted, listed = screens[:3]
    assert "worker begins, name anna, slots 1" in begun
    assert len(re.findall(r"^queued  240 cases  \(\w+-on-word-problems, run ", submitted, re.MULTILINE)) == 5
    assert "no worker" not in submitted
    assert "2 running, 3 queued, 0 waiting" in listed


def test_the_watch_shows_two_workers_and_bars_that_move(screens: list[str]) -> None:
    first, second = screens[3:5]
    for screen in (first, second):
        assert [line.split()[:3] for line in screen.splitlines() if re.match(r"anna|berta", line)] == [
            ["anna", "running", "1/1"],
            ["berta", "running", "1/1"],
        ]
        assert "empty in about" in screen
    before, after = ([int(done) for done in re.findall(r"(\d+)/240 +\d+%", screen)] for screen in (first, second))
    assert len(before) == len(after) == 2
    assert all(0 < early < late < 240 for early, late in zip(before, after, strict=True))


def test_a_running_one_is_cancelled_and_the_queue_paused_by_somebody_for_a_reason(screens: list[str]) -> None:
    cancelled, paused, watched = screens[5:8]
    assert re.search(r"^stopping  \(run [0-9a-f]{8}, job [0-9a-f]{8}\)$", cancelled, re.MULTILINE)
    assert "state      cancelled" in cancelled
    assert "the queue is paused, by me@desk at 2027-01-04 09:0" in paused
    # How many were done by then is a matter of the machine's speed.
    assert re.search(r"0 running, [12] queued, 0 waiting, 0 failed, 1 cancelled, [23] done", paused)
    assert f": {PAUSE_REASON}" in watched
    assert "paused, by me@desk at" in watched


def test_what_was_cancelled_is_retried_and_all_five_end(screens: list[str]) -> None:
    resumed = screens[8]
    assert "resumed: workers take jobs again\n" in resumed
    assert re.search(r"^queued  \(run [0-9a-f]{8}, job [0-9a-f]{8}\)$", resumed, re.MULTILINE)
    rows = re.findall(
        r"^[0-9a-f]{8} +(\w+)-on\S+ +completed +240/240 +\d\.\d{4} .* [0-9a-f]{8}$", resumed, re.MULTILINE
    )
    assert sorted(rows) == sorted(model.name for model in MODELS)


def test_the_workers_are_stopped_in_order_and_gone(screens: list[str]) -> None:
    stopped, anna, berta = screens[9:]
    assert '{"asked":["anna","berta"],"stopped":["anna","berta"],"left":[]}' in stopped
    assert "no worker is registered" in stopped
    for name, said in (("anna", anna), ("berta", berta)):
        assert f"worker ends, name {name}, clean, exit code 0" in said
    states = re.findall(r"^\d\d:\d\d:\d\d  (\w+)  \d+/240 cases  ", anna + berta, re.MULTILINE)
    assert sorted(states) == ["cancelled", *["done"] * 5], "one line per job"
