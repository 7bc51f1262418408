"""Tokens by kind, from the counts that providers nest in one another."""

from typing import Any

import pytest

from themis.core.cost.spend import CallGroup, Ceiling, Fate, Spend, band_of, read_spend
from themis.core.cost.tokens import Tokens, tokens_of


def test_each_token_is_counted_once() -> None:
    usage = {
        "prompt_tokens": 1_000,
        "cached_tokens": 600,
        "cache_write_tokens": 300,
        "cache_write_1h_tokens": 100,
        "completion_tokens": 500,
        "reasoning_tokens": 450,
    }
    found = tokens_of(usage)
    assert found == Tokens(100, 600, 200, 100, 50, 450)
    assert (found.of_input, found.total) == (1_000, 1_500)


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"prompt_tokens": 7}, Tokens(input=7)),
        ({"completion_tokens": 7}, Tokens(output=7)),
        (
            {"prompt_tokens": 5, "cached_tokens": 9, "completion_tokens": 2, "reasoning_tokens": 3},
            Tokens(0, 5, 0, 0, 0, 2),
        ),
        ({"prompt_tokens": 5, "cached_tokens": -1, "completion_tokens": True}, Tokens(input=5)),
        ({"prompt_tokens": 10**400}, None),
        ({"total_tokens": 7}, None),
        ({}, None),
        (None, None),
        ([1], None),
    ],
)
def test_counts_that_cannot_be_are_none(usage: Any, expected: Tokens | None) -> None:
    assert tokens_of(usage) == expected


@pytest.mark.parametrize(
    ("tokens", "band", "fewest"),
    [(0, 0, 0), (31_000, 0, 0), (31_001, 31, 31_001), (200_000, 199, 199_001), (200_001, 200, 200_001)],
)
def test_a_band_holds_a_thousand_lengths_of_input(tokens: int, band: int, fewest: int) -> None:
    assert band_of(tokens) == band
    assert CallGroup(0, "", "", "", "", band, Fate.ANSWERED).input_tokens == fewest


def test_a_spend_is_read_as_it_was_written() -> None:
    spend = Spend(ceiling=Ceiling(5, None), has_ended=True)
    group = CallGroup(20_000, "openai:x", "m", "m-2", "batch", 3, Fate.FAILED)
    spend.add(group, 1, Tokens(1, 2, 3, 4, 5, 6))
    spend.add(group, 2, Tokens(input=10))
    spend.add(group._replace(day=20_001), 1, Tokens())
    assert read_spend(spend.text()) == spend
    assert spend.groups[group] == (3, Tokens(11, 2, 3, 4, 5, 6))
    assert str(group.date) == "2024-10-04"


def test_what_a_later_version_adds_to_a_spend_is_ignored() -> None:
    text = '{"v":1,"calls":[[1,"p","m","","",0,"answered",1,2,0,0,0,3,0]],"ceiling":[1,2,3],"ended":false,"more":1}'
    assert read_spend(text).ceiling == Ceiling(1, 2)
