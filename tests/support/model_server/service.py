"""Service of one scripted server: each request is recorded, held against the quota, and answered by the script."""

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import count

from aiohttp import web

from tests.support.model_server.delivery import deliver, hang_up
from tests.support.model_server.dialects import Dialect
from tests.support.model_server.dialects.shared import prompt_tokens, question_of, usage_of
from tests.support.model_server.failures import model_not_found, server_error, unauthorized
from tests.support.model_server.log import Request
from tests.support.model_server.quota import Admitted, Quota, QuotaMeter
from tests.support.model_server.rate_limits import Style
from tests.support.model_server.replies import Answer, Behaviour, Failure, HangUp, RawBody
from tests.support.model_server.resources.batch import Batch
from tests.support.model_server.resources.models import Models
from tests.support.model_server.routes import Route, Routes
from tests.support.model_server.script import Script
from tests.support.model_server.writing import PRIVATE_HEADERS, over_quota, parcel

Latency = float | Callable[[Request], float]

NOTHING_HERE = RawBody(b'{"detail":"Not Found"}', 404)
LARGEST_BODY = 2**30
NO_JSON = Failure(400, "We could not parse the JSON body of your request.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How a server behaves where its script says nothing.

    Attributes:
        latency_s: before each reply of a model, or what a function says of the request.
        quota: that is enforced; None for none.
        limit_style: the headers that announce the quota; the dialect's own when it is left out.
        api_key: the only one that is accepted; None for any.
        models: those that are there; None for any.
        batch_s: the time that a batch takes.
        keeps_content: whether the log keeps headers and bodies.
        private_headers: whether replies have the cookies and the organisation of a provider.
    """

    latency_s: Latency = 0.0
    quota: Quota | None = None
    limit_style: Style | None = None
    api_key: str | None = None
    models: tuple[str, ...] | None = None
    batch_s: float = 0.0
    keeps_content: bool = True
    private_headers: bool = True


class Service:
    """Handles requests, on one event loop.

    Attributes:
        requests: all of them, in the order of arrival.
        problems: what the test's own functions raised.
    """

    def __init__(self, script: Script, settings: Settings) -> None:
        self.requests: list[Request] = []
        self.problems: list[Exception] = []
        self._script = script
        self._settings = settings
        self._meter = QuotaMeter(settings.quota) if settings.quota else None
        self._numbers = count()
        self._in_flight = 0
        self._models = Models(settings.models)
        self._routes = Routes(self._models, script, settings.batch_s)

    def batches(self) -> list[Batch]:
        """All batches, in the order in which they were made."""
        return self._routes.batches()

    async def handle(self, http: web.BaseRequest) -> web.StreamResponse:
        """Answer one request, and keep a record of it."""
        self._in_flight += 1
        route = self._routes.find(http.method, http.path)
        request = self._recorded(http, route.kind)
        try:
            if not await _read(http, request):
                return await self._deliver(http, request, route, Behaviour(reply=NO_JSON))
            if route.dialect is not None:
                return await self._answer(http, request, route, route.dialect)
            return await self._give(http, request, route)
        except asyncio.CancelledError:
            request.was_left = True
            raise
        except ConnectionError:
            request.was_left = True
            return hang_up(http)
        except Exception as error:
            self.problems.append(error)
            return await self._deliver(http, request, route, Behaviour(reply=server_error()))
        finally:
            self._in_flight -= 1
            request.ended_s, request.ended_at = time.monotonic(), time.time()
            if not self._settings.keeps_content:
                request.forget_content()

    def _recorded(self, http: web.BaseRequest, kind: str) -> Request:
        request = Request(
            number=next(self._numbers),
            kind=kind,
            method=http.method,
            path=http.path,
            headers={name.lower(): value for name, value in http.headers.items()},
            in_flight=self._in_flight,
            arrived_s=time.monotonic(),
            arrived_at=time.time(),
            query=dict(http.query),
        )
        self.requests.append(request)
        return request

    async def _answer(
        self, http: web.BaseRequest, request: Request, route: Route, dialect: Dialect
    ) -> web.StreamResponse:
        """Answer a question to a model."""
        turns = dialect.turns(request.data)
        request.question = question_of(turns)
        if (refusal := self._refusal(request)) is not None:
            return await self._deliver(http, request, route, Behaviour(reply=refusal))
        admitted: Admitted | None = None
        if self._meter is not None:
            said = self._meter.ask(prompt_tokens(turns) + _most_output(request, dialect))
            if not isinstance(said, Admitted):
                return await self._deliver(http, request, route, over_quota(said, route.family))
            admitted = said
        used: int | None = None
        try:
            behaviour = self._script.behaviour(request)
            if behaviour.reply is None:
                behaviour = replace(behaviour, reply=self._script.usual_answer(request))
            if admitted is not None and isinstance(behaviour.reply, Answer):
                usage = usage_of(behaviour.reply, turns)
                used = usage.prompt + usage.output
            latency = self._settings.latency_s if behaviour.latency_s is None else behaviour.latency_s
            await _wait(latency(request) if callable(latency) else latency)
            return await self._deliver(http, request, route, behaviour)
        finally:
            if admitted is not None:
                admitted.leave(used)

    async def _give(self, http: web.BaseRequest, request: Request, route: Route) -> web.StreamResponse:
        """Give what is not a model's answer: a script may send an error in its place, or have it wait."""
        behaviour = self._script.behaviour(request)
        if (refusal := self._refusal(request)) is not None:
            behaviour = Behaviour(reply=refusal)
        if behaviour.reply is None or isinstance(behaviour.reply, Answer):
            found = route.resource.handle(request, route.below) if route.resource else None
            if isinstance(found, dict):
                found = json.dumps(found).encode()
            reply = RawBody(found) if isinstance(found, bytes) else found or NOTHING_HERE
            behaviour = replace(behaviour, reply=reply)
        await _wait(behaviour.latency_s or 0.0)
        return await self._deliver(http, request, route, behaviour)

    def _refusal(self, request: Request) -> Failure | None:
        """An error that a request gets whatever the script says."""
        if self._settings.api_key is not None and request.key != self._settings.api_key:
            return unauthorized()
        model = str(request.data.get("model"))
        return model_not_found(model) if request.is_question and not self._models.knows(model) else None

    async def _deliver(
        self, http: web.BaseRequest, request: Request, route: Route, behaviour: Behaviour
    ) -> web.StreamResponse:
        if isinstance(behaviour.reply, HangUp):
            return hang_up(http)
        headers = dict(PRIVATE_HEADERS[route.family]) if self._settings.private_headers else {}
        if self._meter is not None and request.is_question:
            style: Style = self._settings.limit_style or ("anthropic" if route.family == "anthropic" else "openai")
            headers |= self._meter.limits().headers(style, time.time())
        return await deliver(http, parcel(request, route, behaviour, headers))


async def _read(http: web.BaseRequest, request: Request) -> bool:
    """Read the body into the record; False when it should be a JSON object and is none."""
    http = http.clone(client_max_size=LARGEST_BODY)
    if http.content_type == "multipart/form-data":
        for name, field in (await http.post()).items():
            if isinstance(field, web.FileField):
                with field.file as content:
                    request.data.update({name: content.read(), "filename": field.filename})
            else:
                request.data[name] = field
        return True
    try:
        request.take(await http.read())
    except ValueError:
        return False
    return True


async def _wait(seconds: float) -> None:
    if seconds > 0:
        await asyncio.sleep(seconds)


def _most_output(request: Request, dialect: Dialect) -> int:
    return next((int(request.data[name]) for name in dialect.most_output_field if request.data.get(name)), 0)
