"""The limit on calls in flight grows fast until a provider throttles for the first time, then with more care."""

from itertools import pairwise

from themis.core.engine.limits.adaptive import AdaptiveBounds, AdaptiveLimit


def answer_all(limit: AdaptiveLimit, now: float) -> int:
    """Answer all calls that may be in flight, each of which another one follows at once; the limit after that."""
    for _ in range(limit.limit(now)):
        limit.answered(now, now - 0.5, limit.limit(now))
    return limit.limit(now)


def test_the_limit_quadruples_with_each_round_of_answers() -> None:
    limit = AdaptiveLimit(AdaptiveBounds(1, 16, 1_000))
    assert [answer_all(limit, now) for now in (1.0, 2.0, 3.0)] == [64, 256, 1_000]


def test_it_only_doubles_once_the_provider_has_throttled() -> None:
    limit = AdaptiveLimit(AdaptiveBounds(1, 16, 3_000))
    answer_all(limit, 1.0)
    limit.throttled(2.0, 1.5)
    rounds = [answer_all(limit, float(now)) for now in range(3, 40)]
    growth = [after / before for before, after in pairwise(rounds)]
    assert max(growth) > 1.9, "in the end it bears more than before, and is probed fast again"
    assert max(growth) <= 2.0


def test_a_limit_that_is_not_used_up_stays() -> None:
    limit = AdaptiveLimit(AdaptiveBounds(1, 16, 1_000))
    limit.answered(1.0, 0.5, 15)
    assert limit.limit(1.0) == 16
