"""A quota that is used up closes the gate until some of it is back, not until all of it is."""

import pytest

from themis.core.engine.limits.closing import Closing


@pytest.mark.parametrize(
    ("said", "opens_s"),
    [
        ({"requests_limit": 600, "requests_remaining": 0, "requests_reset_s": 60.0}, 0.1),
        ({"requests_remaining": 0, "requests_reset_s": 7.0}, 7.0),
        ({"tokens_limit": 1_000, "tokens_remaining": 0, "tokens_reset_s": 30.0}, 0.03),
    ],
)
def test_the_gate_opens_when_the_first_part_is_back(said: dict[str, float], opens_s: float) -> None:
    closing = Closing()
    closing.heed(100.0, said)
    assert closing.is_closed(100.0)
    assert closing.until == pytest.approx(100.0 + opens_s)


def test_what_is_left_closes_nothing() -> None:
    closing = Closing()
    closing.heed(100.0, {"requests_limit": 600, "requests_remaining": 1, "requests_reset_s": 60.0})
    assert not closing.is_closed(100.0)
