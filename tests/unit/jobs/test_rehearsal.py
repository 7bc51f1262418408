"""A rehearsal of jobs does all that a job does, and leaves nothing behind that a fork would share."""

import threading
from typing import Any

import pytest

from themis.core.builtins.metrics.exact_match import ExactMatch
from themis.core.jobs.rehearsal import TIMES, rehearse
from themis.core.queue.model.states import Cause


def test_every_job_of_a_rehearsal_is_done_and_no_thread_is_left(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    before = threading.enumerate()
    assert [outcome.cause for outcome in rehearse()] == [Cause.DONE] * TIMES
    assert threading.enumerate() == before
    assert capfd.readouterr() == ("", "")
    assert not caplog.records


def test_a_rehearsal_scores_its_case(monkeypatch: pytest.MonkeyPatch) -> None:
    scored: list[Any] = []
    score = ExactMatch.score

    def noted(self: Any, *arguments: Any) -> Any:
        scored.append(score(self, *arguments))
        return scored[-1]

    monkeypatch.setattr(ExactMatch, "score", noted)
    rehearse()
    assert [found.value for found in scored] == [1.0] * TIMES
