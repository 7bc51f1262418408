"""Errors of client libraries, by the names of their classes: none of the libraries has to be imported for that."""

import re
from typing import Any

from themis.adapters.failures import (
    Asked,
    bad_response,
    causes_of,
    failure_of_status,
    in_words,
    is_error,
    json_within,
    shortened,
    shown,
    status_within,
)
from themis.adapters.replies import headers_of
from themis.core.errors import (
    ProviderError,
    ProviderReply,
    ProviderUnavailableError,
    ProviderUnreachableError,
    ThemisError,
)

_API_ERROR = "APIError"
_NO_REPLY = frozenset({"APIConnectionError", "HTTPError", "InvalidURL", "ClientError", "UnsupportedProtocol"})
_NOT_JSON = "JSONDecodeError"
_NOT_AN_ANSWER = frozenset({_API_ERROR, _NOT_JSON})

_CAME_APART = frozenset({"TransportError", "ClientConnectionError"})
"""Classes of its HTTP clients for a connection that there was not, or that broke."""

_NO_ANSWER_FOUND = re.compile(
    r"Empty or invalid response from LLM endpoint\. Received: (.*)|(response with no 'choices')"
)
_UNREADABLE = (KeyError, TypeError, IndexError, AttributeError)


_UNREACHABLE: tuple[tuple[set[str], str, str], ...] = (
    (
        {"ClientProxyConnectionError", "ProxyError"},
        "the proxy does not answer",
        "correct HTTP_PROXY or HTTPS_PROXY, or set NO_PROXY",
    ),
    (
        {"SSLCertVerificationError"},
        "its certificate is not trusted",
        "set SSL_CERT_FILE to the certificates that you trust, if it is your own",
    ),
    ({"SSLError"}, "it does not speak TLS", "write http:// in base_url, perhaps"),
    ({"gaierror", "ClientConnectorDNSError"}, "no host has this name", "correct base_url, or go online"),
    (
        {"ConnectionRefusedError", "ClientConnectorError", "ConnectError"},
        "nobody listens there",
        "start the server, or correct base_url",
    ),
    ({"UnsupportedProtocol", "InvalidURL"}, "this is not an address", "correct base_url"),
)
"""Classes of errors for an address at which nobody will answer until something is changed: what it is, and what."""

_BROKE = frozenset({"ServerDisconnectedError", "ConnectionResetError", "BrokenPipeError"})
"""Classes of errors for a connection that there was, though a library may call them an error of connecting."""


def failure_of_connection(error: BaseException, asked: Asked) -> ProviderError:
    """Return the failure of a request that got no reply: `error`, or what caused it, says why."""
    causes = causes_of(error)
    text = next((found for cause in reversed(causes) if (found := " ".join(str(cause).split()))), type(error).__name__)
    names = {kind.__name__ for cause in causes for kind in type(cause).__mro__}
    detail, reply = shortened(text), ProviderReply()
    rule = next(((what, mend) for kinds, what, mend in _UNREACHABLE if kinds & names), None)
    if rule is None or names & _BROKE:
        return ProviderUnavailableError(provider=asked.provider, detail=detail, reply=reply)
    what, mend = rule
    return ProviderUnreachableError(provider=asked.provider, what=what, detail=detail, mend=mend, reply=reply)


def failure_of_error(error: Exception, asked: Asked) -> ProviderError | None:
    """Return the failure that an error of a client library stands for; None for an error that is not of its kind.

    Args:
        error: of OpenAI's, Anthropic's or LiteLLM's library, or of their HTTP client.
        asked: the request.
    """
    if isinstance(error, ThemisError):
        return None
    names = {kind.__name__ for kind in type(error).__mro__}
    document, response = getattr(error, "body", None), getattr(error, "response", None)
    status = getattr(error, "status_code", getattr(response, "status_code", None))
    # An error in the middle of a stream comes after a status that said that all is well.
    if not is_error(status) and _API_ERROR in names:
        status = status_within(document)
    # A time-out of LiteLLM has a status, though nobody sent one.
    if isinstance(status, int) and is_error(status) and not (names & _NO_REPLY and response is None):
        said = document or getattr(response, "text", None) or str(error)
        return failure_of_status(status, said, headers_of(getattr(response, "headers", None)), asked)
    if names & _NO_REPLY:
        return failure_of_connection(error, asked)
    if names & _NOT_AN_ANSWER:
        return bad_response(in_words(str(error).encode(), error), None, {}, asked)
    return None


def failure_of_litellm(error: Exception, asked: Asked) -> ProviderError | None:
    """Return the failure that an error of LiteLLM stands for; None for an error that is not of its kind.

    LiteLLM calls much a status 500 that no server has sent; what caused the error says what it was.

    Args:
        error: what a call raised.
        asked: the request.
    """
    original = getattr(error, "original_exception", None)
    if isinstance(original, Exception):  # of a stream that stopped
        error = original
    causes = causes_of(error)
    names = {kind.__name__ for cause in causes for kind in type(cause).__mro__}
    if (detail := _fault_of_the_reply(causes)) is not None:
        return bad_response(detail, None, {}, asked)
    if names & _CAME_APART:
        return failure_of_connection(error, asked)
    if getattr(error, "body", None) is None and (said := _said_within(error)) is not None:
        error.body = said  # type: ignore[attr-defined]  # where the other libraries have it
    return failure_of_error(error, asked)


def _said_within(error: Exception) -> Any | None:
    """Return the reply in the words of an error, where it may stand as Python writes bytes."""
    return json_within(str(error).replace("\\'", "'"))


def _fault_of_the_reply(causes: list[BaseException]) -> str | None:
    """Return what is wrong with a reply that LiteLLM could not read; None when it could, or there was none."""
    for cause in causes:
        if type(cause).__name__ == _NOT_JSON:
            return f"not JSON ({cause})"
        if isinstance(cause, _UNREADABLE) and cause is not causes[0]:
            return f"LiteLLM cannot read it ({type(cause).__name__}: {cause})"
    found = _NO_ANSWER_FOUND.search(str(causes[0]))
    if found is None:
        return None
    return shown(found[1].strip("'\"")) if found[1] else "it has no choices"
