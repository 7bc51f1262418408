"""Generator for a server of vLLM, which speaks OpenAI's language; the package vLLM itself is not needed."""

from typing import Any, Literal

from themis.adapters.conversation import InputBuilder
from themis.adapters.openai import ApiMode, OpenAIGenerator
from themis.adapters.settings import NO_KEY
from themis.core.engine.batch_endpoint import BatchEndpoint
from themis.core.errors import NoBatchesError


class VLLMGenerator(OpenAIGenerator):
    """Asks a model of a vLLM server; see `vllm` for the arguments."""

    component_id = "generator/vllm"
    provider = "vllm"

    def __init__(
        self,
        model_id: str,
        *,
        base_url: str,
        client: Any = None,
        api_key: str | None = NO_KEY,
        api_mode: ApiMode | None = "responses",
        **settings: Any,
    ) -> None:
        """Ask the model `model_id` of the server at `base_url`, through `client` if there is one."""
        super().__init__(
            model_id, client=client, base_url=base_url, api_key=api_key, api_mode=api_mode or "responses", **settings
        )

    def batch_endpoint(self) -> BatchEndpoint:
        """Refuse batches, which a vLLM server does not have.

        Raises:
            NoBatchesError: always.
        """
        raise NoBatchesError(generator=self.component_id, detail="has no batch endpoint")


def vllm(  # the arguments that a user may give
    model_id: str,
    *,
    base_url: str,
    client: Any = None,
    api_key: str = NO_KEY,
    api_mode: Literal["responses", "chat_completions", "completions"] = "responses",
    input_builder: InputBuilder | None = None,
    **more: Any,
) -> VLLMGenerator:
    """Return a generator that asks a model of a vLLM server.

    Args:
        model_id: the model, as the server names it.
        base_url: address of the server, such as `http://localhost:8000/v1`.
        client: a client like `openai.AsyncOpenAI`; None for one of our own.
        api_key: the key, if the server wants one.
        api_mode: the API that is used.
        input_builder: makes the input of a request from a case: a text or a list of messages.
        more: `instructions`, `params`, `extra_headers`, `extra_body`, `drop_params`, `stream`, `timeout_s`,
            `continuations_per_call`.

    Raises:
        ComponentError: an argument has an unknown name, or a value that cannot be.
        MissingExtraError: there is no client, and the package `openai` is not installed.
    """
    return VLLMGenerator(
        model_id,
        base_url=base_url,
        client=client,
        api_key=api_key,
        api_mode=api_mode,
        **{"input_builder": input_builder, **more},
    )
