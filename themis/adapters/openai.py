"""Generator for OpenAI and every server that speaks its language, through OpenAI's own client library."""

import importlib.util
import inspect
import os
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from time import perf_counter
from types import ModuleType
from typing import Any, ClassVar, Literal, cast
from urllib.parse import urlsplit

from themis.adapters import chat_api, completions_api, responses_api
from themis.adapters.answer import Answer
from themis.adapters.clients import Clients
from themis.adapters.conversation import Conversation, InputBuilder
from themis.adapters.failures import bad_response, failure_of_connection, failure_of_status
from themis.adapters.openai_client import close, in_words, make_client
from themis.adapters.provider_generator import ProviderGenerator, Request
from themis.adapters.replies import Reply, document_of, headers_of, plain
from themis.adapters.settings import refuse, settings_of
from themis.adapters.streams import chunks_of
from themis.core.base import JSONValue
from themis.core.configuration.secrets import redact_urls
from themis.core.contexts import GenerateContext
from themis.core.errors import MissingExtraError, MissingSecretError
from themis.core.text import masking

ApiMode = Literal["auto", "responses", "chat_completions", "completions"]

OPENAI_URL = "https://api.openai.com/v1"
KEY_VARIABLE = "OPENAI_API_KEY"
NO_KEY = "EMPTY"

_RENAMED = (
    ("max_completion_tokens", "max_tokens"),
    ("max_output_tokens", "max_tokens"),
    ("reasoning", "reasoning_effort"),
    ("text", "verbosity"),
    ("text", "response_format"),
)

_APIS: dict[str, ModuleType] = {
    "responses": responses_api,
    "chat_completions": chat_api,
    "completions": completions_api,
}


