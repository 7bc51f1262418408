"""Clients of a generator: one for each event loop that runs it, with one pool of connections, closed after the run."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any


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
