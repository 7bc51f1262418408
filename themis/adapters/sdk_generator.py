"""Generator that asks through the client library of a provider: OpenAI's and Anthropic's are called in the same way."""

import importlib
import importlib.util
import inspect
import os
from abc import abstractmethod
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass
from time import perf_counter
from typing import Any, ClassVar
from urllib.parse import urlsplit

from themis.adapters.apis.content_parts import with_files
from themis.adapters.clients import Clients, close, make_client
from themis.adapters.failures import bad_response, in_words
from themis.adapters.library_errors import failure_of_error
from themis.adapters.provider_generator import ProviderGenerator, Request
from themis.adapters.replies import Reply, document_of, headers_of, plain
from themis.adapters.settings import NO_KEY, check_key, mask_secrets, refuse, settings_of
from themis.adapters.streams import chunks_of
from themis.core.base import JSONValue
from themis.core.configuration.secrets import placeholder_for, redact_urls
from themis.core.contexts import GenerateContext
from themis.core.errors import MissingExtraError, NoBatchesError
from themis.core.text import masking

_NO_STREAM = ("application/json", "text/html", "text/plain")
"""Types of what a server sends that does not stream: a whole answer, an error, or a gateway's page."""


@dataclass(frozen=True, slots=True)
class Access:
    """Way to a provider.

    Attributes:
        client: the user's own client; None for one of ours.
        base_url: address; None for the provider's own.
        api_key: the key; None for the one in the environment at the provider itself, and for none elsewhere.
    """

    client: Any = None
    base_url: str | None = None
    api_key: str | None = None


