"""Errors of client libraries, by the names of their classes: none of the libraries has to be imported for that."""

from themis.adapters.failures import (
    Asked,
    bad_response,
    failure_of_connection,
    failure_of_status,
    in_words,
    is_error,
    status_within,
)
from themis.adapters.replies import headers_of
from themis.core.errors import ProviderError, ThemisError

_API_ERROR = "APIError"
_NO_REPLY = frozenset({"APIConnectionError", "HTTPError", "InvalidURL", "ClientError", "UnsupportedProtocol"})
_NOT_AN_ANSWER = frozenset({_API_ERROR, "JSONDecodeError"})


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
