"""Generators that ask models: each needs its provider's own client library, and imports it when it is used."""

from typing import TYPE_CHECKING

from themis.core.python.lazy_names import lazy_names

if TYPE_CHECKING:  # for type checkers, which know nothing of the names that are imported on first use
    from themis.adapters.anthropic import AnthropicGenerator, anthropic
    from themis.adapters.callable import CallableGenerator
    from themis.adapters.langgraph import LangGraphGenerator, langgraph
    from themis.adapters.litellm import LiteLLMGenerator, litellm
    from themis.adapters.openai import OpenAIGenerator, openai
    from themis.adapters.vllm import VLLMGenerator, vllm

__all__ = [
    "AnthropicGenerator",
    "CallableGenerator",
    "LangGraphGenerator",
    "LiteLLMGenerator",
    "OpenAIGenerator",
    "VLLMGenerator",
    "anthropic",
    "langgraph",
    "litellm",
    "openai",
    "vllm",
]

_CLASSES = {
    "AnthropicGenerator": ".anthropic",
    "CallableGenerator": ".callable",
    "LangGraphGenerator": ".langgraph",
    "LiteLLMGenerator": ".litellm",
    "OpenAIGenerator": ".openai",
    "VLLMGenerator": ".vllm",
}

__getattr__ = lazy_names(__name__, _CLASSES | {name: f".{name}" for name in __all__ if name not in _CLASSES})


def __dir__() -> list[str]:
    """The public names."""
    return sorted({*globals(), *__all__})
