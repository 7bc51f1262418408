"""The end of a pause: when some of a quota is back, not all of it; and when a minute is over, if nobody says."""

from itertools import pairwise

import pytest

from themis.core.engine.limits.throttling_pauses import LONGEST_PAUSE_S, MINUTE_S, SPREAD, ThrottlingPauses


@pytest.mark.parametrize(
    ("said", "opens_s"),
    [
        ({"requests_limit": 600, "requests_remaining": 0, "requests_reset_s": 60.0}, 0.1),
        ({"requests_remaining": 0, "requests_reset_s": 7.0}, 7.0),
        ({"tokens_limit": 1_000, "tokens_remaining": 0, "tokens_reset_s": 30.0}, 0.03),
    ],
)
def test_the_gate_opens_when_the_first_part_is_back(said: dict[str, float], opens_s: float) -> None:
    closing = ThrottlingPauses()
    closing.heed(100.0, said)
    assert closing.is_closed(100.0)
    assert closing.until == pytest.approx(100.0 + opens_s)


def test_what_is_left_closes_nothing() -> None:
    closing = ThrottlingPauses()
    closing.heed(100.0, {"requests_limit": 600, "requests_remaining": 1, "requests_reset_s": 60.0})
    assert not closing.is_closed(100.0)


def pauses(closing: ThrottlingPauses, now: float, until: float) -> list[float]:
    """The ends of all pauses until a time, when each call that is let in is throttled without a word."""
    found = []
    while now < until:
        closing.throttled(now, now, 0.0)
        found.append(closing.until)
        now = closing.until
    return found


def test_a_pause_ends_when_a_minute_is_over_since_the_calls_that_were_answered() -> None:
    closing = ThrottlingPauses()
    for at in range(5):
        closing.answered(100.0 + at)
    assert 100.0 + MINUTE_S in pauses(closing, 104.5, 170.0)


def test_a_minute_is_tried_once_and_then_the_pauses_are_long_again() -> None:
    closing = ThrottlingPauses()
    for at in range(40):
        closing.answered(100.0 + at / 2)
    over = [at for at in pauses(closing, 120.0, 260.0) if at >= 100.0 + MINUTE_S]
    assert over[0] == 100.0 + MINUTE_S
    gaps = [second - first for first, second in pairwise(over)]
    assert all(LONGEST_PAUSE_S <= gap <= LONGEST_PAUSE_S * (1 + SPREAD) for gap in gaps)
    closing.answered(closing.until)
    began = closing.until
    assert began + MINUTE_S in pauses(closing, began + 1.0, began + 70.0), "it is tried again after an answer"


def test_a_retry_after_is_not_cut_short_by_a_minute() -> None:
    closing = ThrottlingPauses()
    closing.answered(100.0)
    closing.throttled(101.0, 101.0, 90.0)
    assert closing.until == 191.0
