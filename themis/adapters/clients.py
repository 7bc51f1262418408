"""Clients of a generator: one for each event loop that runs it, with one pool of connections, closed after the run."""

import asyncio
import importlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from themis.adapters.settings import CONNECT_TIMEOUT_S

_CONNECTIONS = 10_000
_KEEP_ALIVE_S = 30.0
_CLASSES = {"openai": "AsyncOpenAI", "anthropic": "AsyncAnthropic"}


@dataclass(slots=True)
class _Open:
    client: Any
    users: int = 0


class Clients:
    """Keeps a client open while a block uses it: a client belongs to the event loop that it was made in."""

    def __init__(self, make: Callable[[], Any], close: Callable[[Any], Awaitable[None]]) -> None:
        """Use `make` for a new client and `close` for one that nobody uses any more."""
        self._make = make
        self._close = close
        self._open: dict[asyncio.AbstractEventLoop, _Open] = {}

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Any]:
        """Open a block with the client of the running event loop."""
        loop = asyncio.get_running_loop()
        found = self._open.get(loop)
        if found is None:
            found = self._open[loop] = _Open(self._make())
        found.users += 1
        try:
            yield found.client
        finally:
            found.users -= 1
            if not found.users:
                del self._open[loop]
                await self._close(found.client)

    def current(self) -> Any | None:
        """Return the client of the running event loop; None outside of a block."""
        found = self._open.get(asyncio.get_running_loop())
        return None if found is None else found.client


def make_client(library: str, base_url: str, api_key: str, timeout_s: float) -> Any:
    """Return a client of a provider's library, with many fast connections.

    The engine alone retries, and limits the calls in flight. No address or key is taken from the environment.

    Args:
        library: `openai` or `anthropic`.
        base_url: address of the server.
        api_key: its key.
        timeout_s: seconds for one request.
    """
    import httpx2  # noqa: PLC0415  # an optional library, and a slow import

    module = importlib.import_module(library)
    limits = httpx2.Limits(
        max_connections=_CONNECTIONS, max_keepalive_connections=_CONNECTIONS, keepalive_expiry=_KEEP_ALIVE_S
    )
    timeout = httpx2.Timeout(timeout_s, connect=min(CONNECT_TIMEOUT_S, timeout_s), pool=None)
    return getattr(module, _CLASSES[library])(
        base_url=base_url,
        api_key=api_key,
        max_retries=0,
        timeout=timeout,
        http_client=module.DefaultAioHttpClient(limits=limits, timeout=timeout),
    )


async def close(client: Any) -> None:
    """Close a client."""
    await client.close()
