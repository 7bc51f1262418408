"""Requests about batches, through the client library of a provider, with its errors told apart as everywhere."""

import json
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, TypeVar

from themis.adapters.failures import Asked, bad_response, in_words, shown
from themis.adapters.library_errors import failure_of_error
from themis.adapters.replies import document_of, headers_of
from themis.adapters.sdk_generator import SDKGenerator

_STREAMED = {"X-Stainless-Raw-Response": "stream"}
_JSON = {"content-type": "application/json"}
_MOST_PAGES = 1_000

Value = TypeVar("Value")


class Transport:
    """Requests to the provider of a generator, with its key and headers."""

    def __init__(self, generator: SDKGenerator) -> None:
        """Ask the provider of `generator`."""
        self._generator = generator
        self._asked = Asked(generator.provider_key)

    async def get(self, path: str, query: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return the object at a path."""
        options: dict[str, Any] = {"params": dict(query)} if query else {}
        return await self._object(lambda client, kind: client.get(path, cast_to=kind, options=self._with(options)))

    async def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Send an object, and return the one that comes back."""
        return await self._object(
            lambda client, kind: client.post(path, cast_to=kind, body=dict(body), options=self._with({}))
        )

    async def post_content(self, path: str, content: AsyncIterable[bytes]) -> dict[str, Any]:
        """Send an object that is too large for memory, and return the one that comes back."""
        return await self._object(
            lambda client, kind: client.post(
                path, cast_to=kind, content=content, options=self._with({"headers": dict(_JSON)})
            )
        )

    async def call(self, method: Callable[[Any], Awaitable[Value]]) -> Value:
        """Return what `method` of the client library returns."""
        try:
            async with self._generator.client() as client:
                return await method(client)
        except Exception as error:
            failure = failure_of_error(error, self._asked)
            if failure is None:
                raise
            raise failure from error

    async def stream(self, path: str) -> AsyncIterator[bytes]:
        """Yield the content of a file at a path, in pieces."""
        import httpx2  # noqa: PLC0415  # the client's own library, installed with it

        options = self._with({"headers": dict(_STREAMED)})
        response = await self.call(lambda client: client.get(path, cast_to=httpx2.Response, options=options))
        try:
            async for piece in response.aiter_bytes():
                yield piece
        except Exception as error:
            failure = failure_of_error(error, self._asked)
            if failure is None:
                raise
            raise failure from error
        finally:
            await response.aclose()

    async def pages(self, path: str, query: Mapping[str, Any], cursor: str) -> AsyncIterator[dict[str, Any]]:
        """Yield the objects of a list, newest first, page by page; `cursor` names the parameter for the next page."""
        asked = dict(query)
        for _ in range(_MOST_PAGES):
            page = await self.get(path, asked)
            found = page.get("data")
            items = [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []
            for item in items:
                yield item
            if not page.get("has_more") or not items:
                return
            asked[cursor] = str(items[-1].get("id"))

    def _with(self, options: dict[str, Any]) -> dict[str, Any]:
        headers = {**self._generator.extra_headers, **options.get("headers", {})}
        return {**options, "headers": headers} if headers else options

    async def _object(self, request: Callable[[Any, Any], Awaitable[Any]]) -> dict[str, Any]:
        import httpx2  # noqa: PLC0415  # the client's own library, installed with it

        raw = await self.call(lambda client: request(client, httpx2.Response))
        headers = headers_of(raw.headers)
        try:
            document = document_of(raw.content)
        except ValueError as error:
            raise bad_response(in_words(raw.content, error), raw.status_code, headers, self._asked) from None
        if not isinstance(document, dict):
            detail = f"expected a JSON object, not {shown(document)}"
            raise bad_response(detail, raw.status_code, headers, self._asked)
        return document


def encoded(line: Mapping[str, Any]) -> bytes:
    """Return a line as JSON, without its end."""
    return json.dumps(line, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode(
        "utf-8", "backslashreplace"
    )


def count(document: Any, name: str) -> int:
    """Return the count at a name of an object; 0 where there is none."""
    value = document.get(name) if isinstance(document, dict) else None
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else 0
