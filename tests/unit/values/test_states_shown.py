"""How a provider's limit and a stalled call are said, and numbers that cannot be."""

from dataclasses import replace

import pytest

from themis.core.values.provider_state import ProviderState
from themis.core.values.stalled_call import StalledCall

LIMIT = ProviderState("openai:https://api.openai.com", limit=24, most=1_000, in_flight=3, waiting=0, why="429 3 s ago")
CALL = StalledCall("q7", "gsm8k", "generation", "generator/openai", for_s=309.0)


@pytest.mark.parametrize(
    ("limit", "most", "words"),
    [
        (24, 1_000, "24 of 1,000 at once"),
        (0, 1_000, "0 of 1,000 at once"),
        (1_000, 1_000, "1,000 at once"),
        (24, None, "24 at once"),
        (None, None, "any number at once"),
    ],
)
def test_a_limit_is_said_in_a_few_words(limit: int | None, most: int | None, words: str) -> None:
    state = replace(LIMIT, limit=limit, most=most)
    assert state.limit_text == words
    assert state.short_text == f"{words} (429 3 s ago)"
    assert state.text == f"openai:https://api.openai.com {words} (429 3 s ago)"


@pytest.mark.parametrize(("shared", "words"), [(40, "3 processes share 40"), (None, "3 processes share it")])
def test_a_limit_that_processes_share_says_how_many_there_are(shared: int | None, words: str) -> None:
    state = replace(LIMIT, processes=3, shared_limit=shared)
    assert state.short_text == f"24 of 1,000 at once (429 3 s ago; {words})"


@pytest.mark.parametrize("name", ["limit", "most", "in_flight", "waiting", "processes", "shared_limit"])
@pytest.mark.parametrize("number", [-1, 2**60])
def test_a_number_of_calls_is_none_that_cannot_be(name: str, number: int) -> None:
    with pytest.raises(ValueError, match="out of range"):
        replace(LIMIT, **{name: number})  # type: ignore[arg-type]


def test_a_stalled_call_is_said_in_a_phrase() -> None:
    phrase = "generation of case q7 of dataset gsm8k by generator/openai for 5 min 9 s"
    assert CALL.text == phrase
    assert replace(CALL, others=1_200).text == f"{phrase}, and 1,200 more"


@pytest.mark.parametrize("facts", [{"for_s": -1.0}, {"for_s": float("nan")}, {"for_s": 1e300}, {"others": -1}], ids=str)
def test_a_time_is_none_that_cannot_be(facts: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="out of range"):
        replace(CALL, **facts)  # type: ignore[arg-type]
