"""Delivery of a reply: at once or in pieces, to its end or not."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import web

from tests.support.model_server.replies import BreakOff

if TYPE_CHECKING:
    from multidict import CIMultiDict

PIECES = 20
"""Of a body that takes a while."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """A reply in bytes.

    Attributes:
        status: of HTTP.
        headers: all but those of the framing.
        body: a whole body, or the events of a stream.
        spread_s: the time that it takes.
        breaks_off: where it ends too early.
        error_event: what ends a stream that breaks off with an error.
    """

    status: int
    headers: "CIMultiDict[str]"
    body: bytes | Sequence[bytes]
    spread_s: float = 0.0
    breaks_off: BreakOff | None = None
    error_event: bytes = b""


async def deliver(http: web.BaseRequest, parcel: Parcel) -> web.StreamResponse:
    """Send a reply, as far as it goes."""
    if isinstance(parcel.body, bytes):
        return await _body(http, parcel, parcel.body)
    return await _stream(http, parcel, parcel.body)


def hang_up(http: web.BaseRequest) -> web.Response:
    """Close the connection once all is sent that was written; the response is for aiohttp, and reaches nobody."""
    if http.transport is not None:
        http.transport.close()
    return web.Response()


async def _body(http: web.BaseRequest, parcel: Parcel, body: bytes) -> web.StreamResponse:
    breaks_off = parcel.breaks_off
    if breaks_off is not None and breaks_off.how == "end":
        body, breaks_off = body[: breaks_off.after], None
    if breaks_off is None and not parcel.spread_s:
        return web.Response(body=body, status=parcel.status, headers=parcel.headers)
    parcel.headers["content-length"] = str(len(body))
    sent = body if breaks_off is None else body[: breaks_off.after]
    size = max(1, -(-len(sent) // PIECES))
    parts = [sent[at : at + size] for at in range(0, len(sent), size)]
    response = web.StreamResponse(status=parcel.status, headers=parcel.headers)
    await response.prepare(http)
    await _write(response, parts, parcel.spread_s)
    return await _end(http, response, breaks_off)


async def _stream(http: web.BaseRequest, parcel: Parcel, events: Sequence[bytes]) -> web.StreamResponse:
    breaks_off = parcel.breaks_off
    response = web.StreamResponse(status=parcel.status, headers=parcel.headers)
    await response.prepare(http)
    await _write(response, events if breaks_off is None else events[: breaks_off.after], parcel.spread_s)
    if breaks_off is not None and breaks_off.how == "error":
        await response.write(parcel.error_event)
    return await _end(http, response, breaks_off)


async def _write(response: web.StreamResponse, parts: Sequence[bytes], spread_s: float) -> None:
    for part in parts:
        await response.write(part)
        if spread_s:
            await asyncio.sleep(spread_s / len(parts))


async def _end(http: web.BaseRequest, response: web.StreamResponse, breaks_off: BreakOff | None) -> web.StreamResponse:
    if breaks_off is not None and breaks_off.how == "silence":
        await asyncio.Event().wait()  # ends when the client leaves, or the server does
    if breaks_off is not None and breaks_off.how == "hang_up":
        hang_up(http)
        return response
    await response.write_eof()
    return response
