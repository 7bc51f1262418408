"""Generator for the providers that have none of their own here, through LiteLLM, which makes them look like OpenAI."""

import asyncio
import importlib
import importlib.util
import os
import threading
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from time import perf_counter
from typing import Any

from themis.adapters.answer import Answer, count_of
from themis.adapters.apis import chat
from themis.adapters.apis.content_parts import with_files
from themis.adapters.conversation import Conversation, InputBuilder
from themis.adapters.failures import bad_response
from themis.adapters.library_errors import failure_of_litellm
from themis.adapters.provider_generator import ProviderGenerator, Request
from themis.adapters.replies import Reply, headers_of, plain
from themis.adapters.settings import check_key, mask_secrets, refuse, settings_of
from themis.adapters.streams import chunks_of
from themis.core.base import JSONValue
from themis.core.configuration.secrets import is_secret_variable
from themis.core.contexts import GenerateContext
from themis.core.errors import MissingExtraError
from themis.core.text import masking

LIBRARY = "litellm"

_EMPTY_STREAM = "its stream holds no answer"
_USUAL_PROVIDER = "openai"
_PREFIX = "llm_provider-"
_IMPORT_SETTINGS = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR"}
"""Environment of the import: without it, LiteLLM asks the internet for a list of prices first."""

_QUIET = {"telemetry": False, "suppress_debug_info": True, "turn_off_message_logging": True}
_OURS: dict[str, Any] = {"num_retries": 0, "max_retries": 0, "drop_params": False}
"""Arguments of each call: the engine alone retries, and no parameter is left out silently."""


