"""Failures as providers send them, each a step of a script."""

from collections.abc import Callable
from time import time

from tests.support.model_server.log import Request
from tests.support.model_server.rate_limits import RateLimits, Style, Unit, retry_after
from tests.support.model_server.replies import Behaviour, Failure, RawBody
from tests.support.model_server.script import Step

RATE_LIMIT_REACHED = "Rate limit reached for requests. Please slow down."


def throttled(
    retry_after_s: float | None = None,
    *,
    unit: Unit = "seconds",
    status: int = 429,
    limits: RateLimits | None = None,
    style: Style = "openai",
) -> Callable[[Request], Step]:
    """A 429 (or 503, or 529), with a Retry-After and with rate-limit headers where these are given."""

    def step(request: Request) -> Step:
        del request
        now_at = time()
        headers = retry_after(retry_after_s, unit, now_at) if retry_after_s is not None else {}
        headers |= limits.headers(style, now_at) if limits else {}
        reply = {503: unavailable(), 529: overloaded()}.get(
            status, Failure(status, RATE_LIMIT_REACHED, "requests", "rate_limit_exceeded")
        )
        return Behaviour(reply=reply, headers=headers)

    return step


def out_of_quota() -> Failure:
    """A 429 that no waiting helps."""
    message = "You exceeded your current quota, please check your plan and billing details."
    return Failure(429, message, "insufficient_quota", "insufficient_quota")


def unsupported_parameter(name: str, instead: str | None = None) -> Failure:
    """A 400 for a parameter that this model does not take."""
    mend = f" Use '{instead}' instead." if instead else ""
    message = f"Unsupported parameter: '{name}' is not supported with this model.{mend}"
    return Failure(400, message, code="unsupported_parameter", param=name)


def unsupported_value(name: str) -> Failure:
    """A 400 for a parameter whose value this model does not take."""
    message = f"Unsupported value: '{name}' does not support 0.2 with this model. Only the default (1) is supported."
    return Failure(400, message, code="unsupported_value", param=name)


def unknown_parameter(name: str) -> Failure:
    """A 400 for a parameter that the provider does not know."""
    return Failure(400, f"Unknown parameter: '{name}'.", code="unknown_parameter", param=name)


def refusing(name: str, failure: Callable[[str], Failure] = unsupported_parameter) -> Callable[[Request], Step]:
    """Refuse each request whose body has this parameter."""
    return lambda request: failure(name) if name in request.data else None


def context_too_long() -> Failure:
    """A 400 for a conversation that does not fit."""
    message = "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens."
    return Failure(400, message, code="context_length_exceeded", param="messages")


def invalid_image() -> Failure:
    """A 400 for an image that cannot be read."""
    message = "You uploaded an unsupported image. Please make sure your image is valid."
    return Failure(400, message, code="invalid_image_format", param="messages")


def unauthorized() -> Failure:
    """A 401 for a key that is wrong."""
    return Failure(401, "Incorrect API key provided.", code="invalid_api_key")


def echoed_key(request: Request) -> Behaviour:
    """A 401 that repeats the key, in its message and in a header."""
    message = f"Incorrect API key provided: {request.key}. You can find your API key in your account."
    return Behaviour(reply=Failure(401, message, code="invalid_api_key"), headers={"x-rejected-key": request.key})


def payment_required() -> Failure:
    """A 402 of a prepaid account."""
    return Failure(402, "Insufficient credits.", "billing_error", 402)


def forbidden() -> Failure:
    """A 403."""
    return Failure(403, "You are not allowed to sample from this model.", "permission_error")


def model_not_found(model: str = "it") -> Failure:
    """A 404 for a model that is not there."""
    message = f"The model '{model}' does not exist or you do not have access to it."
    return Failure(404, message, code="model_not_found", param="model")


def timed_out() -> Failure:
    """A 408."""
    return Failure(408, "The request took too long.", "timeout_error")


def conflict() -> Failure:
    """A 409."""
    return Failure(409, "The resource was updated by another request.", "conflict_error")


def server_error() -> Failure:
    """A 500."""
    return Failure(500, "The server had an error while processing your request.", "server_error")


def unavailable() -> Failure:
    """A 503."""
    return Failure(503, "The engine is currently overloaded, please try again later.", "service_unavailable")


def overloaded() -> Failure:
    """A 529."""
    return Failure(529, "Overloaded", "overloaded_error")


def error_in_200() -> RawBody:
    """A good status, an error inside, and no choices."""
    return RawBody(b'{"error": {"message": "Provider returned error", "code": 502}}')


def html_page(status: int = 200) -> RawBody:
    """A gateway's page in place of JSON."""
    page = b"<html><head><title>502 Bad Gateway</title></head><body><center>nginx</center></body></html>"
    return RawBody(page, status, "text/html")


def empty_body(status: int = 200) -> RawBody:
    """Nothing at all."""
    return RawBody(b"", status)
