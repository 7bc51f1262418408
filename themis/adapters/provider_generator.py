"""Generator that asks a provider: from a case to a request, and from the reply to a candidate or a failure."""

import asyncio
from abc import abstractmethod
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import Any, ClassVar, TypeVar

from themis.adapters.answer import Answer, UnreadableReplyError
from themis.adapters.apis import chat
from themis.adapters.apis.content_parts import UnsendablePartError
from themis.adapters.apis.request_size import most_tokens
from themis.adapters.conversation import Conversation, conversation_of, image_that_is_a_path
from themis.adapters.failures import Asked, bad_response, failure_of_status, shown, status_within
from themis.adapters.replies import Reply
from themis.adapters.settings import Settings, credential_of
from themis.core.base import JSONValue
from themis.core.builtins.component import BuiltinComponent
from themis.core.contexts import GenerateContext
from themis.core.cost.tokens import MostTokens
from themis.core.errors import ProviderError, ProviderReply, ProviderUnavailableError, UnsendableCaseError
from themis.core.models import Case, GenerationResult

Read = TypeVar("Read")

_UNREADABLE = (UnreadableReplyError, TypeError, AttributeError, KeyError, IndexError)
"""Errors of reading a reply that has not the form of one."""

_WITHOUT_IMAGE = "the image {!r} is a path, which no provider can read; write its URL, or data:image/png;base64,…"

_WITHOUT_TEMPLATE = (
    "it is a conversation, and a completion endpoint takes one text: name the model's own chat template, as in "
    "`generation: {prompt: {chat_template: chatml}}`"
)


@dataclass(frozen=True, slots=True)
class Request:
    """A request for one candidate.

    Attributes:
        body: its parameters.
        turns: the conversation in it, instructions included.
        not_sent: parameters that were asked for and left out.
        origins: names in the body, each with the name of the argument that it comes from.
        path: where it is sent; None for the path of the API.
    """

    body: dict[str, Any]
    turns: list[dict[str, Any]]
    not_sent: tuple[str, ...] = ()
    origins: Mapping[str, str] = field(default_factory=dict)
    path: str | None = None


