"""Generator for OpenAI and every server that speaks its language, through OpenAI's own client library."""

from collections.abc import Sequence
from types import ModuleType
from typing import Any, ClassVar, Literal, cast
from urllib.parse import urlsplit

from themis.adapters.answer import Answer
from themis.adapters.apis import chat, completions, responses
from themis.adapters.apis.request_size import most_tokens
from themis.adapters.batches.openai_batches import OpenAIBatches
from themis.adapters.continuations.asking import USUAL_MODE, Continuations, settings_of_continuations
from themis.adapters.conversation import Conversation, InputBuilder
from themis.adapters.provider_generator import Request
from themis.adapters.sdk_generator import Access, SDKGenerator
from themis.adapters.settings import refuse
from themis.core.base import JSONValue
from themis.core.contexts import GenerateContext
from themis.core.cost.tokens import MostTokens
from themis.core.engine.batch_endpoint import BatchEndpoint
from themis.core.models import Case, GenerationResult

ApiMode = Literal["auto", "responses", "chat_completions", "completions"]

_APIS: dict[str, ModuleType] = {
    "responses": responses,
    "chat_completions": chat,
    "completions": completions,
}


class OpenAIGenerator(SDKGenerator):
    """Asks a model of OpenAI, or of a server that speaks its language; see `openai` for the arguments.

    Attributes:
        api_mode: the API that it uses: `responses`, `chat_completions` or `completions`.
    """

    component_id = "generator/openai"
    provider: ClassVar[str] = "openai"
    library: ClassVar[str] = "openai"
    home_url: ClassVar[str] = "https://api.openai.com/v1"
    key_variable: ClassVar[str] = "OPENAI_API_KEY"
    renamed: ClassVar[tuple[tuple[str, str], ...]] = (
        ("max_completion_tokens", "max_tokens"),
        ("max_output_tokens", "max_tokens"),
        ("reasoning", "reasoning_effort"),
        ("text", "verbosity"),
        ("text", "response_format"),
    )

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
        self._continuations, settings = settings_of_continuations(self.component_id, settings)
        super().__init__(model_id, Access(client, base_url, api_key), settings)
        if api_mode not in {None, "auto", *_APIS}:
            refuse(self.component_id, f"api_mode must be auto, {', '.join(_APIS)}, not {api_mode!r}")
        self._is_openai = base_url is None or urlsplit(base_url).hostname == "api.openai.com"
        if api_mode in {None, "auto"}:
            api_mode = "responses" if client is not None or self._is_openai else "chat_completions"
        self.api_mode = cast("str", api_mode)
        self._api: Any = _APIS[self.api_mode]

    @property
    def arguments(self) -> dict[str, JSONValue]:
        """The settings that decide an answer."""
        mode = self._continuations.mode
        said: dict[str, JSONValue] = {} if mode == USUAL_MODE else {"continuations": mode}
        return {"api_mode": self.api_mode, **said, **super().arguments}

    @property
    def continuations_per_call(self) -> int | None:
        """Most continuations that a call can be about; None for any number."""
        return self._continuations.per_call

    @property
    def why_no_continuations(self) -> str | None:
        """Reason why this generator cannot be asked for the log-likelihoods of continuations; None when it can."""
        if self._api is not completions:
            return f"its api_mode is {self.api_mode}, and only completions has log-probabilities of a given text"
        if self._settings.stream:
            return "stream is set, and there is nothing to stream"
        if self._continuations.mode == "grammar" and (self.endpoint is None or self._access.client is not None):
            return "continuations: grammar is for a server of llama.cpp at a base_url, and not for a client of your own"
        return None

    async def score_continuations(self, case: Case, choices: Sequence[str], ctx: GenerateContext) -> GenerationResult:
        """Return the log-likelihood of each text of `choices` after the case's input.

        Raises:
            ProviderError: there is none; its class says why, and what follows from that.
        """
        return await Continuations(self, self._continuations.mode).scored(case, choices, ctx)

    def continuation_request(self, case: Case, choices: Sequence[str], ctx: GenerateContext) -> Request:
        """Return the request about `choices`; by grammar it lacks the tokens, which only the server knows."""
        return Continuations(self, self._continuations.mode).request(case, choices, ctx)

    def most_tokens(self, case: Case, ctx: GenerateContext, choices: Sequence[str] | None = None) -> MostTokens:
        """Return the most tokens that the request for a case can use, or the one about its continuations."""
        if choices is None:
            return super().most_tokens(case, ctx)
        return most_tokens({**self.continuation_request(case, choices, ctx).body, **self._settings.extra_body})

    @property
    def path(self) -> str:
        """Path of the API, below the address of the provider."""
        return str(self._api.PATH)

    def method_of(self, client: Any) -> Any:
        """Return the part of a client whose `create` asks the model."""
        if self._api is responses:
            return client.responses
        return client.chat.completions if self._api is chat else client.completions

    def batch_endpoint(self) -> BatchEndpoint:
        """Return the batches of the provider.

        Raises:
            NoBatchesError: there are none for this generator.
        """
        self.refuse_own_client()
        return OpenAIBatches(self)

    @property
    def completes_text(self) -> bool:
        """Whether the API is the one that completes a text."""
        return self._api is completions

    @property
    def takes_seed(self) -> bool:
        """Whether this API has a parameter for the seed."""
        return bool(self._api.TAKES_SEED)

    def body(self, conversation: Conversation, params: dict[str, Any]) -> dict[str, Any]:
        """Return the parameters of a request."""
        asked = self._api.body(conversation, params, is_openai=self._is_openai)
        body: dict[str, Any] = {"model": self.model_id, **asked}
        if self._settings.stream:
            body["stream"] = True
            if self._api is not responses:
                body.setdefault("stream_options", {"include_usage": True})
        return body

    def read(self, document: dict[str, Any]) -> Answer:
        """Return the answer in a reply; see `ProviderGenerator.read`."""
        answer: Answer = self._api.read(document)
        return answer

    def usage(self, document: dict[str, Any]) -> dict[str, int]:
        """Return the tokens that a reply counts; see `ProviderGenerator.usage`."""
        found: dict[str, int] = self._api.usage(document)
        return found

    def join_stream(self, chunks: list[dict[str, Any]]) -> dict[str, Any]:
        """Return the reply that the chunks of a stream make up; see `SDKGenerator.join_stream`."""
        reply: dict[str, Any] = self._api.join_stream(chunks)
        return reply


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
            completions elsewhere), `params`, `extra_headers`, `extra_body`, `drop_params`, `stream`, `timeout_s`;
            `continuations` (`echo` or `grammar`) and `continuations_per_call` for log-likelihoods.

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