class _OpenSessions:
    """Count of the blocks that use LiteLLM's connections, which it keeps for the whole process."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.count = 0


_open_sessions = _OpenSessions()


class LiteLLMGenerator(ProviderGenerator):
    """Asks a model through LiteLLM; see `litellm` for the arguments."""

    component_id = "generator/litellm"

    def __init__(
        self, model_id: str, *, base_url: str | None = None, api_key: str | None = None, **settings: Any
    ) -> None:
        """Ask the model `model_id`, whose name begins with that of its provider."""
        checked = settings_of(self.component_id, model_id, settings)
        prefix, slash, _ = model_id.partition("/")
        super().__init__(checked, provider_key=f"{LIBRARY}:{prefix if slash else _USUAL_PROVIDER}", endpoint=base_url)
        taken = sorted(_OURS.keys() & checked.params.keys())
        if taken:
            refuse(self.component_id, f"params must not hold {taken[0]}: the retries and limits of `runtime` are used")
        if importlib.util.find_spec(LIBRARY) is None:
            raise MissingExtraError(
                reference=self.component_id, package=LIBRARY, distribution="themis-eval", extra=LIBRARY
            )
        self._base_url = base_url
        self._api_key = api_key
        mask_secrets(api_key, checked.extra_headers)
        self._library: Any = None

    @property
    def arguments(self) -> dict[str, JSONValue]:
        """The settings that decide an answer; an address that came from a reference is not among them."""
        said = self._settings.identity()
        return said if self._base_url is None else {"base_url": masking.mask(self._base_url), **said}

    def _api_key_now(self) -> str | None:
        if self._api_key is not None:
            return self._api_key
        prefix = self.provider_key.partition(":")[2]
        return os.environ.get(f"{prefix.upper()}_API_KEY")  # by the usual name; LiteLLM may know others

    @property
    def takes_seed(self) -> bool:
        """Whether the provider has a parameter for the seed: LiteLLM itself refuses it for one that has none."""
        return True

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Any]:
        """Open a block in which LiteLLM is loaded; the end of the last one in this process closes its connections."""
        library = await self._loaded()
        with _open_sessions.lock:
            _open_sessions.count += 1
        try:
            yield library
        finally:
            with _open_sessions.lock:
                _open_sessions.count -= 1
                is_last = not _open_sessions.count
            if is_last:
                await _close_connections(library)

    def body(self, conversation: Conversation, params: dict[str, Any]) -> dict[str, Any]:
        """Return the arguments of a call."""
        body = {"model": self.model_id, **chat.body(conversation, params, is_openai=False)}
        if self._settings.stream:
            body |= {"stream": True, "stream_options": body.get("stream_options") or {"include_usage": True}}
        return body

    def read(self, document: dict[str, Any]) -> Answer:
        """Return the answer in a reply; see `ProviderGenerator.read`."""
        answer = chat.read(document)
        written = count_of(document.get("usage"), "prompt_tokens_details", "cache_creation_tokens")
        usage = {**answer.usage, "cache_write_tokens": written} if written else answer.usage
        return replace(answer, usage=usage, finish_reason=self._as_it_came(document) or answer.finish_reason)

    async def send(self, request: Request, ctx: GenerateContext) -> Reply:
        """Return the reply to a request; see `ProviderGenerator.send`."""
        library = self._library or await self._loaded()
        began_s = perf_counter()
        try:
            found = await library.acompletion(**with_files(request.body), **self._options())
            if not self._settings.stream:
                return Reply(plain(found), _headers(found))
            chunks, first_token_ms = await chunks_of(found, began_s, ctx.idle_timeout_s, self.provider_key)
        except Exception as error:
            failure = failure_of_litellm(error, self.asked(request))
            if failure is None:
                raise
            raise failure from error
        headers = _headers(found)
        reply = self.joined(chat.join_stream, chunks, headers, request)
        # LiteLLM adds an end to any stream, also to a web page that a gateway sent instead of one.
        if first_token_ms is None and not reply.get("usage"):
            raise bad_response(_EMPTY_STREAM, None, headers, self.asked(request))
        return Reply(reply, headers, first_token_ms)

    def _as_it_came(self, document: dict[str, Any]) -> str | None:
        """Return a finish reason that LiteLLM does not know, and calls `stop`; None for any other."""
        fields = chat.first_choice(document).get("provider_specific_fields")
        came = fields.get("native_finish_reason") if isinstance(fields, dict) else None
        if not isinstance(came, str) or self._library is None:
            return None
        known = getattr(self._library.litellm_core_utils.core_helpers, "_FINISH_REASON_MAP", {came: came})
        return None if came in known else came

    def _options(self) -> dict[str, Any]:
        """Return the arguments of a call that are not parameters of the model."""
        settings = self._settings
        given = {
            "base_url": self._base_url,
            "api_key": self._api_key,
            "extra_headers": dict(settings.extra_headers) or None,
            "extra_body": dict(settings.extra_body) or None,
            "timeout": settings.timeout_s,
        }
        return {**{name: value for name, value in given.items() if value is not None}, **_OURS}

    async def _loaded(self) -> Any:
        """Return the library, imported in a thread, as that takes seconds."""
        if self._library is None:
            check_key(self.component_id, self._api_key)
            if self._api_key is None:  # which of them LiteLLM uses is its own affair
                _mask_environment()
            self._library = await asyncio.to_thread(_imported)
        return self._library


def litellm(
    model_id: str,
    *,
    instructions: str | None = None,
    input_builder: InputBuilder | None = None,
    base_url: str | None = None,
    api_key: str | None = None,
    **more: Any,
) -> LiteLLMGenerator:
    """Return a generator that asks a model through LiteLLM.

    Args:
        model_id: the model, after the name of its provider: `groq/llama-3.3-70b-versatile`.
        instructions: what the model is told before each conversation.
        input_builder: makes the input of a request from a case: a text or a list of messages.
        base_url: address of the server; None for the provider's own.
        api_key: the key; None for the one that LiteLLM finds in the environment, which a worker must be told to pass
            on: `env:GROQ_API_KEY` names it.
        more: `params`, `extra_headers`, `extra_body`, `drop_params`, `stream`, `timeout_s`.

    Raises:
        ComponentError: an argument has an unknown name, or a value that cannot be.
        MissingExtraError: the package `litellm` is not installed.
    """
    return LiteLLMGenerator(
        model_id,
        base_url=base_url,
        api_key=api_key,
        **{"instructions": instructions, "input_builder": input_builder, **more},
    )


def _imported() -> Any:
    for name, value in _IMPORT_SETTINGS.items():
        os.environ.setdefault(name, value)
    library = importlib.import_module(LIBRARY)
    for name, is_on in _QUIET.items():
        setattr(library, name, is_on)
    return library


async def _close_connections(library: Any) -> None:
    """Close the connections that LiteLLM keeps, and have it forget them: else each run would leave its own open."""
    close, kept = getattr(library, "close_litellm_async_clients", None), library.in_memory_llm_clients_cache
    if close is not None:
        await close()
        kept.flush_cache()


def _mask_environment() -> None:
    for name, value in os.environ.items():
        if is_secret_variable(name, value):
            masking.register(name, value, is_key=True)


def _headers(found: Any) -> dict[str, str]:
    """Return the headers of the provider's reply."""
    headers = headers_of(getattr(found, "_response_headers", None))
    if headers:
        return headers
    hidden = getattr(found, "_hidden_params", None)
    added = headers_of(hidden.get("additional_headers") if isinstance(hidden, Mapping) else None)
    return {name.removeprefix(_PREFIX): text for name, text in added.items()}