class ProviderGenerator(BuiltinComponent):
    """Asks a model of a provider for one candidate a call.

    Attributes:
        model_id: the model, by the provider's name.
        provider_key: the provider, by which its limits are set.
        endpoint: the provider's address; None for its own default.
    """

    component_id: ClassVar[str]
    version: ClassVar[str] = "1"
    imported_arguments: ClassVar[tuple[str, ...]] = ("input_builder",)

    def __init__(self, settings: Settings, *, provider_key: str, endpoint: str | None) -> None:
        """Ask as `settings` say."""
        self._settings = settings
        self.model_id = settings.model_id
        self.provider_key = provider_key
        self.endpoint = endpoint

    @classmethod
    def default_arguments(cls, given: Mapping[str, Any]) -> dict[str, JSONValue]:
        """Return arguments to add to those of a config file: the reference of a key that is not named there."""
        del given
        return {}

    @property
    def arguments(self) -> dict[str, JSONValue]:
        """The settings that decide an answer."""
        return self._settings.identity()

    @property
    def credential(self) -> str | None:
        """The key that requests carry, to which the provider's limits belong; None when there is none. Never stored."""
        return credential_of(self._api_key_now(), self._settings.extra_headers)

    def _api_key_now(self) -> str | None:
        return None

    @abstractmethod
    def session(self) -> AbstractAsyncContextManager[Any]:
        """Open a block in which all calls share one client."""

    async def generate(self, case: Case, ctx: GenerateContext) -> GenerationResult:
        """Return the model's answer.

        Raises:
            ProviderError: there is none; its class says why, and what follows from that.
        """
        request = self.request(case, ctx)
        reply, latency_ms = await self.timed(request, ctx)
        return self.candidate(case, ctx, request, reply, latency_ms=latency_ms)

    async def timed(self, request: Request, ctx: GenerateContext) -> tuple[Reply, float]:
        """Return the reply to a request within its time, and the milliseconds that it took.

        Raises:
            ProviderError: there is none, or it says that the request failed.
        """
        began_s = perf_counter()
        timeout_s = self._settings.timeout_s
        try:
            async with asyncio.timeout(timeout_s) as limit:
                reply = await self.send(request, ctx)
        except TimeoutError as error:
            if not limit.expired():
                raise
            detail = f"no answer within the {timeout_s:g} s of timeout_s"
            raise ProviderUnavailableError(provider=self.provider_key, detail=detail, reply=ProviderReply()) from error
        return reply, (perf_counter() - began_s) * 1_000

    def candidate(
        self,
        case: Case,
        ctx: GenerateContext,
        request: Request,
        reply: Reply,
        more: Mapping[str, Any] | None = None,
        *,
        latency_ms: float | None = None,
    ) -> GenerationResult:
        """Return the candidate in a reply to a request; `more` are artifacts besides the facts of the reply.

        Raises:
            ProviderError: there is none.
        """
        answer = self.understood(reply, request, self.read)
        artifacts = {**reply.artifacts(), **(more or {})}
        if request.not_sent:
            artifacts["not_sent"] = list(request.not_sent)
        return answer.result(f"{case.case_id}-candidate-{ctx.seed or 0}", request.turns, artifacts, latency_ms)

    def request(self, case: Case, ctx: GenerateContext) -> Request:
        """Return the request for a case.

        Raises:
            UnsendableCaseError: an image is named by a path, a file is of a kind that the provider does not take, or
                turns are asked of a model that completes a text.
        """
        settings = self._settings
        params = dict(settings.params)
        not_sent = [name for name in settings.drop_params if params.pop(name, None) is not None]
        if ctx.seed_is_given and ctx.seed is not None:
            params.setdefault("seed", ctx.seed)
        if "seed" in params and (not self.takes_seed or "seed" in settings.drop_params):
            del params["seed"]
            not_sent.append("seed")
        conversation = conversation_of(case, ctx, settings.instructions, settings.input_builder)
        image = image_that_is_a_path(conversation.turns)
        if image is not None:
            raise UnsendableCaseError(
                provider=self.provider_key, detail=_WITHOUT_IMAGE.format(image), reply=ProviderReply()
            )
        if self.completes_text and not conversation.is_text:
            raise UnsendableCaseError(provider=self.provider_key, detail=_WITHOUT_TEMPLATE, reply=ProviderReply())
        try:
            body = self.body(conversation, params)
        except UnsendablePartError as error:
            raise UnsendableCaseError(provider=self.provider_key, detail=str(error), reply=ProviderReply()) from None
        return Request(body, conversation.messages, tuple(not_sent), self.origins(params))

    @property
    def completes_text(self) -> bool:
        """Whether the model is asked to complete one text, and takes no turns."""
        return False

    @property
    def takes_seed(self) -> bool:
        """Whether the provider has a parameter for the seed."""
        return False

    @property
    def sends_seed(self) -> bool:
        """Whether a request has the seed that the experiment gives."""
        return self.takes_seed and "seed" not in self._settings.drop_params

    @property
    def request_params(self) -> dict[str, Any]:
        """The parameters of each request, by the names that they were given by."""
        settings = self._settings
        streamed = {"stream": True} if settings.stream else {}
        kept = {name: value for name, value in settings.params.items() if name not in settings.drop_params}
        return {**kept, **settings.extra_body, **streamed}

    @abstractmethod
    def body(self, conversation: Conversation, params: dict[str, Any]) -> dict[str, Any]:
        """Return the parameters of a request."""

    def origins(self, params: Mapping[str, Any]) -> dict[str, str]:
        """Return the names in a body, each with the argument that it comes from."""
        return {**dict.fromkeys(self._settings.extra_body, "extra_body"), **{name: name for name in params}}

    @abstractmethod
    async def send(self, request: Request, ctx: GenerateContext) -> Reply:
        """Return the reply to a request.

        Raises:
            ProviderError: there is none, or it says that the request failed.
        """

    @abstractmethod
    def read(self, document: dict[str, Any]) -> Answer:
        """Return the answer in a reply.

        Raises:
            UnreadableReplyError: there is none in it.
        """

    def usage(self, document: dict[str, Any]) -> dict[str, int]:
        """Return the tokens that a reply counts, also one without an answer; see `GenerationResult.token_usage`."""
        return chat.usage(document)

    def understood(self, reply: Reply, request: Request, read: Callable[[dict[str, Any]], Read]) -> Read:
        """Return what `read` finds in a reply to a request.

        Raises:
            ProviderError: the reply says that the request failed, or `read` cannot read it.
        """
        try:
            return self._understood(reply, request, read)
        except ProviderError as error:
            document = reply.document
            used = self.usage(document) if isinstance(document, dict) else None
            error.reply = replace(error.reply, token_usage=used or None)
            raise

    def most_tokens(self, case: Case, ctx: GenerateContext) -> MostTokens:
        """Return the most tokens that the request for a case can use."""
        return most_tokens({**self.request(case, ctx).body, **self._settings.extra_body})

    def asked(self, request: Request) -> Asked:
        """Return the facts of a request that decide who is to blame for its failure."""
        return Asked(self.provider_key, request.origins)

    def joined(
        self,
        join: Callable[[list[dict[str, Any]]], dict[str, Any]],
        chunks: list[dict[str, Any]],
        headers: Mapping[str, str],
        request: Request,
    ) -> dict[str, Any]:
        """Return the reply that the chunks of a stream make up, by the function `join` of the provider's API.

        Raises:
            BadResponseError: they make up none.
        """
        try:
            return join(chunks)
        except _UNREADABLE as error:
            raise bad_response(_fault(error), None, headers, self.asked(request)) from error

    def _understood(self, reply: Reply, request: Request, read: Callable[[dict[str, Any]], Read]) -> Read:
        document = reply.document
        if not isinstance(document, dict):
            detail = f"expected a JSON object, not {shown(document)}"
            raise bad_response(detail, None, reply.headers, self.asked(request))
        if document.get("error"):
            raise self._failure_within(document, reply.headers, request)
        try:
            return read(document)
        except _UNREADABLE as error:
            raise bad_response(_fault(error), None, reply.headers, self.asked(request)) from error

    def _failure_within(self, document: dict[str, Any], headers: Mapping[str, str], request: Request) -> ProviderError:
        """Return the failure in a reply whose status says that it succeeded."""
        status = status_within(document)
        if status is not None:
            return failure_of_status(status, document, headers, self.asked(request))
        return bad_response(shown(document), None, headers, self.asked(request))


def _fault(error: Exception) -> str:
    return str(error) if isinstance(error, UnreadableReplyError) else "it has an unknown form"