class SDKGenerator(ProviderGenerator):
    """Asks a model through the provider's client library.

    Attributes:
        provider: the first part of `provider_key`, and the name of the extra that installs the library.
        library: the library's package.
        home_url: the provider's own address.
        key_variable: the environment variable that holds the key for it.
        renamed: names in a request, each with the parameter that it comes from, where these differ.
    """

    provider: ClassVar[str]
    library: ClassVar[str]
    home_url: ClassVar[str]
    key_variable: ClassVar[str]
    renamed: ClassVar[tuple[tuple[str, str], ...]]

    def __init__(self, model_id: str, access: Access, settings: Mapping[str, Any]) -> None:
        """Ask the model `model_id` by way of `access`."""
        url = _checked_url(self.component_id, access.base_url, self.home_url)
        super().__init__(
            settings_of(self.component_id, model_id, settings),
            provider_key=f"{self.provider}:{redact_urls(url)}",
            endpoint=access.base_url,
        )
        self._access = access
        mask_secrets(access.api_key, self._settings.extra_headers)
        if access.client is None and importlib.util.find_spec(self.library) is None:
            raise MissingExtraError(
                reference=self.component_id,
                package=self.library,
                distribution="themis-eval",
                extra=self.provider,
            )
        self._clients = Clients(self._make_client, close)
        self._keywords: frozenset[str] | None = None

    @classmethod
    def default_arguments(cls, given: Mapping[str, Any]) -> dict[str, JSONValue]:
        """Return the reference of the provider's key, for the provider itself."""
        return {} if given.keys() & {"api_key", "base_url", "client"} else {"api_key": f"env:{cls.key_variable}"}

    @property
    def arguments(self) -> dict[str, JSONValue]:
        """The settings that decide an answer; an address that came from a reference is not among them."""
        said = self._settings.identity()
        base_url = self._access.base_url
        return said if base_url is None else {"base_url": masking.mask(base_url), **said}

    def _api_key_now(self) -> str | None:
        access = self._access
        if access.client is not None:
            key = getattr(access.client, "api_key", None)
            return key if isinstance(key, str) else None
        if access.api_key is None and access.base_url is None:
            return os.environ.get(self.key_variable)
        return access.api_key

    def session(self) -> AbstractAsyncContextManager[Any]:
        """Open a block in which all calls share one client and its connections; the user's own client stays open."""
        client = self._access.client
        return self._clients.session() if client is None else nullcontext(client)

    @asynccontextmanager
    async def client(self) -> AsyncIterator[Any]:
        """Open a block with the client of the session, or one of its own outside of a session; never the user's own."""
        client = self._clients.current()
        if client is not None:
            yield client
            return
        async with self._clients.session() as own:
            yield own

    @property
    def extra_headers(self) -> Mapping[str, str]:
        """Headers added to each request."""
        return self._settings.extra_headers

    def refuse_own_client(self) -> None:
        """Refuse batches through the user's own client.

        Raises:
            NoBatchesError: it has one.
        """
        if self._access.client is not None:
            detail = "has a client of your own, which is only used for single requests"
            raise NoBatchesError(generator=self.component_id, detail=detail)

    def whole_body(self, request: Request, *, streams: bool = True) -> dict[str, Any]:
        """Return the body of a request with all that is added to it; with `streams` false the answer comes at once."""
        body = {**with_files(request.body), **self._settings.extra_body}
        if self._settings.stream and not streams:
            for name in ("stream", "stream_options"):
                body.pop(name, None)
        return body

    def origins(self, params: Mapping[str, Any]) -> dict[str, str]:
        """Return the names in a body, each with the argument that it comes from."""
        renamed = {new: old for new, old in self.renamed if old in params and new not in params}
        return {**super().origins(params), **renamed}

    @property
    @abstractmethod
    def path(self) -> str:
        """Path of the API, below the address of the provider."""

    @abstractmethod
    def method_of(self, client: Any) -> Any:
        """Return the part of a client whose `create` asks the model."""

    @abstractmethod
    def join_stream(self, chunks: list[dict[str, Any]]) -> dict[str, Any]:
        """Return the reply that the chunks of a stream make up.

        Raises:
            UnreadableReplyError: the stream ended before the answer did.
        """

    async def send(self, request: Request, ctx: GenerateContext) -> Reply:
        """Return the reply to a request; see `ProviderGenerator.send`."""
        try:
            if self._access.client is not None:
                return await self._through_injected(request, ctx)
            client = self._clients.current()
            if client is not None:
                return await self._through(client, request, ctx)
            async with self.client() as own:
                return await self._through(own, request, ctx)
        except Exception as error:
            failure = failure_of_error(error, self.asked(request))
            if failure is None:
                raise
            raise failure from error

    async def _through(self, client: Any, request: Request, ctx: GenerateContext) -> Reply:
        """Send a request through our own client; it returns the body as it came, as its models cost too much time."""
        import httpx2  # noqa: PLC0415  # the client's own library, installed with it

        body = self.whole_body(request)
        options = {"headers": dict(self._settings.extra_headers)} if self._settings.extra_headers else {}
        if not self._settings.stream:
            raw = await client.post(request.path or self.path, cast_to=httpx2.Response, body=body, options=options)
            return self._read_body(raw.content, raw.status_code, headers_of(raw.headers), request)
        began_s = perf_counter()
        kind = importlib.import_module(self.library).AsyncStream[object]
        stream = await client.post(self.path, cast_to=object, body=body, options=options, stream=True, stream_cls=kind)
        headers = headers_of(stream.response.headers)
        try:
            if headers.get("content-type", "").startswith(_NO_STREAM):
                return self._read_body(await stream.response.aread(), stream.response.status_code, headers, request)
            return await self._read_stream(stream, headers, began_s, request, ctx.idle_timeout_s)
        finally:
            await stream.close()

    async def _through_injected(self, request: Request, ctx: GenerateContext) -> Reply:
        """Send a request through the user's client, as a program would that uses the client library."""
        method = self.method_of(self._access.client)
        keywords = self._as_keywords(method.create, with_files(request.body))
        raw_method = getattr(method, "with_raw_response", None)
        if self._settings.stream or raw_method is None:
            began_s = perf_counter()
            found = await _awaited(method.create(**keywords))
            headers = headers_of(getattr(found, "headers", None) or getattr(_response(found), "headers", None))
            if self._settings.stream:
                return await self._read_stream(found, headers, began_s, request, ctx.idle_timeout_s)
            return Reply(_with_text(found), headers)
        raw = await _awaited(raw_method.create(**keywords))
        return Reply(_with_text(await _awaited(raw.parse())), headers_of(raw.headers))

    def _as_keywords(self, create: Callable[..., Any], body: Mapping[str, Any]) -> dict[str, Any]:
        """Return a body as keywords; what a client's method has no keyword for is sent in its extra body."""
        if self._keywords is None:
            self._keywords = _taken(create, body)
        keywords = {name: value for name, value in body.items() if name in self._keywords}
        others = {name: value for name, value in body.items() if name not in self._keywords}
        if self._settings.extra_headers:
            keywords["extra_headers"] = dict(self._settings.extra_headers)
        if others or self._settings.extra_body:
            keywords["extra_body"] = {**others, **self._settings.extra_body}
        return keywords

    def _read_body(self, content: bytes, status: int, headers: dict[str, str], request: Request) -> Reply:
        try:
            return Reply(document_of(content), headers)
        except ValueError as error:
            detail = in_words(content, error)
            raise bad_response(detail, status, headers, self.asked(request)) from None

    async def _read_stream(
        self, stream: Any, headers: dict[str, str], began_s: float, request: Request, idle_timeout_s: float | None
    ) -> Reply:
        chunks, first_token_ms = await chunks_of(stream, began_s, idle_timeout_s, self.provider_key)
        return Reply(self.joined(self.join_stream, chunks, headers, request), headers, first_token_ms)

    def _make_client(self) -> Any:
        access = self._access
        check_key(self.component_id, access.api_key)
        key = access.api_key
        if key is None and access.base_url is None:
            key = os.environ.get(self.key_variable) or placeholder_for(self.key_variable, where="generation.generator")
            masking.register(self.key_variable, key, is_key=True)
        return make_client(self.library, access.base_url or self.home_url, key or NO_KEY, self._settings.timeout_s)


def _checked_url(component_id: str, base_url: str | None, otherwise: str) -> str:
    if base_url is None:
        return otherwise
    parts = urlsplit(str(base_url))
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        refuse(component_id, f"base_url must be a URL such as http://localhost:8000/v1, not {base_url!r}")
    return base_url


def _taken(create: Callable[..., Any], names: Mapping[str, Any]) -> frozenset[str]:
    """Return the keywords that a method takes: `names` themselves when it takes any."""
    try:
        parameters = inspect.signature(create).parameters.values()
    except (TypeError, ValueError):
        return frozenset(names)
    takes_any = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters)
    return frozenset(names) if takes_any else frozenset(parameter.name for parameter in parameters)


def _response(found: Any) -> Any:
    return getattr(found, "response", None)


async def _awaited(value: Any) -> Any:
    return await value if inspect.isawaitable(value) else value


def _with_text(found: Any) -> Any:
    """Return an object of a client library as JSON; the text that it computes is not among its fields."""
    document = plain(found)
    text = getattr(found, "output_text", None)
    if isinstance(document, dict):
        document.pop("headers", None)  # kept apart, and not all of them
        if isinstance(text, str) and not document.get("output"):
            document["output_text"] = text
    return document
