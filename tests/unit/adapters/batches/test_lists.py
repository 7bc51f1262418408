"""Batches and files that may be those of a killed process are found in the provider's lists, page by page."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import pytest

from tests.support.model_server import ModelServer, RawBody, Request
from tests.support.model_server.script import Step
from themis.adapters import anthropic, openai
from themis.adapters.batches import anthropic_batches, openai_batches
from themis.core.engine.batch_endpoint import BatchEndpoint, Submission
from themis.core.engine.batches.context import now_ms
from themis.core.errors import BadResponseError

Value = TypeVar("Value")
RUN = "a" * 64


@pytest.fixture(autouse=True)
def _short_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openai_batches, "_PAGE", 3)
    monkeypatch.setattr(anthropic_batches, "_PAGE", 3)


def asked(endpoint: BatchEndpoint, ask: Callable[[BatchEndpoint], Awaitable[Value]]) -> Value:
    """What a provider says, within one session."""

    async def within() -> Value:
        async with endpoint._generator.session():  # type: ignore[attr-defined]
            return await ask(endpoint)

    return asyncio.run(within())


def openai_endpoint(server: ModelServer, **more: Any) -> BatchEndpoint:
    return openai("m", base_url=server.openai_url, api_key="k", api_mode="chat_completions", **more).batch_endpoint()


def submission(nonce: str, **more: Any) -> Submission:
    return Submission(RUN, nonce, **{"lines": 1, "intended_ms": now_ms(), **more})


@pytest.mark.not_smoke
def test_the_file_and_the_batch_of_a_killed_process_are_found_behind_many_others(tmp_path: Any) -> None:
    path = tmp_path / "lines.jsonl"
    path.write_bytes(b'{"custom_id":"n-0-0","method":"POST","url":"/v1/chat/completions","body":{}}\n')

    async def many(endpoint: BatchEndpoint) -> tuple[Any, ...]:
        first = await endpoint.upload(submission("first", path=path))
        made = await endpoint.create(submission("first", file_id=first))
        for number in range(7):
            other = await endpoint.upload(submission(f"other{number}", path=path))
            await endpoint.create(submission(f"other{number}", file_id=other))
        again = await endpoint.upload(submission("first", path=path, is_resumed=True))
        found = await endpoint.find(submission("first"))
        nobody = await endpoint.find(submission("nobody"))
        another_run = await endpoint.find(Submission("b" * 64, "first", 1, now_ms()))
        refused = await endpoint.find(submission("first", others=frozenset({made})))
        return first == again, made == found, nobody, another_run, refused

    with ModelServer() as server:
        assert asked(openai_endpoint(server), many) == (True, True, None, None, None)
        pages = [
            request.query for request in server.requests if request.method == "GET" and request.path == "/v1/batches"
        ]
    assert [("after" in page, page["limit"]) for page in pages[:2]] == [(False, "3"), (True, "3")]


@pytest.mark.not_smoke
def test_a_list_is_not_read_beyond_the_time_of_the_submission(tmp_path: Any) -> None:
    path = tmp_path / "lines.jsonl"
    path.write_bytes(b'{"custom_id":"n-0-0","method":"POST","url":"/v1/chat/completions","body":{}}\n')

    async def later(endpoint: BatchEndpoint) -> Any:
        for number in range(5):
            file_id = await endpoint.upload(submission(f"other{number}", path=path))
            await endpoint.create(submission(f"other{number}", file_id=file_id))
        return await endpoint.find(submission("mine", intended_ms=now_ms() + 2 * 86_400_000))

    with ModelServer() as server:
        assert asked(openai_endpoint(server), later) is None
        pages = [request for request in server.requests if request.method == "GET" and request.path == "/v1/batches"]
    assert len(pages) == 1


def test_a_batch_of_anthropic_is_known_by_its_time_and_its_size(tmp_path: Any) -> None:
    one, two = tmp_path / "one.jsonl", tmp_path / "two.jsonl"
    line = b'{"custom_id":"%d","params":{"model":"m","max_tokens":5,"messages":[{"role":"user","content":"x"}]}}\n'
    one.write_bytes(line % 1)
    two.write_bytes(line % 1 + line % 2)

    async def some(endpoint: BatchEndpoint) -> tuple[Any, ...]:
        small = await endpoint.create(submission("n", path=one))
        large = await endpoint.create(submission("n", path=two))
        oldest = await endpoint.find(submission("n", lines=2))
        await endpoint.create(submission("n", path=two))
        still_oldest = await endpoint.find(submission("n", lines=2))
        next_one = await endpoint.find(submission("n", lines=2, others=frozenset({large})))
        too_old = await endpoint.find(submission("n", lines=1, intended_ms=now_ms() + 3_600_000))
        return small, large, oldest, still_oldest, next_one, too_old

    with ModelServer() as server:
        endpoint = anthropic("m", base_url=server.anthropic_url, api_key="k").batch_endpoint()
        found = asked(endpoint, some)
    assert found == ("msgbatch_1", "msgbatch_2", "msgbatch_2", "msgbatch_2", "msgbatch_3", None)


def test_a_batch_that_is_not_there_is_told_from_a_provider_that_fails() -> None:
    with ModelServer() as server:
        assert asked(openai_endpoint(server), lambda endpoint: endpoint.look("batch_9")) is None
        endpoint = anthropic("m", base_url=server.anthropic_url, api_key="k").batch_endpoint()
        assert asked(endpoint, lambda endpoint: endpoint.look("msgbatch_9")) is None


@pytest.mark.parametrize("body", [b"<html></html>", b"[1]", b'{"id": '])
def test_a_reply_that_makes_no_sense_is_a_bad_response(body: bytes) -> None:
    def step(request: Request) -> Step:
        return RawBody(body)

    with ModelServer(step) as server, pytest.raises(BadResponseError):
        asked(openai_endpoint(server), lambda endpoint: endpoint.look("batch_1"))


def test_the_headers_of_the_generator_go_with_each_request() -> None:
    with ModelServer() as server:
        endpoint = openai_endpoint(server, extra_headers={"x-gateway": "lab"})
        asked(endpoint, lambda endpoint: endpoint.find(submission("n")))
        assert [request.headers.get("x-gateway") for request in server.requests] == ["lab"]


def test_a_line_of_results_without_a_name_is_refused() -> None:
    with ModelServer() as server:
        endpoint = openai_endpoint(server)
    for line in (b"", b"{", b"[]", b"{}", b'{"custom_id": 7}'):
        with pytest.raises(ValueError):  # noqa: PT011  # whatever its message is
            endpoint.result(line)


@pytest.mark.parametrize(
    ("code", "is_postponed"), [("token_limit_exceeded", True), ("invalid_json_line", False), (None, False)]
)
def test_a_batch_for_which_there_is_no_room_now_is_told_from_one_that_is_wrong(
    code: str | None, *, is_postponed: bool
) -> None:
    message = "Enqueued token limit reached for m. Limit: 90,000 enqueued tokens."
    batch = {"id": "batch_1", "status": "failed", "errors": {"data": [{"code": code, "message": message}, 7]}}
    with ModelServer(lambda request: RawBody(json.dumps(batch).encode())) as server:
        found = asked(openai_endpoint(server), lambda endpoint: endpoint.look("batch_1"))
    assert found is not None
    assert (found.has_ended, found.is_postponed, found.text) == (True, is_postponed, f"failed ({message})")
