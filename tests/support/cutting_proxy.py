"""Proxy between a host and its database server, on loopback, that loses answers to COMMIT, and the line as a whole."""

import asyncio
import contextlib
import random
import threading
from collections.abc import Callable, Iterator

COMMIT = b"COMMIT"
CHUNK = 65_536


class CuttingProxy:
    """Passes on what a host and a server say to each other.

    Attributes:
        port: the one to connect to.
        lost: answers to COMMIT that arrived here and went no further; the connection ended instead.
        share: how many of them are lost, from 0 to 1.
    """

    def __init__(self, upstream: int, chance: random.Random) -> None:
        """Pass on to the port `upstream`; `chance` decides which answers are lost."""
        self._upstream = upstream
        self._chance = chance
        self._end: Callable[[], object] = lambda: None
        self.port = 0
        self.lost = 0
        self.share = 0.0

    @contextlib.contextmanager
    def serving(self) -> Iterator["CuttingProxy"]:
        """Pass on while the block runs, in a thread."""
        is_ready = threading.Event()
        thread = threading.Thread(target=lambda: asyncio.run(self._serve(is_ready)), daemon=True)
        thread.start()
        assert is_ready.wait(30.0)
        try:
            yield self
        finally:
            self._end()
            thread.join(30.0)

    async def _serve(self, is_ready: threading.Event) -> None:
        loop, stop = asyncio.get_running_loop(), asyncio.Event()
        self._end = lambda: loop.call_soon_threadsafe(stop.set)
        server = await asyncio.start_server(self._meet, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        is_ready.set()
        await stop.wait()
        server.close()

    async def _meet(self, host_says: asyncio.StreamReader, to_host: asyncio.StreamWriter) -> None:
        try:
            server_says, to_server = await asyncio.open_connection("127.0.0.1", self._upstream)
        except OSError:
            to_host.transport.abort()
            return
        line = _Line(host_says, to_host, server_says, to_server)
        ways = [asyncio.ensure_future(self._forth(line)), asyncio.ensure_future(self._back(line))]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        line.end()
        await asyncio.gather(*ways, return_exceptions=True)  # either may be reset

    async def _forth(self, line: "_Line") -> None:
        while data := await line.host_says.read(CHUNK):
            if COMMIT in data and self._chance.random() < self.share:
                line.loses_answer = True
            line.to_server.write(data)
            await line.to_server.drain()

    async def _back(self, line: "_Line") -> None:
        while data := await line.server_says.read(CHUNK):
            if line.loses_answer:
                self.lost += 1
                return
            line.to_host.write(data)
            await line.to_host.drain()


class _Line:
    """One connection, in both directions."""

    def __init__(
        self,
        host_says: asyncio.StreamReader,
        to_host: asyncio.StreamWriter,
        server_says: asyncio.StreamReader,
        to_server: asyncio.StreamWriter,
    ) -> None:
        self.host_says, self.to_host = host_says, to_host
        self.server_says, self.to_server = server_says, to_server
        self.loses_answer = False

    def end(self) -> None:
        self.to_host.transport.abort()
        self.to_server.transport.abort()
