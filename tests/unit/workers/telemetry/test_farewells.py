"""What a worker says when it is to end, and at its end."""

from types import SimpleNamespace
from typing import Any

import pytest

from themis.core.queue import Cause, JobState
from themis_workers.telemetry import farewells


def row(state: JobState) -> Any:
    return SimpleNamespace(state=state)


def test_a_first_ctrl_c_says_what_is_waited_for_and_what_a_second_does() -> None:
    said = farewells.on_first_signal(1, 30.0, "Ctrl-C")
    assert said == "stopping: waiting up to 30 s for 1 running job; press Ctrl-C again to stop now"
    said = farewells.on_first_signal(2, 0.5, "SIGTERM")
    assert said == "stopping: waiting up to 0.5 s for 2 running jobs; a second SIGTERM stops now"
    assert farewells.on_first_signal(0, 30.0, "Ctrl-C") == "stopping: no job is running"


def test_a_second_signal_says_what_it_costs() -> None:
    assert farewells.on_second_signal(1) == "stopping now: 1 running job is killed and given back"
    assert farewells.on_second_signal(3) == "stopping now: 3 running jobs are killed and given back"
    assert farewells.on_second_signal(0) == "stopping now"


def test_a_request_to_stop_is_named_as_the_command() -> None:
    asked = "stopping, as `themis worker stop` asked: "
    assert farewells.on_stop_request(2) == f"{asked}waiting for 2 running jobs to end"
    assert farewells.on_stop_request(0) == f"{asked}no job is running"


@pytest.mark.parametrize(
    ("cause", "after", "word"),
    [
        (Cause.DONE, row(JobState.DONE), "completed"),
        (Cause.EXCEPTION, row(JobState.FAILED), "failed"),
        (Cause.CANCELLED, row(JobState.CANCELLED), "cancelled"),
        (Cause.TRANSIENT, row(JobState.QUEUED), "to be tried again"),
        (Cause.GIVEN_BACK, row(JobState.QUEUED), "given back"),
        (Cause.DONE, None, "taken over"),
    ],
)
def test_an_attempt_came_to_one_word(cause: Cause, after: Any, word: str) -> None:
    assert farewells.word_of(cause, after) == word


def test_the_last_words_count_the_jobs_and_what_they_came_to() -> None:
    assert farewells.what_came_of({}) == "no jobs"
    assert farewells.what_came_of({"completed": 1}) == "1 job: 1 completed"
    counts = {"given back": 1, "failed": 2, "completed": 1_000}
    assert farewells.what_came_of(counts) == "1,003 jobs: 1,000 completed, 2 failed, 1 given back"
