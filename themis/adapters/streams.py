"""Streamed answers: their chunks, when the first text arrived, and a limit on silence."""

import asyncio
from collections.abc import AsyncIterator
from time import perf_counter
from typing import Any

from themis.adapters.replies import plain
from themis.core.errors import ProviderReply, StalledStreamError

_MOST_CHUNKS = 1_000_000
_TEXTS = ("content", "text", "reasoning_content", "reasoning")


async def chunks_of(
    stream: AsyncIterator[Any], began_s: float, idle_timeout_s: float | None, provider: str
) -> tuple[list[dict[str, Any]], float | None]:
    """Return the chunks of a stream, and the milliseconds until the first with text.

    Args:
        stream: yields chunks, as JSON or as objects of a client library.
        began_s: when the request was sent, by `perf_counter`.
        idle_timeout_s: seconds that it may be silent; None for no limit.
        provider: for messages.

    Raises:
        StalledStreamError: it was silent for longer.
    """
    found: list[dict[str, Any]] = []
    first_token_ms: float | None = None
    iterator = stream.__aiter__()
    while len(found) < _MOST_CHUNKS:
        try:
            async with asyncio.timeout(idle_timeout_s):
                chunk = plain(await anext(iterator))
        except StopAsyncIteration:
            break
        except TimeoutError:
            raise StalledStreamError(provider=provider, seconds=idle_timeout_s, reply=ProviderReply()) from None
        if not isinstance(chunk, dict):
            continue
        if first_token_ms is None and _has_text(chunk):
            first_token_ms = (perf_counter() - began_s) * 1_000
        found.append(chunk)
    return found, first_token_ms


def _has_text(chunk: dict[str, Any]) -> bool:
    if str(chunk.get("type", "")).endswith((".delta", "_delta")):
        return True
    for part in chunk.get("choices") or []:
        delta = part.get("delta") or part
        if any(isinstance(delta.get(name), str) and delta[name] for name in _TEXTS):
            return True
    return False
