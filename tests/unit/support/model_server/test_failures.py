"""Each failure of a provider, as the provider's own client sees it."""

import asyncio
import json
import time
from collections.abc import Callable
from contextlib import closing
from http.client import HTTPConnection, IncompleteRead
from typing import Any

import anthropic
import openai
import pytest

from tests.support.model_server import (
    Allowance,
    Answer,
    Behaviour,
    BreakOff,
    HangUp,
    ModelServer,
    RateLimits,
    failures,
)
from tests.support.model_server.replies import Failure
from tests.support.waiting import until
from tests.unit.support.model_server.clients import (
    KEY,
    MODEL,
    anthropic_client,
    ask_chat,
    ask_messages,
    openai_client,
)

LIMITS = RateLimits(
    requests=Allowance(limit=600, remaining=0, reset_s=360.0), tokens=Allowance(limit=9000, remaining=7, reset_s=0.012)
)
TEXT = "one two three four five six seven eight nine ten"


@pytest.mark.parametrize(
    ("failure", "of_openai", "of_anthropic", "kind"),
    [
        (failures.out_of_quota(), openai.RateLimitError, anthropic.RateLimitError, "rate_limit_error"),
        (failures.context_too_long(), openai.BadRequestError, anthropic.BadRequestError, "invalid_request_error"),
        (failures.unauthorized(), openai.AuthenticationError, anthropic.AuthenticationError, "authentication_error"),
        (failures.payment_required(), openai.APIStatusError, anthropic.PaymentRequiredError, "billing_error"),
        (failures.forbidden(), openai.PermissionDeniedError, anthropic.PermissionDeniedError, "permission_error"),
        (failures.model_not_found("m"), openai.NotFoundError, anthropic.NotFoundError, "not_found_error"),
        (failures.timed_out(), openai.APIStatusError, anthropic.RequestTimeoutError, "timeout_error"),
        (failures.conflict(), openai.ConflictError, anthropic.ConflictError, "conflict_error"),
        (failures.server_error(), openai.InternalServerError, anthropic.InternalServerError, "api_error"),
        (failures.unavailable(), openai.InternalServerError, anthropic.ServiceUnavailableError, "overloaded_error"),
        (failures.overloaded(), openai.InternalServerError, anthropic.OverloadedError, "overloaded_error"),
    ],
    ids=lambda value: str(value.status) if isinstance(value, Failure) else "",
)
def test_each_client_raises_what_belongs_to_the_status(
    failure: Failure,
    of_openai: type[openai.APIStatusError],
    of_anthropic: type[anthropic.APIStatusError],
    kind: str,
) -> None:
    with ModelServer(default=failure) as server:
        with openai_client(server) as client, pytest.raises(of_openai) as one:
            ask_chat(client)
        with anthropic_client(server) as client_, pytest.raises(of_anthropic) as other:
            ask_messages(client_)
    assert one.value.status_code == other.value.status_code == failure.status
    assert failure.message in one.value.message
    assert failure.message in other.value.message
    assert one.value.type == failure.type
    assert other.value.type == kind
    assert [request.status for request in server.requests] == [failure.status] * 2


@pytest.mark.parametrize(
    ("failure", "code", "param"),
    [
        (failures.out_of_quota(), "insufficient_quota", None),
        (failures.unsupported_parameter("max_tokens", "max_completion_tokens"), "unsupported_parameter", "max_tokens"),
        (failures.unsupported_value("temperature"), "unsupported_value", "temperature"),
        (failures.unknown_parameter("top_k"), "unknown_parameter", "top_k"),
        (failures.context_too_long(), "context_length_exceeded", "messages"),
        (failures.invalid_image(), "invalid_image_format", "messages"),
        (failures.unauthorized(), "invalid_api_key", None),
        (failures.model_not_found(), "model_not_found", "model"),
    ],
)
def test_an_error_names_its_code_and_parameter(failure: Failure, code: str, param: str | None) -> None:
    with (
        ModelServer([failure]) as server,
        openai_client(server) as client,
        pytest.raises(openai.APIStatusError) as caught,
    ):
        ask_chat(client)
    assert (caught.value.code, caught.value.param) == (code, param)


