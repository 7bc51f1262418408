"""Short names of models: `openai/gpt-5.4-mini`, a component's id, or `package.module:name`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from themis.core.base import JSONValue
from themis.core.components.importing import is_known_id, known_ids
from themis.core.components.plugins import SHIPPED
from themis.core.components.suggestions import component_hint
from themis.core.errors import InvalidArgumentError
from themis.core.text.nearest import nearest_hint

VLLM_URL = "http://localhost:8000/v1"
"""Address at which vLLM's server listens unless it is told otherwise."""

OLLAMA_URL = "http://localhost:11434/v1"
"""The same of Ollama, which speaks OpenAI's language there."""


@dataclass(frozen=True, slots=True)
class Provider:
    """Provider of models, as the first part of a short name.

    Attributes:
        use: the generator that asks it.
        arguments: arguments of that generator, beside the model.
        key_variable: the variable of the environment with its key; None for a server that needs none.
    """

    use: str
    arguments: Mapping[str, JSONValue] = field(default_factory=dict)
    key_variable: str | None = None


PROVIDERS: dict[str, Provider] = {
    "openai": Provider("openai", key_variable="OPENAI_API_KEY"),
    "anthropic": Provider("anthropic", key_variable="ANTHROPIC_API_KEY"),
    "vllm": Provider("vllm", {"base_url": VLLM_URL}),
    "ollama": Provider("openai", {"base_url": OLLAMA_URL, "api_mode": "chat_completions"}),
    "litellm": Provider("litellm"),
}
"""Providers by the first part of a short name."""


@dataclass(frozen=True, slots=True)
class ModelOptions:
    """Options of a model that is named in short.

    Attributes:
        params: parameters of each request; for a component that is not a provider's, its arguments.
        base_url: address of the provider's server; None for the usual one.
        api_key: reference of the key, such as `env:MY_KEY`; None for the usual one.
    """

    params: Mapping[str, JSONValue] = field(default_factory=dict)
    base_url: str | None = None
    api_key: str | None = None


def generator_of(name: str, options: ModelOptions | None = None, *, argument: str = "--model") -> dict[str, Any]:
    """Return the generator that a short name stands for, as a configuration writes it: `{use, with}`.

    Args:
        name: `PROVIDER/MODEL` with one of `PROVIDERS`, the id of a component, or `package.module:name`.
        options: what is said about it beside its name.
        argument: the name of the argument that it comes from, for messages.

    Raises:
        InvalidArgumentError: it is not one of these; the message names the nearest provider.
    """
    options = options or ModelOptions()
    prefix, slash, model = name.partition("/")
    if slash and prefix in PROVIDERS:
        if not model.strip():
            raise InvalidArgumentError(argument=argument, detail=f"{name!r} names no model: write {prefix}/MODEL")
        return _asking(PROVIDERS[prefix], model, options)
    if (alone := name.removeprefix("generator/")) in PROVIDERS:
        raise InvalidArgumentError(argument=argument, detail=f"{name!r} names no model: write {alone}/MODEL")
    if ":" not in name and not is_known_id(name):
        raise InvalidArgumentError(argument=argument, detail=f"no model {name!r}{_hint(name, prefix, slash)}")
    for option, given in (("--base-url", options.base_url), ("--api-key", options.api_key)):
        if given is not None:
            detail = f"is for the model of a provider ({', '.join(PROVIDERS)}), and {name!r} is a component"
            raise InvalidArgumentError(argument=option, detail=detail)
    return {"use": name, "with": dict(options.params)}


def _asking(provider: Provider, model: str, options: ModelOptions) -> dict[str, Any]:
    arguments: dict[str, Any] = {"model_id": model, **provider.arguments}
    given = {"base_url": options.base_url, "api_key": options.api_key, "params": dict(options.params) or None}
    arguments |= {name: value for name, value in given.items() if value is not None}
    return {"use": provider.use, "with": arguments}


def _hint(name: str, prefix: str, slash: str) -> str:
    """Return the end of the message about a name that is unknown."""
    near = nearest_hint(prefix, PROVIDERS)
    if slash and near.startswith("; did you mean"):
        right = near.split('"')[1]
        return f'; did you mean "{right}/{name.partition("/")[2]}"?'
    near = component_hint(name, "generator", [known for known in known_ids() if known not in SHIPPED])
    if near.startswith("; did you mean"):
        return near
    known = ", ".join(f"{provider}/MODEL" for provider in PROVIDERS)
    return f"; write {known}, the id of a component, or package.module:name"
