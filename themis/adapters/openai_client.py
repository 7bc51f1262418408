"""Client of OpenAI's library: fast connections, no retries of its own, no address or key from the environment."""

from typing import Any

from themis.adapters.failures import shown
from themis.adapters.settings import CONNECT_TIMEOUT_S

LIBRARY = "openai"

_CONNECTIONS = 10_000
_KEEP_ALIVE_S = 30.0


def make_client(base_url: str, api_key: str, timeout_s: float) -> Any:
    """Return a client; the engine alone retries, and limits the calls in flight."""
    import httpx2  # noqa: PLC0415  # an optional library, and a slow import
    import openai  # noqa: PLC0415  # the same

    limits = httpx2.Limits(
        max_connections=_CONNECTIONS, max_keepalive_connections=_CONNECTIONS, keepalive_expiry=_KEEP_ALIVE_S
    )
    timeout = httpx2.Timeout(timeout_s, connect=min(CONNECT_TIMEOUT_S, timeout_s), pool=None)
    return openai.AsyncOpenAI(
        base_url=base_url,
        api_key=api_key,
        max_retries=0,
        timeout=timeout,
        http_client=openai.DefaultAioHttpClient(limits=limits, timeout=timeout),
    )


async def close(client: Any) -> None:
    """Close a client of our own; a user's stays open."""
    if getattr(client, "max_retries", None) == 0 and callable(getattr(client, "close", None)):
        await client.close()


def in_words(content: bytes, error: Exception) -> str:
    """Return what a body is that is not JSON."""
    text = content.decode("utf-8", "replace").strip()
    if not text:
        return "an empty reply"
    if text.startswith("<"):
        return shown(text)
    return f"not JSON ({error}): {shown(text)}"
