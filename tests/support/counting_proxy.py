"""Proxy that counts: between a generator and the server of a model, on loopback, in a thread of its own."""

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web

PATIENCE_S = 600.0


@dataclass(slots=True)
class Passed:
    """A request that passed through.

    Attributes:
        question: the last message.
        body: the parameters of the request.
        arrived_s: on the monotonic clock.
        reply: the server's reply; None when the client went away before.
    """

    question: str
    body: dict[str, Any]
    arrived_s: float
    reply: dict[str, Any] | None = None


@dataclass(slots=True)
class CountingProxy:
    """A proxy that runs: its address for clients, and what passed through."""

    base_url: str = ""
    passed: list[Passed] = field(default_factory=list)

    def asked(self, question: str) -> list[Passed]:
        """The requests with a question."""
        return [one for one in list(self.passed) if one.question == question]


@contextmanager
def counting_proxy(upstream_url: str) -> Iterator[CountingProxy]:
    """Pass requests on to `upstream_url` while the block runs."""
    proxy, is_ready, loop = CountingProxy(), threading.Event(), asyncio.new_event_loop()
    stop = asyncio.Event()
    thread = threading.Thread(
        target=loop.run_until_complete, args=(_serve(proxy, upstream_url, is_ready, stop),), daemon=True
    )
    thread.start()
    try:
        assert is_ready.wait(30.0)
        yield proxy
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


async def _serve(proxy: CountingProxy, upstream_url: str, is_ready: threading.Event, stop: asyncio.Event) -> None:
    timeout = aiohttp.ClientTimeout(total=PATIENCE_S)
    async with aiohttp.ClientSession(timeout=timeout) as session:

        async def handle(http: web.BaseRequest) -> web.StreamResponse:
            content = await http.read()
            body = json.loads(content)
            passing = Passed(body["messages"][-1]["content"], body, time.monotonic())
            proxy.passed.append(passing)
            url = upstream_url + http.path.removeprefix("/v1")
            async with session.post(url, data=content, headers={"content-type": "application/json"}) as answer:
                reply = await answer.read()
            response = web.Response(body=reply, status=answer.status, content_type="application/json")
            await response.prepare(http)
            await response.write_eof()
            if answer.status == web.HTTPOk.status_code:
                with suppress(ValueError):
                    passing.reply = json.loads(reply)
            return response

        # A client that is killed is noticed at once, so that the model does not answer for nobody.
        runner = web.ServerRunner(web.Server(handle, access_log=None, handler_cancellation=True), shutdown_timeout=0.0)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port, *_ = runner.addresses[0]
        proxy.base_url = f"http://{host}:{port}/v1"
        is_ready.set()
        await stop.wait()
        await runner.cleanup()
