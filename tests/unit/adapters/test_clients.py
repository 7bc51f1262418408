"""Clients: one for each event loop, closed after the last block that uses it."""

import asyncio
import threading
from typing import Any

import pytest

from themis.adapters.clients import Clients, close, make_client


class Client:
    def __init__(self) -> None:
        self.times_closed = 0


class Made:
    """Clients, and what was made."""

    def __init__(self) -> None:
        self.made: list[Client] = []
        self.clients = Clients(self._make, self._close)

    def _make(self) -> Client:
        self.made.append(Client())
        return self.made[-1]

    async def _close(self, client: Client) -> None:
        client.times_closed += 1


def test_blocks_of_one_loop_share_a_client_until_the_last_has_ended() -> None:
    async def ask() -> None:
        async with made.clients.session() as first:
            async with made.clients.session() as second:
                assert first is second
                assert made.clients.current() == first
            assert first.times_closed == 0
            assert made.clients.current() == first
        assert first.times_closed == 1
        assert made.clients.current() is None

    made = Made()
    asyncio.run(ask())
    assert len(made.made) == 1


def test_a_later_block_gets_a_new_client() -> None:
    async def ask() -> list[Client]:
        found = []
        for _ in range(2):
            async with made.clients.session() as client:
                found.append(client)
        return found

    made = Made()
    first, second = asyncio.run(ask())
    assert first is not second
    assert [client.times_closed for client in made.made] == [1, 1]


def test_each_loop_has_a_client_of_its_own() -> None:
    def run() -> None:
        asyncio.run(ask())

    async def ask() -> None:
        async with made.clients.session() as client:
            await asyncio.to_thread(meeting.wait, 10)
            seen.append(client)

    made, meeting, seen = Made(), threading.Barrier(2), list[Any]()
    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(client) for client in seen}) == 2
    assert [client.times_closed for client in made.made] == [1, 1]


def test_a_client_is_closed_when_the_block_fails() -> None:
    async def ask() -> None:
        async with made.clients.session():
            raise KeyError

    made = Made()
    with pytest.raises(KeyError):
        asyncio.run(ask())
    assert made.made[0].times_closed == 1


@pytest.mark.parametrize("library", ["openai", "anthropic"])
def test_a_client_has_many_connections_and_no_retries_and_takes_nothing_from_the_environment(
    library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def ask() -> Any:
        client = make_client(library, "http://localhost:1/v1", "key-of-the-lab", 5.0)
        limits = client._client._transport.limits
        await close(client)
        return client, limits

    for name in ("OPENAI", "ANTHROPIC"):
        monkeypatch.setenv(f"{name}_API_KEY", "another-key")
        monkeypatch.setenv(f"{name}_BASE_URL", "http://elsewhere")
    client, limits = asyncio.run(ask())
    assert (client.max_retries, client.api_key, client.timeout.read, client.timeout.connect) == (
        0,
        "key-of-the-lab",
        5.0,
        5.0,
    )
    assert str(client.base_url).startswith("http://localhost:1/")
    assert (limits.max_connections, limits.max_keepalive_connections) == (10_000, 10_000)
    assert client.is_closed()
