"""The end of a pause: when some of a quota is back, not all of it; and when a minute is over, if nobody says."""

import random
from itertools import pairwise

import pytest

from themis.core.engine.limits.throttling_pauses import (
    FIRST_PAUSE_S,
    LONGEST_PAUSE_S,
    MINUTE_S,
    SPREAD,
    ThrottlingPauses,
)


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


def is_tried_at(ends: list[float], minute_over: float) -> bool:
    """Whether a pause ends with the minute, or after the shortest pause if it began just before that."""
    return any(minute_over <= end < minute_over + FIRST_PAUSE_S for end in ends)


@pytest.mark.parametrize("seed", range(100))
def test_a_pause_ends_when_a_minute_is_over_since_the_calls_that_were_answered(seed: int) -> None:
    closing = ThrottlingPauses(random.Random(seed).random)
    for at in range(5):
        closing.answered(100.0 + at)
    assert is_tried_at(pauses(closing, 104.5, 170.0), 100.0 + MINUTE_S)


def test_a_pause_ends_with_the_minute_itself_if_it_began_well_before() -> None:
    closing = ThrottlingPauses(lambda: 0.5)
    closing.answered(100.0)
    assert 100.0 + MINUTE_S in pauses(closing, 104.5, 170.0)


def test_a_pause_that_begins_just_before_a_minute_is_over_is_as_long_as_the_first() -> None:
    closing = ThrottlingPauses(lambda: 0.0)
    closing.answered(100.0)
    just_before = 100.0 + MINUTE_S - FIRST_PAUSE_S / 2
    assert pauses(closing, just_before - 7.5, just_before + 0.1)[-2:] == [just_before, just_before + FIRST_PAUSE_S]


@pytest.mark.parametrize("seed", range(100))
def test_a_minute_is_tried_once_and_then_the_pauses_are_long_again(seed: int) -> None:
    closing = ThrottlingPauses(random.Random(seed).random)
    for at in range(40):
        closing.answered(100.0 + at / 2)
    over = [at for at in pauses(closing, 120.0, 260.0) if at >= 100.0 + MINUTE_S]
    assert is_tried_at(over[:1], 100.0 + MINUTE_S)
    gaps = [second - first for first, second in pairwise(over)]
    assert all(LONGEST_PAUSE_S <= gap <= LONGEST_PAUSE_S * (1 + SPREAD) for gap in gaps)
    closing.answered(closing.until)
    began = closing.until
    assert is_tried_at(pauses(closing, began + 1.0, began + 70.0), began + MINUTE_S), (
        "it is tried again after an answer"
    )


def test_a_retry_after_is_not_cut_short_by_a_minute() -> None:
    closing = ThrottlingPauses()
    closing.answered(100.0)
    closing.throttled(101.0, 101.0, 90.0)
    assert closing.until == 191.0
