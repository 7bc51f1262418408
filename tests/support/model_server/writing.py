"""Writing of a reply: a behaviour and a request in, the bytes and headers out."""

import json
import math
import time
from collections.abc import Mapping, Sequence

from multidict import CIMultiDict

from tests.support.model_server.delivery import Parcel
from tests.support.model_server.dialects import Asked
from tests.support.model_server.dialects.shared import anthropic_error, openai_error
from tests.support.model_server.failures import RATE_LIMIT_REACHED, server_error
from tests.support.model_server.log import Request
from tests.support.model_server.quota import Verdict
from tests.support.model_server.rate_limits import wait_s
from tests.support.model_server.replies import Answer, Behaviour, Failure, RawBody
from tests.support.model_server.routes import Route

PRIVATE_HEADERS = {
    "openai": {
        "openai-organization": "org-of-the-tests",
        "openai-project": "proj_of_the_tests",
        "openai-version": "2020-10-01",
        "set-cookie": "__cf_bm=a-cookie-of-the-provider; path=/; HttpOnly; Secure",
    },
    "anthropic": {
        "anthropic-organization-id": "org-of-the-tests",
        "set-cookie": "_cfuvid=a-cookie-of-the-provider; path=/; HttpOnly; Secure",
    },
}
"""What providers send besides, and nobody should keep."""

REQUEST_ID = {"openai": "x-request-id", "anthropic": "request-id"}
JSON = "application/json"
EVENTS = "text/event-stream"


def request_id(request: Request) -> str:
    """The provider's name for a request."""
    return f"req_{request.number:08x}"


def over_quota(verdict: Verdict, family: str) -> Behaviour:
    """A 429 that says how long it lasts, where that is known: in whole seconds, and for OpenAI to the millisecond."""
    headers: dict[str, str] = {}
    if verdict.retry_after_s is not None:
        headers["retry-after"] = str(math.ceil(verdict.retry_after_s))
        if family == "openai":
            headers["retry-after-ms"] = str(math.ceil(verdict.retry_after_s * 1000))
    reply = Failure(429, RATE_LIMIT_REACHED, str(verdict.exceeded), "rate_limit_exceeded")
    return Behaviour(reply=reply, headers=headers)


def parcel(request: Request, route: Route, behaviour: Behaviour, headers: Mapping[str, str]) -> Parcel:
    """The reply of a behaviour in a route's dialect, with these headers and its own; notes in the request what it says.

    Raises:
        TypeError: it has no reply that can be written.
    """
    body, status, content_type = _written(request, route, behaviour)
    written = CIMultiDict({REQUEST_ID[route.family]: request_id(request), "content-type": content_type})
    written.update(headers)
    written.update(behaviour.headers)
    request.status = status
    request.retry_after_s = wait_s(written, time.time())
    return Parcel(
        status=status,
        headers=written,
        body=body,
        spread_s=behaviour.spread_s,
        breaks_off=behaviour.breaks_off,
        error_event=route.dialect.error_event(server_error()) if route.dialect and behaviour.breaks_off else b"",
    )


def _written(request: Request, route: Route, behaviour: Behaviour) -> tuple[bytes | Sequence[bytes], int, str]:
    reply, dialect = behaviour.reply, route.dialect
    if isinstance(reply, Answer) and dialect is not None:
        asked = Asked(request.number, request.data, int(request.arrived_at))
        if request.data.get("stream"):
            return tuple(dialect.events(reply, asked)), 200, EVENTS
        return json.dumps(dialect.body(reply, asked)).encode(), 200, JSON
    if isinstance(reply, RawBody):
        return reply.body, reply.status, reply.content_type
    if isinstance(reply, Failure):
        is_openai = route.family == "openai"
        body = openai_error(reply) if is_openai else anthropic_error(reply, request_id(request))
        return json.dumps(body).encode(), reply.status, JSON
    raise TypeError(reply)
