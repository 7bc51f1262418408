"""Replies of a provider as JSON and headers."""

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import BaseModel

from themis.adapters.replies import Reply, document_of, headers_of, kept_headers, plain

HEADERS = {
    "content-type": "application/json",
    "x-request-id": "req_1",
    "set-cookie": "session=1",
    "openai-organization": "org-1",
    "anthropic-organization-id": "org-1",
    "openai-project": "proj-1",
    "authorization": "Bearer x",
    "x-api-key": "x",
    "x-auth-token": "x",
    "x-client-secret": "x",
    "cookie": "a=b",
    "x-ratelimit-remaining-tokens": "9",
    "anthropic-ratelimit-tokens-limit": "10",
    "retry-after": "2",
}
KEPT = {
    "content-type",
    "x-request-id",
    "x-ratelimit-remaining-tokens",
    "anthropic-ratelimit-tokens-limit",
    "retry-after",
}


def test_cookies_accounts_and_keys_are_not_kept_but_limits_are() -> None:
    assert kept_headers(HEADERS).keys() == KEPT


def test_a_header_is_kept_no_longer_than_it_may_be() -> None:
    assert len(kept_headers({"x-debug": "x" * 10_000})["x-debug"]) == 512


def test_the_facts_of_a_reply_are_its_artifacts() -> None:
    found = Reply({"a": 1}, HEADERS, first_token_ms=12.5).artifacts()
    assert found["provider_request_id"] == "req_1"
    assert found["raw_response"] == {"a": 1}
    assert found["response_headers"].keys() == KEPT
    assert found["rate_limit"] == {"tokens_limit": 10, "tokens_remaining": 9}
    assert found["first_token_ms"] == 12.5


def test_an_answer_that_was_not_streamed_has_no_first_token() -> None:
    assert "first_token_ms" not in Reply({}, {"request-id": "req_2"}).artifacts()
    assert Reply({}, {"request-id": "req_2"}).artifacts()["provider_request_id"] == "req_2"


@pytest.mark.parametrize("content", [b"", b"{", b"<html>", b"NaN", b'{"a": Infinity}', b"\xff"])
def test_a_body_that_is_not_json_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        document_of(content)


def test_a_body_larger_than_any_answer_is_refused() -> None:
    with pytest.raises(ValueError, match="larger than 64 MiB"):
        document_of(b" " * (64 * 2**20 + 1))


@pytest.mark.parametrize("headers", [None, 7, SimpleNamespace(), "x-request-id: 1"])
def test_what_are_no_headers_are_none(headers: Any) -> None:
    assert headers_of(headers) == {}


def test_names_of_headers_are_in_lower_case() -> None:
    assert headers_of({"X-Request-ID": 1}) == {"x-request-id": "1"}


class Model(BaseModel):
    a: int
    rest: list["Model"] = []


@dataclass
class Plain:
    a: int
    _hidden: int = 2


@pytest.mark.parametrize(
    ("value", "json"),
    [
        (Model(a=1, rest=[Model(a=2)]), {"a": 1, "rest": [{"a": 2, "rest": []}]}),
        (Plain(1), {"a": 1}),
        (SimpleNamespace(to_dict=lambda: {"a": (1, None)}), {"a": [1, None]}),
        ({"a": SimpleNamespace(b=[Plain(1)])}, {"a": {"b": [{"a": 1}]}}),
        ("4", "4"),
        (None, None),
    ],
)
def test_an_object_of_a_client_becomes_json(value: Any, json: Any) -> None:
    assert plain(value) == json
