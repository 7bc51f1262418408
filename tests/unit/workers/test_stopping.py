"""The way of a worker to its end."""

from types import SimpleNamespace

import pytest

from themis_workers import stopping as module
from themis_workers.stopping import SETTLE_PATIENCE_S, ExitCode, Stopping


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    made = SimpleNamespace(now_s=100.0)
    made.monotonic = lambda: made.now_s
    monkeypatch.setattr(module, "time", made)
    return made


def test_the_first_reason_and_the_first_grace_count(clock: SimpleNamespace) -> None:
    stopping = Stopping()
    assert (stopping.why, stopping.is_over, stopping.gives_up, stopping.left_s) == (None, False, False, None)
    stopping.begin("the queue is empty", None)
    assert (stopping.is_over, stopping.left_s) == (False, None)
    stopping.begin("asked to", 10.0)
    assert (stopping.why, stopping.left_s) == ("the queue is empty", 10.0)
    clock.now_s += 4.0
    stopping.begin("asked to again", 10.0)
    assert (stopping.why, stopping.left_s) == ("the queue is empty", 6.0)
    clock.now_s += 5.9
    assert not stopping.is_over
    clock.now_s += 0.1
    assert stopping.is_over
    assert not stopping.gives_up
    clock.now_s += SETTLE_PATIENCE_S
    assert stopping.gives_up
    assert stopping.left_s == 0.0


def test_who_is_forced_stops_at_once(clock: SimpleNamespace) -> None:
    stopping = Stopping()
    stopping.begin("asked to", 10.0)
    stopping.force()
    assert stopping.is_over
    assert stopping.gives_up


@pytest.mark.parametrize(
    ("forced", "cut_short", "slot_lost", "code"),
    [
        (False, False, False, ExitCode.CLEAN),
        (True, False, False, ExitCode.CLEAN),
        (False, True, False, ExitCode.DRAINED),
        (True, True, False, ExitCode.FORCED),
        (True, True, True, ExitCode.SLOT_LOST),
        (False, False, True, ExitCode.SLOT_LOST),
    ],
)
def test_the_exit_code_says_what_became_of_what_ran(
    forced: bool, cut_short: bool, slot_lost: bool, code: ExitCode
) -> None:
    stopping = Stopping()
    stopping.forced, stopping.cut_short, stopping.slot_lost = forced, cut_short, slot_lost
    assert stopping.exit_code is code