class OpenAIGenerator(ProviderGenerator):
    """Asks a model of OpenAI, or of a server that speaks its language; see `openai` for the arguments.

    Attributes:
        api_mode: the API that it uses: `responses`, `chat_completions` or `completions`.
    """

    component_id = "generator/openai"
    provider: ClassVar[str] = "openai"

    def __init__(  # the arguments of a config file
        self,
        model_id: str,
        *,
        client: Any = None,
        base_url: str | None = None,
        api_key: str | None = None,
        api_mode: ApiMode | None = None,
        **settings: Any,
    ) -> None:
        """Ask the model `model_id` at `base_url`, through `client` if there is one."""
        super().__init__(
            settings_of(self.component_id, model_id, settings),
            provider_key=f"{self.provider}:{redact_urls(_checked_url(self.component_id, base_url))}",
            endpoint=base_url,
        )
        if api_mode not in {None, "auto", *_APIS}:
            refuse(self.component_id, f"api_mode must be auto, {', '.join(_APIS)}, not {api_mode!r}")
        is_openai = base_url is None or urlsplit(base_url).hostname == "api.openai.com"
        if api_mode in {None, "auto"}:
            api_mode = "responses" if client is not None or is_openai else "chat_completions"
        self.api_mode = cast("str", api_mode)
        self._api: Any = _APIS[self.api_mode]
        self._is_openai = is_openai
        self._base_url = base_url
        self._api_key = api_key
        self._injected = client
        if client is None and importlib.util.find_spec("openai") is None:
            raise MissingExtraError(
                reference=self.component_id,
                package="openai",
                distribution="themis-eval",
                extra=self.provider,
            )
        self._clients = Clients(self._make_client, close)

    @classmethod
    def default_arguments(cls, given: Mapping[str, Any]) -> dict[str, JSONValue]:
        """Return the reference of OpenAI's key, for OpenAI itself."""
        return {} if given.keys() & {"api_key", "base_url", "client"} else {"api_key": f"env:{KEY_VARIABLE}"}

    @property
    def arguments(self) -> dict[str, JSONValue]:
        """The settings that decide an answer; an address that came from a reference is not among them."""
        said = {"api_mode": self.api_mode, **self._settings.identity()}
        return said if self._base_url is None else {"base_url": masking.mask(self._base_url), **said}

    @property
    def takes_seed(self) -> bool:
        """Whether this API has a parameter for the seed."""
        return bool(self._api.TAKES_SEED)

    def session(self) -> AbstractAsyncContextManager[Any]:
        """Open a block in which all calls share one client and its connections."""
        return self._clients.session()

    def body(self, conversation: Conversation, params: dict[str, Any]) -> dict[str, Any]:
        """Return the parameters of a request."""
        asked = self._api.body(conversation, params, is_openai=self._is_openai)
        body: dict[str, Any] = {"model": self.model_id, **asked}
        if self._settings.stream:
            body["stream"] = True
            if self._api is not responses_api:
                body.setdefault("stream_options", {"include_usage": True})
        return body

    def origins(self, params: Mapping[str, Any], body: Mapping[str, Any]) -> dict[str, str]:
        """Return the names in a body, each with the argument that it comes from."""
        del body
        found = {new: old for new, old in _RENAMED if old in params}
        return {**dict.fromkeys(self._settings.extra_body, "extra_body"), **found, **{name: name for name in params}}

    def read(self, document: dict[str, Any]) -> Answer:
        """Return the answer in a reply; see `ProviderGenerator.read`."""
        answer: Answer = self._api.read(document)
        return answer

    async def send(self, request: Request, ctx: GenerateContext) -> Reply:
        """Return the reply to a request; see `ProviderGenerator.send`."""
        try:
            if self._injected is not None:
                return await self._through_injected(request, ctx)
            client = self._clients.current()
            if client is not None:
                return await self._through(client, request, ctx)
            async with self._clients.session() as own:
                return await self._through(own, request, ctx)
        except Exception as error:
            failure = self._failure(error, request)
            if failure is None:
                raise
            raise failure from error

    async def _through(self, client: Any, request: Request, ctx: GenerateContext) -> Reply:
        """Send a request through our own client; it returns the body as it came, as its models cost too much time."""
        import httpx2  # noqa: PLC0415  # the client's own library, installed with it

        body = {**request.body, **self._settings.extra_body}
        options = {"headers": dict(self._settings.extra_headers)} if self._settings.extra_headers else {}
        if not self._settings.stream:
            raw = await client.post(self._api.PATH, cast_to=httpx2.Response, body=body, options=options)
            return self._read_body(raw.content, raw.status_code, headers_of(raw.headers), request)
        began_s = perf_counter()
        stream = await client.post(
            self._api.PATH, cast_to=object, body=body, options=options, stream=True, stream_cls=_stream_class()
        )
        try:
            return await self._joined(stream, headers_of(stream.response.headers), began_s, request, ctx.idle_timeout_s)
        finally:
            await stream.close()

    async def _through_injected(self, request: Request, ctx: GenerateContext) -> Reply:
        """Send a request through the user's client, as a program would that uses the client library."""
        resource = (
            self._injected.responses
            if self._api is responses_api
            else (self._injected.chat.completions if self._api is chat_api else self._injected.completions)
        )
        keywords = dict(request.body)
        if self._settings.extra_headers:
            keywords["extra_headers"] = dict(self._settings.extra_headers)
        if self._settings.extra_body:
            keywords["extra_body"] = dict(self._settings.extra_body)
        raw_resource = getattr(resource, "with_raw_response", None)
        if self._settings.stream or raw_resource is None:
            began_s = perf_counter()
            found = await _awaited(resource.create(**keywords))
            headers = headers_of(getattr(found, "headers", None))
            if self._settings.stream:
                return await self._joined(found, headers, began_s, request, ctx.idle_timeout_s)
            return Reply(_with_text(found), headers)
        raw = await _awaited(raw_resource.create(**keywords))
        return Reply(_with_text(await _awaited(raw.parse())), headers_of(raw.headers))

    def _read_body(self, content: bytes, status: int, headers: dict[str, str], request: Request) -> Reply:
        try:
            return Reply(document_of(content), headers)
        except ValueError as error:
            detail = in_words(content, error)
            raise bad_response(detail, status, headers, self.asked(request)) from None

    async def _joined(
        self, stream: Any, headers: dict[str, str], began_s: float, request: Request, idle_timeout_s: float | None
    ) -> Reply:
        chunks, first_token_ms = await chunks_of(stream, began_s, idle_timeout_s, self.provider_key)
        try:
            return Reply(self._api.join_stream(chunks), headers, first_token_ms)
        except ValueError as error:
            raise bad_response(str(error), None, headers, self.asked(request)) from None

    def _failure(self, error: Exception, request: Request) -> Exception | None:
        """Return what an error of the client library stands for; None for an error that is not of its kind."""
        names = {kind.__name__ for kind in type(error).__mro__}
        asked = self.asked(request)
        response = getattr(error, "response", None)
        if isinstance(status := getattr(error, "status_code", None), int) and "ThemisError" not in names:
            document = getattr(error, "body", None) or getattr(response, "text", None) or str(error)
            return failure_of_status(status, document, headers_of(getattr(response, "headers", None)), asked)
        if names & {"APIConnectionError", "HTTPError", "InvalidURL", "ClientError", "UnsupportedProtocol"}:
            return failure_of_connection(error, asked)
        if "APIError" in names:
            return bad_response(in_words(str(error).encode(), error), None, {}, asked)
        return None

    def _make_client(self) -> Any:
        if self._injected is not None:
            return self._injected
        key = self._api_key
        if key is None and self._base_url is None:
            key = os.environ.get(KEY_VARIABLE)
            if not key:
                raise MissingSecretError(where="generation.generator", name=KEY_VARIABLE)
            masking.register(KEY_VARIABLE, key, is_key=True)
        return make_client(self._base_url or OPENAI_URL, key or NO_KEY, self._settings.timeout_s)


