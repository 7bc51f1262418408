"""Scripted server of model providers, on loopback, in a thread of its own."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from tests.support.model_server.log import (
    ARRIVED_S,
    MINUTE_S,
    Request,
    answered,
    most_at_once,
    most_in_any,
    retry_after_violations,
    summary,
)
from tests.support.model_server.resources.batch import Batch
from tests.support.model_server.script import Answers, Script, Step
from tests.support.model_server.service import Service, Settings

BACKLOG = 4096
CONTROL = "/_server/"
"""Where another process asks for the counts; nothing there is recorded."""
ROW = (
    "number",
    "kind",
    "path",
    "question",
    "in_flight",
    "arrived_s",
    "arrived_at",
    "ended_s",
    "ended_at",
    "status",
    "retry_after_s",
    "was_left",
)
"""The fields of a request that another process sees."""


async def listening(service: Service, port: int) -> web.ServerRunner:
    """Serve on loopback until the runner is cleaned up; port 0 is any that is free."""

    async def handle(http: web.BaseRequest) -> web.StreamResponse:
        return _control(http, service) if http.path.startswith(CONTROL) else await service.handle(http)

    # Nobody reads what is left of a body after its reply, and who has gone is answered no more.
    server = web.Server(handle, access_log=None, handler_cancellation=True, lingering_time=0.0)
    runner = web.ServerRunner(server, shutdown_timeout=0.0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, backlog=BACKLOG).start()
    return runner


def url_of(runner: web.ServerRunner) -> str:
    """Where it listens."""
    host, port, *_ = runner.addresses[0]
    return f"http://{host}:{port}"


def _control(http: web.BaseRequest, service: Service) -> web.Response:
    if http.path == f"{CONTROL}summary":
        return web.json_response(summary(list(service.requests)))
    if http.path == f"{CONTROL}requests":
        return web.Response(text="".join(json.dumps(row(one)) + "\n" for one in list(service.requests)))
    return web.Response(status=404)


def row(request: Request) -> dict[str, Any]:
    """A request as another process sees it: what happened, without headers and bodies."""
    return {name: getattr(request, name) for name in ROW}


class ModelServer:
    """A provider that does what a script says, and remembers what it was asked.

    A context manager, for tests with and without an event loop. What a function of the script raises is answered with
    a 500, and raised at the end of the `with` block.
    """

    def __init__(
        self,
        steps: Iterable[Step] | Callable[[Request], Step] = (),
        *,
        default: Step = None,
        answers: Answers | None = None,
        **settings: Any,
    ) -> None:
        """Steps, default and answers as `Script` takes them; `settings` are the fields of `Settings`."""
        self.script = Script(steps, default=default, answers=answers)
        self.base_url = ""
        self._service = Service(self.script, Settings(**settings))
        self._thread = threading.Thread(target=self._run, name="model-server", daemon=True)
        self._is_ready = threading.Event()
        self._failure: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None

    @property
    def openai_url(self) -> str:
        """The base URL for clients of OpenAI."""
        return f"{self.base_url}/v1"

    @property
    def anthropic_url(self) -> str:
        """The base URL for clients of Anthropic."""
        return self.base_url

    @property
    def requests(self) -> list[Request]:
        """All requests so far, in the order of arrival."""
        return list(self._service.requests)

    @property
    def questions(self) -> list[Request]:
        """The requests that asked a model."""
        return [request for request in self.requests if request.is_question]

    @property
    def most_at_once(self) -> int:
        """The largest number of questions that were served at the same time."""
        return most_at_once(self.questions)

    def most_in_a_minute(self, window_s: float = MINUTE_S) -> int:
        """The largest number of questions that came in any minute, answered or not."""
        return most_in_any(map(ARRIVED_S, self.questions), window_s)

    def most_answered_in_a_minute(self, window_s: float = MINUTE_S) -> int:
        """The largest number of questions that came in any minute and were answered."""
        return most_in_any(map(ARRIVED_S, answered(self.questions)), window_s)

    def retry_after_violations(self, grace_s: float = 0.0) -> list[Request]:
        """Questions that came before a Retry-After ended, but for those that were on their way: `grace_s` seconds."""
        return retry_after_violations(self.questions, grace_s)

    def batches(self) -> list[Batch]:
        """All batches, of both providers, in the order in which they were made."""
        return self._service.batches()

    def play(self, *steps: Step) -> None:
        """Add steps for the next questions."""
        self.script.play(*steps)

    def __enter__(self) -> Self:
        self._thread.start()
        self._is_ready.wait()
        if self._failure is not None:
            raise self._failure
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._loop is not None and self._stop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        if self._service.problems and error is None:
            raise self._service.problems[0]

    async def __aenter__(self) -> Self:
        return await asyncio.to_thread(self.__enter__)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.__exit__, kind, error, trace)

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:
            self._failure = error
        finally:
            self._is_ready.set()

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        runner = await listening(self._service, 0)
        try:
            self.base_url = url_of(runner)
            self._is_ready.set()
            await self._stop.wait()
        finally:
            await runner.cleanup()
