"""Failures of a provider, told apart by what follows from them."""

import errno
import ssl
from typing import Any

import pytest

from themis.adapters.failures import (
    Asked,
    bad_response,
    failure_of_status,
    in_words,
    request_id,
    shown,
    status_within,
)
from themis.adapters.library_errors import failure_of_connection
from themis.core.errors import (
    BadResponseError,
    InvalidRequestError,
    ProviderError,
    ProviderKeyError,
    ProviderNotFoundError,
    ProviderQuotaError,
    ProviderThrottledError,
    ProviderUnavailableError,
    ProviderUnreachableError,
    RefusedCaseError,
    RefusedParameterError,
)
from themis.core.text import masking

ASKED = Asked(
    "openai:https://api.openai.com/v1",
    {
        "temperature": "temperature",
        "max_completion_tokens": "max_tokens",
        "reasoning": "reasoning_effort",
        "top_k": "extra_body",
    },
)


def failure(status: int, document: Any = None, **headers: str) -> ProviderError:
    given = {name.replace("_", "-"): text for name, text in headers.items()}
    return failure_of_status(status, document, given, ASKED)


def error(message: str = "No.", **facts: Any) -> dict[str, Any]:
    return {"error": {"message": message, **facts}}


@pytest.mark.parametrize(
    ("status", "facts", "kind"),
    [
        (400, {}, InvalidRequestError),
        (401, {}, ProviderKeyError),
        (402, {}, ProviderQuotaError),
        (403, {}, ProviderKeyError),
        (404, {}, ProviderNotFoundError),
        (405, {}, InvalidRequestError),
        (408, {}, ProviderUnavailableError),
        (409, {}, ProviderUnavailableError),
        (413, {}, InvalidRequestError),
        (422, {}, InvalidRequestError),
        (425, {}, ProviderUnavailableError),
        (429, {}, ProviderThrottledError),
        (429, {"code": "rate_limit_exceeded", "type": "requests"}, ProviderThrottledError),
        (429, {"code": "insufficient_quota"}, ProviderQuotaError),
        (429, {"type": "insufficient_quota"}, ProviderQuotaError),
        (403, {"code": "billing_hard_limit_reached"}, ProviderQuotaError),
        (400, {"code": "billing_not_active"}, ProviderQuotaError),
        (500, {}, ProviderUnavailableError),
        (500, {"type": "overloaded_error"}, ProviderThrottledError),
        (502, {}, ProviderUnavailableError),
        (503, {}, ProviderThrottledError),
        (504, {}, ProviderUnavailableError),
        (529, {}, ProviderThrottledError),
    ],
)
def test_a_status_and_a_code_say_what_kind_of_failure_it_is(
    status: int, facts: dict[str, Any], kind: type[ProviderError]
) -> None:
    found = failure(status, error(**facts))
    assert type(found) is kind
    assert found.status_code == status


@pytest.mark.parametrize(
    ("kind", "retryable", "throttled", "breaks", "stops_run"),
    [
        (ProviderThrottledError, True, True, False, False),
        (ProviderUnavailableError, True, False, False, False),
        (ProviderUnreachableError, True, False, True, False),
        (BadResponseError, True, False, False, False),
        (ProviderKeyError, False, False, True, False),
        (ProviderQuotaError, False, False, True, False),
        (ProviderNotFoundError, False, False, True, False),
        (InvalidRequestError, False, False, True, False),
        (RefusedParameterError, False, False, False, True),
        (RefusedCaseError, False, False, False, False),
    ],
)
def test_each_kind_says_what_follows_from_it(
    kind: type[ProviderError], *, retryable: bool, throttled: bool, breaks: bool, stops_run: bool
) -> None:
    assert (kind.retryable, kind.throttled, kind.breaks, kind.stops_run) == (retryable, throttled, breaks, stops_run)


@pytest.mark.parametrize(
    ("document", "key"),
    [
        (error("Unsupported value.", param="temperature"), "params.temperature"),
        (error("Unsupported parameter.", param="max_completion_tokens"), "params.max_tokens"),
        (error("Bad.", param="reasoning.effort"), "params.reasoning_effort"),
        (error("Unknown parameter: 'top_k'."), "extra_body"),
        (error("Unknown parameter: `temperature`."), "params.temperature"),
        (error('"temperature" is not supported with this model.'), "params.temperature"),
        (error("temperature: range 0 to 1"), "params.temperature"),
        (error("This is what it is: 'temperature'.", code="unsupported_parameter"), "params.temperature"),
        ({"detail": "Extra inputs are not permitted: 'top_k'"}, "extra_body"),
    ],
)
def test_a_refused_parameter_is_named_with_the_line_of_the_config(document: Any, key: str) -> None:
    found = failure(400, document)
    assert isinstance(found, RefusedParameterError)
    assert f"generation.generator.with.{key}" in str(found)
    assert "drop_params" in str(found)


@pytest.mark.parametrize(
    "document",
    [
        error("Too long.", code="context_length_exceeded", param="messages"),
        error("This model's maximum context length is 8192 tokens."),
        error("prompt is too long: 210000 tokens > 200000 maximum"),
        error("No.", code="invalid_prompt"),
        error("You uploaded an unsupported image.", code="invalid_image_format"),
        error("Invalid content.", param="messages[0].content"),
        error("messages.0.content: Input should be a valid list"),
        error("No.", param="input"),
        error("The response was filtered.", code="content_policy_violation"),
    ],
)
def test_a_refusal_of_the_input_is_about_that_case_alone(document: Any) -> None:
    assert type(failure(400, document)) is RefusedCaseError


