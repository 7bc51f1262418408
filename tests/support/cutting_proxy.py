"""A proxy in front of a database server that cuts connections after a COMMIT was sent: its answer is lost."""

import contextlib
import random
import selectors
import socket
import threading
from typing import Self

_COMMIT = b"COMMIT\0"
_BYTES = 65_536


class CuttingProxy:
    """Listens on loopback, and passes on what is said to a server, and its answers but for some of those to COMMIT.

    Attributes:
        port: where it listens.
        share: share of commits whose answer is lost; 0 at first.
        cuts: number of connections that were cut, by whether the server had answered before.
    """

    def __init__(self, port: int, chance: random.Random) -> None:
        """Stand in front of the server at `port` of this machine."""
        self._target = port
        self._chance = chance
        self.share = 0.0
        self.cuts = {True: 0, False: 0}
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])

    def __enter__(self) -> Self:
        """Begin to listen."""
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Listen no more."""
        self._listening.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._pass_on, args=(client,), daemon=True).start()

    def _pass_on(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(("127.0.0.1", self._target))
        except OSError:  # it is away, as its client learns
            client.close()
            return
        with client, server, contextlib.suppress(OSError), selectors.DefaultSelector() as ready:
            ready.register(client, selectors.EVENT_READ)
            ready.register(server, selectors.EVENT_READ)
            while True:
                for key, _ in ready.select():
                    said = key.fileobj.recv(_BYTES)  # type: ignore[union-attr]
                    if not said:
                        return
                    if key.fileobj is server:
                        client.sendall(said)
                        continue
                    server.sendall(said)
                    if said.endswith(_COMMIT) and self._chance.random() < self.share:
                        self._cut(server)
                        return

    def _cut(self, server: socket.socket) -> None:
        """Let the server commit, or at least begin to, by turns."""
        waits = self.cuts[True] <= self.cuts[False]
        if waits:
            server.recv(_BYTES)
        self.cuts[waits] += 1
