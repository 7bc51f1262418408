"""Errors of client libraries: what they stand for, told by the names of their classes and by what caused them."""

import json
from typing import Any

import pytest

from themis.adapters.failures import Asked
from themis.adapters.library_errors import failure_of_error, failure_of_litellm

ASKED = Asked("litellm:groq")


class APIError(Exception):
    """As LiteLLM has it: with a status, whether or not a server sent one."""

    def __init__(self, message: str, status_code: int = 500, **facts: Any) -> None:
        super().__init__(message)
        self.status_code = status_code
        self.response = object()
        self.__dict__.update(facts)


class ServerDisconnectedError(Exception):
    """As aiohttp has it."""


class ClientConnectionError(ServerDisconnectedError):
    """The same, for a connection of any kind."""


def caused_by(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


def not_json() -> json.JSONDecodeError:
    with pytest.raises(json.JSONDecodeError) as raised:
        json.loads("{half")
    return raised.value


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (caused_by(APIError("500"), not_json()), "BadResponseError", "not JSON (Expecting property name"),
        (caused_by(APIError("500"), KeyError("content")), "BadResponseError", "cannot read it (KeyError: 'content')"),
        (
            APIError("Empty or invalid response from LLM endpoint. Received: '<html><title>502</title>'."),
            "BadResponseError",
            "a web page titled '502' instead of JSON",
        ),
        (APIError("LiteLLM: provider returned a response with no 'choices'."), "BadResponseError", "it has no choices"),
        (
            caused_by(APIError("500"), ClientConnectionError("Server disconnected")),
            "ProviderUnavailableError",
            "cannot answer now: Server disconnected",
        ),
        (
            APIError("MidStreamFallbackError", original_exception=APIError("The key is wrong.", 401)),
            "ProviderKeyError",
            "The key is wrong. (status 401)",
        ),
        (
            APIError('litellm.X: Y - b\'{"error": {"message": "It doesn\\\'t exist."}}\'', 404),
            "ProviderNotFoundError",
            "address: It doesn't exist. (status 404)",
        ),
        (APIError("It broke."), "ProviderUnavailableError", "It broke. (status 500)"),
    ],
)
def test_what_caused_an_error_of_litellm_says_what_it_was(error: Exception, kind: str, words: str) -> None:
    found = failure_of_litellm(error, ASKED)
    assert type(found).__name__ == kind
    assert words in str(found)


@pytest.mark.parametrize("error", [KeyError("a bug of ours"), ValueError("no")])
def test_an_error_that_is_no_librarys_is_none(error: Exception) -> None:
    assert failure_of_error(error, ASKED) is None
    assert failure_of_litellm(error, ASKED) is None