@pytest.mark.parametrize(
    "document",
    [
        error("Unknown parameter: 'tempo'."),
        error("Model is not configured."),
        error("The value 'temperature' was mentioned in passing."),
        "nonsense",
        None,
    ],
)
def test_another_bad_request_is_about_the_request(document: Any) -> None:
    assert type(failure(400, document)) is InvalidRequestError


def test_an_account_without_credit_is_no_bad_request() -> None:
    words = "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing."
    assert type(failure(400, error(words, type="invalid_request_error"))) is ProviderQuotaError


@pytest.mark.parametrize(
    ("status", "said", "retryable"), [(500, "false", False), (404, "true", True), (500, "maybe", True)]
)
def test_the_server_may_say_whether_to_try_again(status: int, said: str, *, retryable: bool) -> None:
    assert failure(status, error(), x_should_retry=said).retryable is retryable


def test_a_throttled_call_is_tried_again_whatever_the_server_says() -> None:
    assert failure(429, error(), x_should_retry="false").retryable is True


def test_the_facts_of_the_reply_are_kept() -> None:
    found = failure(
        429,
        error(),
        retry_after="7",
        x_request_id="req_1",
        x_ratelimit_remaining_requests="0",
        x_ratelimit_reset_requests="7s",
    )
    assert (found.retry_after_s, found.reply.request_id) == (7.0, "req_1")
    assert found.rate_limit == {"requests_remaining": 0, "requests_reset_s": 7}


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (error("It broke."), "It broke."),
        ({"message": "It broke."}, "It broke."),
        ({"detail": "Not Found"}, "Not Found"),
        ({"error": "It broke."}, "It broke."),
        ('{"error": {"message": "It broke."}}', "It broke."),
        ("<html><head><title>502 Bad\nGateway</title></head></html>", "a web page titled '502 Bad Gateway'"),
        ("<!DOCTYPE html><p>", "a web page instead of JSON"),
        ("", "an empty reply"),
        (None, "an empty reply"),
        ("x" * 2_000, f"{'x' * 500} …"),
        ("{half", "{half"),
    ],
)
def test_the_words_of_a_reply_are_shown_in_one_short_line(document: Any, words: str) -> None:
    assert words in shown(document)
    assert "\n" not in shown(document)
    assert len(shown(document)) <= 502


def test_a_key_that_is_repeated_in_a_reply_is_not_shown_even_where_the_text_is_cut() -> None:
    key = "sk-proj-0123456789abcdefghijklmnopqrstuvwxyz"
    masking.register("OPENAI_API_KEY", key, is_key=True)
    for text in (f"Incorrect key {key}", "x" * 480 + key):
        assert key[:16] not in str(failure(401, error(text)))


@pytest.mark.parametrize(
    ("document", "status"),
    [
        ({"error": {"code": 502}}, 502),
        ({"error": {"code": "429"}}, 429),
        ({"error": {"code": "rate_limit_exceeded", "message": "…"}}, 429),
        ({"error": {"type": "overloaded_error"}}, 529),
        ({"error": {"code": None, "type": "server_error"}}, 500),
        ({"type": "overloaded_error"}, 529),
        ({"error": {"code": 200}}, None),
        ({"error": {"code": True}}, None),
        ({"error": {"code": "9" * 5_000}}, None),
        ({"error": {"type": "tea"}}, None),
        ({"error": "It broke."}, None),
        (None, None),
    ],
)
def test_an_error_within_a_reply_stands_for_a_status(document: Any, status: int | None) -> None:
    assert status_within(document) == status


class APIConnectionError(Exception):
    """As the client libraries have it."""


def caused_by(cause: BaseException) -> APIConnectionError:
    found = APIConnectionError("Connection error.")
    found.__cause__ = cause
    return found


@pytest.mark.parametrize(
    ("cause", "kind"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "refused"), ProviderUnreachableError),
        (ssl.SSLCertVerificationError("self-signed certificate"), ProviderUnreachableError),
        (type("ClientConnectorDNSError", (OSError,), {})("no such host"), ProviderUnreachableError),
        (type("ProxyError", (Exception,), {})("proxy said 407"), ProviderUnreachableError),
        (TimeoutError("timed out"), ProviderUnavailableError),
        (ConnectionResetError("reset by peer"), ProviderUnavailableError),
    ],
)
def test_a_connection_says_by_its_cause_whether_anybody_will_ever_answer(
    cause: BaseException, kind: type[ProviderError]
) -> None:
    found = failure_of_connection(caused_by(cause), ASKED)
    assert type(found) is kind
    assert str(cause) in str(found)
    assert found.status_code is None


def test_a_failure_without_words_is_named_by_its_class() -> None:
    assert "TimeoutError" in str(failure_of_connection(TimeoutError(), ASKED))


def test_a_cause_that_causes_itself_ends() -> None:
    first, second = APIConnectionError("first"), APIConnectionError("second")
    first.__cause__, second.__cause__ = second, first
    assert "second" in str(failure_of_connection(first, ASKED))


def test_a_reply_that_is_no_answer_keeps_its_facts() -> None:
    found = bad_response("it has no choices", 200, {"request-id": "req_1"}, ASKED)
    assert (found.category, found.status_code, found.reply.request_id) == ("bad_response", 200, "req_1")
    assert request_id({"request-id": "a", "x-request-id": "b"}) == "b"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"  ", "an empty reply"),
        (b"<html>", "a web page"),
        (b"\xff{", "not JSON (No.)"),
        (b"half", "not JSON (No.): half"),
    ],
)
def test_a_body_that_is_not_json_is_described(content: bytes, words: str) -> None:
    assert words in in_words(content, ValueError("No."))