def test_a_parameter_is_refused_where_it_is_sent() -> None:
    with ModelServer(failures.refusing("temperature")) as server, openai_client(server) as client:
        assert ask_chat(client).choices[0].message.content == "Hello"
        with pytest.raises(openai.BadRequestError) as caught:
            ask_chat(client, temperature=0.2)
    assert caught.value.param == "temperature"


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (failures.throttled(), {}),
        (failures.throttled(2), {"retry-after": "2"}),
        (failures.throttled(0.25, unit="milliseconds"), {"retry-after-ms": "250"}),
        (
            failures.throttled(limits=LIMITS),
            {
                "x-ratelimit-limit-requests": "600",
                "x-ratelimit-remaining-requests": "0",
                "x-ratelimit-reset-requests": "6m0s",
                "x-ratelimit-remaining-tokens": "7",
                "x-ratelimit-reset-tokens": "12ms",
            },
        ),
        (failures.throttled(limits=LIMITS, style="ietf"), {"ratelimit": '"default";r=0;t=360'}),
        (
            failures.throttled(limits=LIMITS, style="ietf_fields"),
            {"ratelimit-limit": "600", "ratelimit-remaining": "0", "ratelimit-reset": "360"},
        ),
    ],
)
def test_throttling_says_how_long_in_the_headers_that_it_was_given(step: Any, expected: dict[str, str]) -> None:
    headers = headers_of_429(step)
    assert {name: headers.get(name) for name in expected} == expected
    if not expected:
        assert not [name for name in headers if "retry" in name or "ratelimit" in name]


def test_throttling_may_say_a_time_of_day() -> None:
    assert headers_of_429(failures.throttled(30, unit="date"))["retry-after"].endswith("GMT")
    headers = headers_of_429(failures.throttled(limits=LIMITS, style="anthropic"))
    assert headers["anthropic-ratelimit-requests-remaining"] == "0"
    assert headers["anthropic-ratelimit-requests-reset"].endswith("Z")
    epoch_s = int(headers_of_429(failures.throttled(limits=LIMITS, style="epoch"))["x-ratelimit-reset"]) / 1000
    assert epoch_s == pytest.approx(time.time() + 360, abs=5)


def headers_of_429(step: Any) -> Any:
    with ModelServer([step]) as server, openai_client(server) as client, pytest.raises(openai.RateLimitError) as caught:
        ask_chat(client)
    return caught.value.response.headers


@pytest.mark.parametrize(
    ("unit", "seconds"), [("seconds", 2.0), ("milliseconds", 0.25), ("date", 30.0)], ids=["s", "ms", "date"]
)
def test_the_record_says_the_wait_that_was_asked_for(unit: Any, seconds: float) -> None:
    with (
        ModelServer([failures.throttled(seconds, unit=unit, status=503), "fine"]) as server,
        openai_client(server) as client,
    ):
        with pytest.raises(openai.InternalServerError):
            ask_chat(client)
        ask_chat(client)
    throttled, fine = server.requests
    assert throttled.retry_after_s == pytest.approx(seconds, abs=1.1 if unit == "date" else 0.0)
    assert fine.retry_after_s is None
    assert server.retry_after_violations() == [fine]


def test_a_key_is_echoed_in_the_message_and_in_a_header() -> None:
    with (
        ModelServer([failures.echoed_key]) as server,
        openai_client(server) as client,
        pytest.raises(openai.AuthenticationError, match=KEY) as caught,
    ):
        ask_chat(client)
    assert caught.value.response.headers["x-rejected-key"] == KEY


def test_only_the_right_key_is_answered_when_there_is_one() -> None:
    with ModelServer(api_key="another") as server:
        with openai_client(server) as client, pytest.raises(openai.AuthenticationError):
            client.models.list()
        with anthropic_client(server) as other, pytest.raises(anthropic.AuthenticationError):
            ask_messages(other)
    with ModelServer(api_key=KEY) as server, openai_client(server) as client:
        assert ask_chat(client).choices[0].message.content == "Hello"


def test_a_connection_may_be_closed_before_the_headers() -> None:
    with ModelServer([HangUp()]) as server, openai_client(server) as client:
        with pytest.raises(openai.APIConnectionError):
            ask_chat(client)
        assert ask_chat(client).choices[0].message.content == "Hello"
    assert server.requests[0].status is None


def test_a_connection_may_be_closed_in_the_middle_of_a_body() -> None:
    with (
        ModelServer([Behaviour(breaks_off=BreakOff(40))]) as server,
        openai_client(server) as client,
        pytest.raises(openai.APIConnectionError),
    ):
        ask_chat(client)


def test_all_that_comes_before_a_break_reaches_a_client_that_is_slow() -> None:
    """More than the system keeps for a connection."""
    step = Behaviour(reply=Answer("x" * 4_000_000), breaks_off=BreakOff(3_000_000))
    with ModelServer([step]) as server, closing(HTTPConnection(server.base_url.removeprefix("http://"))) as client:
        client.request("POST", "/v1/completions", json.dumps({"model": MODEL, "prompt": "Hello"}))
        reply = client.getresponse()
        time.sleep(0.2)
        with pytest.raises(IncompleteRead) as caught:
            reply.read()
    assert len(caught.value.partial) == 3_000_000


@pytest.mark.parametrize(
    "step",
    [
        Behaviour(breaks_off=BreakOff(40, "end")),
        failures.html_page(),
        failures.empty_body(),
        failures.error_in_200(),
    ],
    ids=["half a JSON", "HTML", "empty", "error"],
)
def test_a_good_status_may_come_with_no_answer(step: Any) -> None:
    """A client that validates nothing gives what there is; the adapters must look."""
    with ModelServer([step]) as server, openai_client(server, is_strict=False) as client:
        try:
            found: Any = ask_chat(client)
        except openai.APIError as error:
            found = error
        except ValueError as error:
            found = error
    assert server.requests[0].status == 200
    assert not getattr(found, "choices", None)


