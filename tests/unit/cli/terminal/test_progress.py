"""How far a run is, in words."""

import sys
import time

import pytest

from tests.support.waiting import until
from themis.cli.terminal import progress, streams
from themis.core.engine.run_options import RunProgress
from themis.core.monitor.recent_rate import RecentRate
from themis.core.run_progress.stream_views import Bar
from themis.core.values.stalled_call import StalledCall


def test_the_pace_is_that_of_the_last_seconds() -> None:
    pace = RecentRate()
    assert pace.per_second(0.0, 0) == 0.0
    assert pace.per_second(10.0, 100) == 10.0
    pace.per_second(100.0, 1_000)
    assert pace.per_second(110.0, 1_010) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("state", "rate", "words"),
    [
        (RunProgress(100, 20, 3), 4.0, "20 of 100 cases, 3 failed, 4.0/s, 20.0 s left"),
        (RunProgress(2_000, 1_999, 0), 4_000.0, "1,999 of 2,000 cases, 0 failed, 4,000/s, 1.0 s left"),
        (RunProgress(100, 100, 0, 40), 20.0, "100 of 100 cases, 0 failed, 20/s, 40 were done before"),
        (RunProgress(100, 0, 0), 0.0, "0 of 100 cases, 0 failed, 0.0/s"),
    ],
)
def test_progress_is_described_with_what_is_left(state: RunProgress, rate: float, words: str) -> None:
    assert progress.describe(state, rate) == words


@pytest.mark.not_smoke
def test_a_run_that_waits_says_what_for_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "LINE_EVERY_S", 0.01)
    state = RunProgress(total=10, waits_for="waits for the batch of openai: batch_1 validating")
    assert progress.describe(state, 0.0) == state.waits_for
    with progress.shown(state, quiet=False):
        time.sleep(0.3)
        state.waits_for = "waits for the batch of openai: batch_1 in_progress 3 of 9"
        time.sleep(0.3)
    said = capsys.readouterr().err
    assert said.count("validating") == 1
    assert said.count("in_progress 3 of 9") == 1


def test_a_log_gets_a_line_now_and_then(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(progress, "LINE_EVERY_S", 0.01)
    state = RunProgress(total=10, done=5, failed=1)
    with progress.shown(state, quiet=False):
        wait_for_a_line(capsys)


def test_nothing_is_shown_before_it_is_known_how_much_there_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "LINE_EVERY_S", 0.001)
    with progress.shown(RunProgress(), quiet=False):
        time.sleep(0.05)
    assert capsys.readouterr().err == ""


def test_a_terminal_gets_a_bar(capsys: pytest.CaptureFixture[str]) -> None:
    bar = Bar(sys.stderr)
    bar.close()
    bar.show(RunProgress(10, 5, 1), 2.0)
    bar.close()
    shown = capsys.readouterr().err
    assert "5/10" in shown
    assert "1 failed, 2.0/s, 2.5 s left" in shown


@pytest.mark.parametrize("is_terminal", [False, True])
def test_a_call_that_has_stalled_is_named_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *, is_terminal: bool
) -> None:
    monkeypatch.setattr(progress, "LINE_EVERY_S", 0.002)
    monkeypatch.setattr(progress, "BAR_EVERY_S", 0.002)
    monkeypatch.setattr(streams, "has_terminal", lambda: is_terminal)
    looks: list[int] = []

    def stalled() -> StalledCall | None:
        looks.append(1)
        calls = [None, StalledCall("q1", "d", "parse", "p", 31.0), StalledCall("q2[b]", "d", "score", "m", 40.0)]
        return calls[min(len(looks) // 3, 2)]

    with progress.shown(RunProgress(total=10, stalled=stalled), quiet=False):
        until(lambda: len(looks) > 12, "it to be looked at again and again")
    shown = capsys.readouterr().err
    assert shown.count("themis: a call has stalled: parse of case q1 of dataset d by p for 31.0 s") == 1
    assert shown.count("themis: a call has stalled: score of case q2[b] of dataset d by m for 40.0 s") == 1
    assert shown.count("has stalled") == 2


def test_quiet_means_quiet(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(progress, "LINE_EVERY_S", 0.001)
    with progress.shown(RunProgress(total=10), quiet=True):
        time.sleep(0.05)
    assert capsys.readouterr().err == ""


def wait_for_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(1_000):
        if shown := capsys.readouterr().err:
            assert shown.startswith("themis: 5 of 10 cases, 1 failed, ")
            return
        time.sleep(0.01)
    pytest.fail("no line came")
