"""What the log of a server answers about times, held against counting by hand."""

import json
from typing import Any

import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.model_server import ModelServer, Request
from tests.support.model_server.log import fewest_in_any, most_in_any, retry_after_violations
from tests.unit.support.model_server.clients import KEY, ask_chat, openai_client

TIMES = st.lists(st.integers(0, 200).map(lambda tenths: tenths / 10), max_size=40)


@given(TIMES)
@pytest.mark.not_smoke
def test_the_most_in_any_window_is_the_most_in_one_that_begins_with_a_request(times: list[float]) -> None:
    by_hand = max((sum(begin <= one < begin + 6 for one in times) for begin in times), default=0)
    assert most_in_any(times, 6.0) == by_hand


@given(TIMES)
def test_the_fewest_in_any_window_are_those_of_the_worst_one_that_is_tried(times: list[float]) -> None:
    ends = [tenths / 10 - 0.05 for tenths in range(202) if times and min(times) <= tenths / 10 <= max(times) - 6]
    by_hand = min((sum(begin < one < begin + 6 for one in times) for begin in ends), default=None)
    found = fewest_in_any(times, 6.0)
    assert (found is None) == (not times or max(times) - min(times) < 6)
    assert by_hand is None or (found is not None and found <= by_hand)
    assert found is None or any(found == sum(begin < one < begin + 6 for one in times) for begin in times)


def test_an_even_rate_is_the_same_in_every_window() -> None:
    assert fewest_in_any([tenths / 10 + 0.01 for tenths in range(1_000)], 60.0) in {599, 600}
    assert fewest_in_any([0.0, 59.9], 60.0) is None


def test_a_request_at_the_end_of_a_window_is_in_the_next_one() -> None:
    assert most_in_any([0.0, 59.9, 60.0], 60.0) == 2


def test_whatever_comes_before_a_retry_after_ends_violates_it() -> None:
    asking = request(0, arrived_s=0.0, ended_s=1.0, retry_after_s=2.0)
    others = [request(number, arrived_s=at, ended_s=at) for number, at in enumerate((0.5, 1.01, 2.99, 3.0, 9.0), 1)]
    assert numbers([asking, *others]) == [2, 3]
    assert numbers([asking, *others], grace_s=0.05) == [3]
    assert numbers(others) == []


@given(TIMES, TIMES)
def test_violations_are_those_that_are_counted_by_hand(asked: list[float], times: list[float]) -> None:
    asking = [request(number, arrived_s=at, ended_s=at + 0.5, retry_after_s=1.5) for number, at in enumerate(asked)]
    others = [request(100 + number, arrived_s=at, ended_s=at) for number, at in enumerate(times)]
    early = [
        one.number
        for one in asking + others
        if any(other.number != one.number and other.ended_s <= one.arrived_s < other.ended_s + 1.5 for other in asking)  # type: ignore[operator]
    ]
    assert numbers(asking + others) == early


def numbers(requests: list[Request], grace_s: float = 0.0) -> list[int]:
    return [found.number for found in retry_after_violations(requests, grace_s)]


def request(number: int, **more: Any) -> Request:
    return Request(number, "chat", "POST", "/v1/chat/completions", {}, 1, arrived_at=0.0, **more)


def test_a_request_is_kept_with_its_times_its_headers_and_its_body() -> None:
    with ModelServer() as server, openai_client(server) as client:
        ask_chat(client, "What is kept?")
    (kept,) = server.requests
    assert kept.key == KEY
    assert kept.headers["content-type"] == "application/json"
    assert json.loads(kept.body) == kept.data
    assert kept.question == "What is kept?"
    assert kept.ended_s is not None
    assert kept.ended_at is not None
    assert kept.arrived_s <= kept.ended_s
    assert kept.arrived_at <= kept.ended_at


def test_no_content_is_kept_where_it_is_not_wanted() -> None:
    with (
        ModelServer(lambda request: request.question + "!", keeps_content=False) as server,
        openai_client(server) as client,
    ):
        assert ask_chat(client).choices[0].message.content == "Hello!"
    (kept,) = server.requests
    assert (kept.headers, kept.body, kept.data, kept.question) == ({}, b"", {}, "")
    assert kept.status == 200


def test_a_body_that_is_no_json_object_is_refused() -> None:
    with (
        ModelServer() as server,
        openai_client(server) as client,
        pytest.raises(openai.BadRequestError, match="could not parse the JSON body"),
    ):
        client.post("/chat/completions", cast_to=object, content=b"[1, 2]")
