"""Requests to models as attributes: the operation, the provider, the model and the parameters."""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from themis.core.components.asked_model import model_of, provider_of
from themis.core.observations import ModelCall
from themis.telemetry.conventions import (
    CHAT,
    INVOKE_WORKFLOW,
    JSON_OUTPUT,
    TEXT_COMPLETION,
    gen_ai,
    server_attributes,
)

Attributes = dict[str, Any]

_PORTS = {"http": 80, "https": 443}


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _texts(value: Any) -> list[str] | None:
    found = [value] if isinstance(value, str) else value
    return found if isinstance(found, list) and all(isinstance(text, str) for text in found) else None


def _several(value: Any) -> int | None:
    return None if value == 1 else _whole(value)


def _is_streamed(value: Any) -> bool | None:
    return True if value is True else None


def _kind(value: Any) -> str | None:
    kind = value.get("type") if isinstance(value, Mapping) else None
    return JSON_OUTPUT if kind in {"json_object", "json_schema"} else None


_PARAMETERS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "frequency_penalty": (gen_ai.GEN_AI_REQUEST_FREQUENCY_PENALTY, _number),
    "max_completion_tokens": (gen_ai.GEN_AI_REQUEST_MAX_TOKENS, _whole),
    "max_output_tokens": (gen_ai.GEN_AI_REQUEST_MAX_TOKENS, _whole),
    "max_tokens": (gen_ai.GEN_AI_REQUEST_MAX_TOKENS, _whole),
    "n": (gen_ai.GEN_AI_REQUEST_CHOICE_COUNT, _several),
    "presence_penalty": (gen_ai.GEN_AI_REQUEST_PRESENCE_PENALTY, _number),
    "response_format": (gen_ai.GEN_AI_OUTPUT_TYPE, _kind),
    "seed": (gen_ai.GEN_AI_REQUEST_SEED, _whole),
    "stop": (gen_ai.GEN_AI_REQUEST_STOP_SEQUENCES, _texts),
    "stop_sequences": (gen_ai.GEN_AI_REQUEST_STOP_SEQUENCES, _texts),
    "stream": (gen_ai.GEN_AI_REQUEST_STREAM, _is_streamed),
    "temperature": (gen_ai.GEN_AI_REQUEST_TEMPERATURE, _number),
    "top_k": (gen_ai.GEN_AI_REQUEST_TOP_K, _number),
    "top_p": (gen_ai.GEN_AI_REQUEST_TOP_P, _number),
}
"""Parameters that have a name in the conventions, each with that name and the form of its value there."""


def whom(call: ModelCall) -> Attributes:
    """Return operation, provider, model and address: the attributes that metrics have too.

    A model that names no provider is named by the component that asks it, as there must be one.
    """
    model = call.model
    key = provider_of(model) or str(getattr(model, "component_id", "themis"))
    found: Attributes = {
        gen_ai.GEN_AI_OPERATION_NAME: _operation(model, key),
        gen_ai.GEN_AI_PROVIDER_NAME: _provider(key),
    }
    if (name := model_of(model)) is not None:
        found[gen_ai.GEN_AI_REQUEST_MODEL] = name
    parts = urlsplit(key.partition(":")[2])
    if parts.scheme in _PORTS and parts.hostname:
        found[server_attributes.SERVER_ADDRESS] = parts.hostname
        found[server_attributes.SERVER_PORT] = parts.port or _PORTS[parts.scheme]
    return found


def span_name(call: ModelCall, attributes: Attributes) -> str:
    """Return the name of a call's span: its operation and what it asks."""
    asked = attributes.get(gen_ai.GEN_AI_REQUEST_MODEL) or getattr(call.model, "graph_id", None)
    operation = str(attributes[gen_ai.GEN_AI_OPERATION_NAME])
    return operation if asked is None else f"{operation} {asked}"


def parameters(call: ModelCall) -> Attributes:
    """Return the parameters that were set, as far as the conventions have names for them."""
    given = getattr(call.model, "request_params", None)
    params: dict[str, Any] = dict(given) if isinstance(given, Mapping) else {}
    if call.seed is not None and getattr(call.model, "sends_seed", False) is True:
        params.setdefault("seed", call.seed)
    found: Attributes = {}
    for name, value in params.items():
        if name in _PARAMETERS:
            attribute, form = _PARAMETERS[name]
            if (formed := form(value)) is not None:
                found[attribute] = formed
    if isinstance(graph := getattr(call.model, "graph_id", None), str):
        found[gen_ai.GEN_AI_WORKFLOW_NAME] = graph
    return found


def _operation(model: Any, key: str) -> str:
    if key.startswith("langgraph:"):
        return INVOKE_WORKFLOW
    return TEXT_COMPLETION if getattr(model, "completes_text", False) is True else CHAT


def _provider(key: str) -> str:
    """Return the provider of a `provider_key`: its first part; through LiteLLM that is not the provider yet."""
    first, _, rest = key.partition(":")
    return rest if first == "litellm" and rest else first