def openai(  # the arguments that a user may give
    model_id: str,
    *,
    client: Any = None,
    instructions: str | None = None,
    input_builder: InputBuilder | None = None,
    base_url: str | None = None,
    api_key: str | None = None,
    **more: Any,
) -> OpenAIGenerator:
    """Return a generator that asks a model of OpenAI, or of a server that speaks its language.

    Args:
        model_id: the model, by the provider's name.
        client: a client like `openai.AsyncOpenAI`, whose `responses.create(**kwargs)` or
            `chat.completions.create(**kwargs)` is called; None for one of our own.
        instructions: what the model is told before each conversation.
        input_builder: makes the input of a request from a case: a text or a list of messages.
        base_url: address of the server; None for OpenAI itself.
        api_key: the key; None for the one in `OPENAI_API_KEY` at OpenAI itself, and for none elsewhere.
        more: `api_mode` (`responses`, `chat_completions`, `completions`, or `auto`: responses at OpenAI itself, chat
            completions elsewhere), `params`, `extra_headers`, `extra_body`, `drop_params`, `stream`, `timeout_s`.

    Raises:
        ComponentError: an argument has an unknown name, or a value that cannot be.
        MissingExtraError: there is no client, and the package `openai` is not installed.
    """
    return OpenAIGenerator(
        model_id,
        client=client,
        base_url=base_url,
        api_key=api_key,
        **{"instructions": instructions, "input_builder": input_builder, **more},
    )


def _checked_url(component_id: str, base_url: str | None) -> str:
    if base_url is None:
        return OPENAI_URL
    parts = urlsplit(str(base_url))
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        refuse(component_id, f"base_url must be a URL such as http://localhost:8000/v1, not {base_url!r}")
    return base_url


def _stream_class() -> Any:
    import openai  # noqa: PLC0415  # an optional library, and a slow import

    return openai.AsyncStream[object]


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