def test_a_body_may_trickle() -> None:
    with ModelServer([Behaviour(reply=Answer(TEXT), spread_s=0.3)]) as server, openai_client(server) as client:
        began_s = time.monotonic()
        assert ask_chat(client).choices[0].message.content == TEXT
        assert time.monotonic() - began_s >= 0.25


def test_a_latency_is_waited_before_the_first_byte() -> None:
    with (
        ModelServer([Behaviour(latency_s=0.2)], latency_s=lambda request: 0.1 * request.number) as server,
        openai_client(server) as client,
    ):
        times = [timed(lambda: ask_chat(client)) for _ in range(2)]
    assert times[0] >= 0.2
    assert times[1] >= 0.1


def timed(call: Callable[[], object]) -> float:
    began_s = time.monotonic()
    call()
    return time.monotonic() - began_s


def test_a_client_that_waits_no_longer_is_remembered_as_one_that_left() -> None:
    with ModelServer([Behaviour(latency_s=60)]) as server, openai_client(server) as client:
        with pytest.raises(openai.APITimeoutError):
            ask_chat(client, timeout=0.3)
        until(lambda: server.requests[0].ended_s is not None, "the server to notice")
        ask_chat(client)
    assert [request.was_left for request in server.requests] == [True, False]
    assert [request.in_flight for request in server.requests] == [1, 1]


@pytest.mark.parametrize("how", ["end", "hang_up", "silence", "error"])
@pytest.mark.parametrize("dialect", ["chat", "responses"])
def test_a_stream_may_stop_before_its_end(how: Any, dialect: str) -> None:
    step = Behaviour(reply=Answer(TEXT), breaks_off=BreakOff(6, how))
    with ModelServer([step]) as server, openai_client(server, timeout_s=0.4 if how == "silence" else 10.0) as client:
        seen, error = streamed(client, dialect)
    assert 0 < len(seen) <= 7
    assert not any("finish_reason='stop'" in repr(event) or "completed'" in repr(type(event)) for event in seen)
    expected = {"end": None, "hang_up": openai.APIConnectionError, "silence": openai.APITimeoutError}
    if how == "error":
        # The client raises an error that has an `error` in it; of responses it is an event as any other.
        assert isinstance(error, openai.APIError) or seen[-1].type == "error"
    else:
        assert type(error) is (expected[how] or type(None))


def streamed(client: openai.OpenAI, dialect: str) -> tuple[list[Any], Exception | None]:
    seen: list[Any] = []
    messages: Any = [{"role": "user", "content": "Hello"}]
    try:
        if dialect == "chat":
            seen.extend(client.chat.completions.create(model=MODEL, messages=messages, stream=True))
        else:
            seen.extend(client.responses.create(model=MODEL, input=messages, stream=True))
    except openai.APIError as error:
        return seen, error
    return seen, None


def test_a_stream_of_messages_may_end_with_an_error() -> None:
    step = Behaviour(reply=Answer(TEXT), breaks_off=BreakOff(3, "error"))
    with ModelServer([step]) as server, anthropic_client(server) as client:
        messages: Any = [{"role": "user", "content": "Hello"}]
        with pytest.raises(anthropic.APIStatusError, match="api_error"):
            list(client.messages.create(model=MODEL, max_tokens=9, messages=messages, stream=True))


def test_a_path_where_nothing_is_gives_no_error_object() -> None:
    with (
        ModelServer() as server,
        openai.OpenAI(base_url=server.base_url, api_key=KEY, max_retries=0) as client,
        pytest.raises(openai.NotFoundError) as caught,
    ):
        ask_chat(client)
    assert caught.value.body == {"detail": "Not Found"}
    assert server.questions == []


def test_what_a_function_of_the_script_raises_reaches_the_test() -> None:
    def wrong(request: object) -> None:
        raise ZeroDivisionError(request)

    def ask() -> None:
        with ModelServer(wrong) as server, openai_client(server) as client, pytest.raises(openai.InternalServerError):
            ask_chat(client)

    with pytest.raises(ZeroDivisionError):
        ask()


def test_it_serves_a_test_that_has_an_event_loop_and_many_at_once() -> None:
    async def ask() -> ModelServer:
        async with (
            ModelServer(latency_s=0.05) as server,
            openai.AsyncOpenAI(base_url=server.openai_url, api_key=KEY, max_retries=0) as client,
        ):
            calls = [client.responses.create(model=MODEL, input=str(number)) for number in range(10)]
            assert [answer.output_text for answer in await asyncio.gather(*calls)] == list("0123456789")
            return server

    server = asyncio.run(ask())
    assert server.most_at_once > 1
    assert server.most_in_a_minute() == 10
