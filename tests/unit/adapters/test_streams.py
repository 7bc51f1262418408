"""Streamed answers: chunks, the first text, and silence."""

import asyncio
from collections.abc import AsyncIterator
from time import perf_counter
from types import SimpleNamespace
from typing import Any

import pytest

from themis.adapters.streams import chunks_of
from themis.core.errors import StalledStreamError


async def stream(*parts: Any) -> AsyncIterator[Any]:
    """Yields what is not a number, and waits as many seconds as a number says."""
    for part in parts:
        if isinstance(part, float):
            await asyncio.sleep(part)
        else:
            yield part


def read(*parts: Any, idle_timeout_s: float | None = None) -> tuple[list[dict[str, Any]], float | None]:
    return asyncio.run(chunks_of(stream(*parts), perf_counter(), idle_timeout_s, "openai:x"))


def test_all_chunks_are_returned_as_json() -> None:
    chunks, _ = read({"a": 1}, SimpleNamespace(b=2), "[DONE]", None)
    assert chunks == [{"a": 1}, {"b": 2}]


@pytest.mark.parametrize(
    "chunk",
    [
        {"choices": [{"delta": {"content": "4"}}]},
        {"choices": [{"delta": {"reasoning_content": "hm"}}]},
        {"choices": [{"text": "4"}]},
        {"type": "response.output_text.delta", "delta": "4"},
        {"type": "content_block_delta", "delta": {"text": "4"}},
    ],
)
def test_the_first_token_is_timed_from_when_the_request_was_sent(chunk: dict[str, Any]) -> None:
    _, first_token_ms = read({"choices": [{"delta": {"role": "assistant", "content": ""}}]}, 0.05, chunk, 0.2, chunk)
    assert first_token_ms is not None
    assert 45 <= first_token_ms < 200


@pytest.mark.parametrize("chunks", [(), ({"choices": []},), ({"type": "message_start"},), ({"choices": [{}]},)])
def test_a_stream_without_text_has_no_first_token(chunks: tuple[Any, ...]) -> None:
    assert read(*chunks)[1] is None


def test_a_stream_that_is_silent_for_too_long_has_stalled() -> None:
    began_s = perf_counter()
    with pytest.raises(StalledStreamError, match=r"openai:x: sent nothing for 0\.05 s") as raised:
        read({"a": 1}, 5.0, {"b": 2}, idle_timeout_s=0.05)
    assert raised.value.retryable
    assert perf_counter() - began_s < 2


def test_a_stream_that_is_slow_but_never_silent_is_read_to_its_end() -> None:
    parts = [part for number in range(4) for part in ({"n": number}, 0.04)]
    assert len(read(*parts, idle_timeout_s=0.12)[0]) == 4


def test_what_a_stream_raises_is_raised() -> None:
    async def broken() -> AsyncIterator[Any]:
        yield {"a": 1}
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        asyncio.run(chunks_of(broken(), perf_counter(), 1.0, "openai:x"))
