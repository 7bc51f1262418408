"""A quota is enforced as a provider does it, and honest about when it admits again."""

import asyncio
import math
from collections.abc import Sequence
from itertools import islice

import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.model_server import Answer, ModelServer, Quota, Usage
from tests.support.model_server.log import most_in_any
from tests.support.model_server.quota import Admitted, QuotaMeter, Verdict
from tests.support.waiting import until
from tests.unit.support.model_server.clients import MODEL, anthropic_client, ask_chat, ask_messages, openai_client

STEPS = st.lists(st.tuples(st.integers(0, 30), st.integers(1, 60)), max_size=60)
"""Seconds since the request before, and tokens."""


class Clock:
    """A clock that stands until it is set."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@given(STEPS)
def test_no_window_holds_more_than_is_allowed(steps: Sequence[tuple[int, int]]) -> None:
    clock, admitted = Clock(), list[tuple[float, int]]()
    meter = QuotaMeter(Quota(requests_per_minute=5, tokens_per_minute=100), clock)
    for pause_s, tokens in steps:
        clock.now_s += pause_s
        if isinstance(meter.ask(tokens), Admitted):
            admitted.append((clock.now_s, tokens))
    assert most_in_any([at for at, _ in admitted], 60.0) <= 5
    for begin, _ in admitted:
        assert sum(tokens for at, tokens in admitted if begin <= at < begin + 60) <= 100


@given(STEPS)
def test_a_refusal_ends_exactly_when_it_says(steps: Sequence[tuple[int, int]]) -> None:
    clock = Clock()
    meter = QuotaMeter(Quota(requests_per_minute=5, tokens_per_minute=100), clock)
    for pause_s, tokens in steps:
        clock.now_s += pause_s
        said = meter.ask(tokens)
        if isinstance(said, Verdict):
            assert said.retry_after_s is not None
            assert said.retry_after_s > 0
            began_s = clock.now_s
            clock.now_s = began_s + said.retry_after_s - 0.5
            assert isinstance(meter.ask(tokens), Verdict)
            clock.now_s = began_s + said.retry_after_s
            assert isinstance(meter.ask(tokens), Admitted)


def test_as_many_as_are_allowed_are_admitted_in_each_window() -> None:
    clock = Clock()
    meter = QuotaMeter(Quota(requests_per_minute=600), clock)
    for minute in range(3):
        clock.now_s = minute * 60.0
        assert sum(isinstance(meter.ask(1), Admitted) for _ in range(700)) == 600


def test_what_is_refused_counts_only_where_the_provider_counts_it() -> None:
    for counts_refused, expected in ((False, True), (True, False)):
        clock = Clock()
        meter = QuotaMeter(Quota(requests_per_minute=1, counts_refused=counts_refused), clock)
        meter.ask(1)
        clock.now_s = 30.0
        assert isinstance(meter.ask(1), Verdict)
        clock.now_s = 60.0
        assert isinstance(meter.ask(1), Admitted) is expected


def test_tokens_are_corrected_once_they_are_known() -> None:
    meter = QuotaMeter(Quota(tokens_per_minute=100), Clock())
    first = meter.ask(90)
    assert isinstance(meter.ask(20), Verdict)
    assert isinstance(first, Admitted)
    first.leave(10)
    assert tokens_left(meter) == 90
    assert isinstance(meter.ask(90), Admitted)
    assert isinstance(meter.ask(1), Verdict)


def test_a_correction_that_comes_after_its_window_changes_nothing() -> None:
    clock = Clock()
    meter = QuotaMeter(Quota(tokens_per_minute=100), clock)
    first = meter.ask(90)
    clock.now_s = 60.0
    meter.ask(40)
    assert isinstance(first, Admitted)
    first.leave(10)
    assert tokens_left(meter) == 60


def tokens_left(meter: QuotaMeter) -> int:
    tokens = meter.limits().tokens
    assert tokens is not None
    return tokens.remaining


def test_a_request_that_is_larger_than_the_quota_waits_for_an_empty_window() -> None:
    clock = Clock()
    meter = QuotaMeter(Quota(tokens_per_minute=100), clock)
    meter.ask(10)
    assert meter.ask(500) == Verdict("tokens", 60.0)
    clock.now_s = 60.0
    assert isinstance(meter.ask(500), Admitted)


def test_nobody_knows_when_a_place_is_free() -> None:
    meter = QuotaMeter(Quota(max_concurrent=1), Clock())
    first = meter.ask(1)
    assert meter.ask(1) == Verdict("concurrency", None)
    assert isinstance(first, Admitted)
    first.leave(None)
    assert isinstance(meter.ask(1), Admitted)


@pytest.mark.parametrize(("reset", "expected"), [("full", 60.0), ("next", 0.0)])
def test_a_reset_is_when_all_is_allowed_again_or_the_next_request_is(reset: str, expected: float) -> None:
    clock = Clock()
    meter = QuotaMeter(Quota(requests_per_minute=2, reset=reset), clock)  # type: ignore[arg-type]
    meter.ask(1)
    clock.now_s = 10.0
    meter.ask(1)
    limits = meter.limits().requests
    assert limits is not None
    assert (limits.limit, limits.remaining) == (2, 0)
    assert limits.reset_s == (60.0 if reset == "full" else 50.0)
    clock.now_s = 60.0
    later = meter.limits().requests
    assert later is not None
    assert (later.remaining, later.reset_s) == (1, expected - 50.0 if reset == "full" else 0.0)


def test_a_client_sees_the_quota_in_the_headers_and_a_429_above_it() -> None:
    quota = Quota(requests_per_minute=2, tokens_per_minute=1000)
    with ModelServer(quota=quota) as server, openai_client(server) as client:
        messages: list[openai.types.chat.ChatCompletionMessageParam] = [{"role": "user", "content": "Hello"}]
        raw = client.chat.completions.with_raw_response.create(model=MODEL, messages=messages, max_tokens=100)
        ask_chat(client)
        with pytest.raises(openai.RateLimitError) as caught:
            ask_chat(client)
        assert client.models.list().data
    assert raw.headers["x-ratelimit-limit-requests"] == "2"
    assert raw.headers["x-ratelimit-remaining-requests"] == "1"
    assert raw.headers["x-ratelimit-remaining-tokens"] == "898"  # 2 of the prompt, 100 that may be written
    headers = caught.value.response.headers
    assert headers["x-ratelimit-remaining-requests"] == "0"
    assert 59_000 < int(headers["retry-after-ms"]) <= 60_000
    assert headers["retry-after"] == str(math.ceil(int(headers["retry-after-ms"]) / 1000))
    assert server.requests[2].retry_after_s == int(headers["retry-after-ms"]) / 1000


def test_what_an_answer_really_used_is_given_back_to_the_quota() -> None:
    """A client knows the answer a moment before the server has ended it."""
    used = Answer("x", usage=Usage(prompt=2, output=8))
    server = ModelServer(quota=Quota(tokens_per_minute=1000), default=used)
    with server, openai_client(server) as client:
        ask_chat(client, max_tokens=900)
        until(lambda: server.requests[0].ended_s is not None, "the first request to end")
        ask_chat(client, max_tokens=900)


def test_a_silent_quota_is_kept_and_nothing_is_said_of_it() -> None:
    quota = Quota(requests_per_minute=1, is_silent=True)
    with ModelServer(quota=quota) as server, openai_client(server) as client:
        raw = client.chat.completions.with_raw_response.create(
            model=MODEL, messages=[{"role": "user", "content": "q"}], max_tokens=5
        )
        with pytest.raises(openai.RateLimitError) as caught:
            ask_chat(client)
    names = [*raw.headers, *caught.value.response.headers]
    assert not [name for name in names if "ratelimit" in name or "retry" in name]


def test_the_quota_of_anthropic_is_said_in_its_headers() -> None:
    with ModelServer(quota=Quota(requests_per_minute=1)) as server, anthropic_client(server) as client:
        ask_messages(client)
        with pytest.raises(Exception, match="Rate limit reached") as caught:
            ask_messages(client)
    headers = caught.value.response.headers  # type: ignore[attr-defined]
    assert headers["anthropic-ratelimit-requests-remaining"] == "0"
    assert headers["retry-after"] == "60"


def test_a_client_that_waits_as_it_is_told_is_answered_and_violates_nothing() -> None:
    async def ask(server: ModelServer) -> None:
        async with openai.AsyncOpenAI(base_url=server.openai_url, api_key="key", max_retries=0) as client:
            for number in range(12):
                while True:
                    try:
                        await client.responses.create(model=MODEL, input=str(number))
                        break
                    except openai.RateLimitError as error:
                        await asyncio.sleep(int(error.response.headers["retry-after-ms"]) / 1000)

    with ModelServer(quota=Quota(requests_per_minute=1500, window_s=0.2)) as server:
        asyncio.run(ask(server))
    assert server.retry_after_violations() == []
    assert server.most_answered_in_a_minute() == 12
    assert server.most_answered_in_a_minute(0.15) <= 5
    assert [request.status for request in server.requests].count(429) >= 2


def test_only_so_many_are_served_at_once() -> None:
    async def ask(server: ModelServer) -> None:
        async with openai.AsyncOpenAI(base_url=server.openai_url, api_key="key", max_retries=0) as client:
            calls = [asyncio.ensure_future(client.responses.create(model=MODEL, input="")) for _ in range(8)]
            for call in islice(asyncio.as_completed(calls), 5):
                with pytest.raises(openai.RateLimitError) as caught:
                    await call
                assert "retry-after" not in caught.value.response.headers
            assert sum(call.done() for call in calls) == 5
            for call in calls:
                call.cancel()

    with ModelServer(quota=Quota(max_concurrent=3), latency_s=60.0) as server:
        asyncio.run(ask(server))
    assert server.most_at_once >= 3
