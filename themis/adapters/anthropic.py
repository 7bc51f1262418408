"""Generator for Anthropic, through its own client library."""

from collections.abc import Mapping
from typing import Any, ClassVar

from themis.adapters.answer import Answer
from themis.adapters.apis import messages
from themis.adapters.batches.anthropic_batches import AnthropicBatches
from themis.adapters.conversation import Conversation, InputBuilder
from themis.adapters.sdk_generator import Access, SDKGenerator
from themis.core.engine.batch_endpoint import BatchEndpoint

MAX_TOKENS = 4096
"""Default of `params.max_tokens`: the API wants a limit in each request."""


class AnthropicGenerator(SDKGenerator):
    """Asks a model of Anthropic, or of a server that speaks its language; see `anthropic` for the arguments."""

    component_id = "generator/anthropic"
    provider: ClassVar[str] = "anthropic"
    library: ClassVar[str] = "anthropic"
    home_url: ClassVar[str] = "https://api.anthropic.com"
    key_variable: ClassVar[str] = "ANTHROPIC_API_KEY"
    renamed: ClassVar[tuple[tuple[str, str], ...]] = (
        ("stop_sequences", "stop"),
        ("output_config", "reasoning_effort"),
        ("output_config", "response_format"),
    )

    def __init__(
        self,
        model_id: str,
        *,
        client: Any = None,
        base_url: str | None = None,
        api_key: str | None = None,
        **settings: Any,
    ) -> None:
        """Ask the model `model_id` at `base_url`, through `client` if there is one."""
        params = settings.get("params")
        if params is None or isinstance(params, Mapping):
            settings = {**settings, "params": {"max_tokens": MAX_TOKENS, **(params or {})}}
        super().__init__(model_id, Access(client, base_url, api_key), settings)

    @property
    def path(self) -> str:
        """Path of the API, below the address of the provider."""
        return messages.PATH

    def batch_endpoint(self) -> BatchEndpoint:
        """Return the batches of the provider.

        Raises:
            NoBatchesError: there are none for this generator.
        """
        self.refuse_own_client()
        return AnthropicBatches(self)

    def method_of(self, client: Any) -> Any:
        """Return the part of a client whose `create` asks the model."""
        return client.messages

    def body(self, conversation: Conversation, params: dict[str, Any]) -> dict[str, Any]:
        """Return the parameters of a request."""
        body = {"model": self.model_id, **messages.body(conversation, params)}
        return {**body, "stream": True} if self._settings.stream else body

    def read(self, document: dict[str, Any]) -> Answer:
        """Return the answer in a reply; see `ProviderGenerator.read`."""
        return messages.read(document)

    def usage(self, document: dict[str, Any]) -> dict[str, int]:
        """Return the tokens that a reply counts; see `ProviderGenerator.usage`."""
        return messages.usage(document)

    def join_stream(self, chunks: list[dict[str, Any]]) -> dict[str, Any]:
        """Return the reply that the events of a stream make up; see `SDKGenerator.join_stream`."""
        return messages.join_stream(chunks)


def anthropic(  # the arguments that a user may give
    model_id: str,
    *,
    client: Any = None,
    instructions: str | None = None,
    input_builder: InputBuilder | None = None,
    base_url: str | None = None,
    api_key: str | None = None,
    **more: Any,
) -> AnthropicGenerator:
    """Return a generator that asks a model of Anthropic, or of a server that speaks its language.

    Args:
        model_id: the model, by Anthropic's name.
        client: a client like `anthropic.AsyncAnthropic`, whose `messages.create(**kwargs)` is called; None for one of
            our own.
        instructions: what the model is told before each conversation.
        input_builder: makes the input of a request from a case: a text or a list of messages.
        base_url: address of the server; None for Anthropic itself.
        api_key: the key; None for the one in `ANTHROPIC_API_KEY` at Anthropic itself, and for none elsewhere.
        more: `params` (`max_tokens` is 4096 unless it is given: the API has no default), `extra_headers`,
            `extra_body`, `drop_params`, `stream`, `timeout_s`.

    Raises:
        ComponentError: an argument has an unknown name, or a value that cannot be.
        MissingExtraError: there is no client, and the package `anthropic` is not installed.
    """
    return AnthropicGenerator(
        model_id,
        client=client,
        base_url=base_url,
        api_key=api_key,
        **{"instructions": instructions, "input_builder": input_builder, **more},
    )
