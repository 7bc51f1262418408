"""Notes of the cases in flight survive the process that kept them, and are removed by one that ends in order."""

import multiprocessing
import os
import signal
from pathlib import Path

import pytest

from themis.core.processes.noted_cases import MOST_NOTED, InFlight, NotedCases, read_notes

TOKEN = "5b9c392d1694f445"  # noqa: S105  # a claim's, no secret


def test_what_is_in_flight_is_read_and_what_has_ended_is_not(tmp_path: Path) -> None:
    notes = NotedCases.make(tmp_path / "key", TOKEN, 4)
    for case in (7, 0, 12):
        notes.begin(case)
    notes.end(7)
    notes.begin(3)
    assert read_notes(tmp_path / "key", TOKEN) == InFlight((0, 3, 12))
    notes.one_at_a_time(alone=True)
    assert read_notes(tmp_path / "key", TOKEN) == InFlight((0, 3, 12), alone=True)
    notes.one_at_a_time(alone=False)
    assert read_notes(tmp_path / "key", TOKEN) == InFlight((0, 3, 12))
    notes.close()
    assert not (tmp_path / "key").exists()


def test_a_process_that_is_killed_leaves_its_notes(tmp_path: Path) -> None:
    def be_killed() -> None:
        notes = NotedCases.make(tmp_path / "key", TOKEN, 2)
        notes.begin(41)
        os.kill(os.getpid(), signal.SIGKILL)

    victim = multiprocessing.get_context("fork").Process(target=be_killed)
    victim.start()
    victim.join(20)
    assert victim.exitcode == -signal.SIGKILL
    assert read_notes(tmp_path / "key", TOKEN) == InFlight((41,))


def test_notes_of_another_claim_are_not_taken_for_those_of_this_one(tmp_path: Path) -> None:
    NotedCases.make(tmp_path / "key", TOKEN, 2).begin(1)
    assert read_notes(tmp_path / "key", TOKEN[::-1]) is None
    later = NotedCases.make(tmp_path / "key", TOKEN[::-1], 2)
    assert read_notes(tmp_path / "key", TOKEN) is None
    assert read_notes(tmp_path / "key", TOKEN[::-1]) == InFlight(())
    later.close()


def test_a_process_that_has_lost_its_claim_writes_into_no_later_notes(tmp_path: Path) -> None:
    stale = NotedCases.make(tmp_path / "key", TOKEN, 2)
    NotedCases.make(tmp_path / "key", "other", 2).begin(5)
    stale.begin(9)
    assert read_notes(tmp_path / "key", "other") == InFlight((5,))


def test_more_cases_than_there_is_room_for_are_not_noted_and_disturb_no_others(tmp_path: Path) -> None:
    notes = NotedCases.make(tmp_path / "key", TOKEN, 2)
    for case in range(5):
        notes.begin(case)
    notes.end(4)
    notes.end(0)
    notes.begin(9)
    assert read_notes(tmp_path / "key", TOKEN) == InFlight((1, 9))
    assert (tmp_path / "key").stat().st_size == (2 + 2) * 8
    notes.close()
    large = NotedCases.make(tmp_path / "key", TOKEN, 10 * MOST_NOTED)
    assert (tmp_path / "key").stat().st_size == (2 + MOST_NOTED) * 8
    large.close()


@pytest.mark.parametrize("data", [b"", b"short", b"x" * 17, b"x" * 64])
def test_what_is_no_notes_is_taken_for_nothing(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "key").write_bytes(data)
    assert read_notes(tmp_path / "key", TOKEN) is None


def test_a_link_in_the_place_of_notes_is_not_followed(tmp_path: Path) -> None:
    NotedCases.make(tmp_path / "real", TOKEN, 2).begin(1)
    (tmp_path / "key").symlink_to(tmp_path / "real")
    assert read_notes(tmp_path / "key", TOKEN) is None
    assert read_notes(tmp_path / "missing", TOKEN) is None
    NotedCases.make(tmp_path / "key", TOKEN, 2).close()
    assert read_notes(tmp_path / "real", TOKEN) == InFlight((1,))
