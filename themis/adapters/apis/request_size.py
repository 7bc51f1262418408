"""Size of a request in tokens, at most, from its body alone: what a budget reserves before it is sent."""

import json
from collections.abc import Mapping
from typing import Any

from themis.adapters.apis.content_parts import FileData
from themis.core.cost.tokens import MostTokens
from themis.core.errors import UnboundedCallError

_LIMITS = ("max_tokens", "max_completion_tokens", "max_output_tokens")
_ANSWERS = ("n", "best_of")
_TOOLS_TOKENS = 2_048
"""Tokens of the instructions that a provider adds of its own to a request with tools."""

_OWN_TOKENS = 64
"""Tokens of a conversation's own marks, beyond what its JSON has in their place."""

_OF_THE_CALLER = ("function", "custom", "bash", "text_editor", "computer", "memory", "local_shell", "apply_patch")
"""Beginnings of the types of tools that the provider does not run itself."""

_OF_THE_PROVIDER = ("web_search_options", "mcp_servers", "plugins")
"""Parameters by which a provider, or a gateway, adds to the input what it has found."""

_USUAL_TIERS = frozenset({"auto", "default", "standard_only"})
_REFERENCES = frozenset(
    {"file_id", "file_url", "previous_response_id", "conversation", "prompt_id", "vector_store_ids", "container"}
)


def most_tokens(body: Mapping[str, Any]) -> MostTokens:
    """Return the most tokens that a request can use.

    A token is at least one byte of text, so that the bytes of the body bound its input. What a body only refers to, an
    image by its address, a file or a stored conversation, has no size here.

    Raises:
        UnboundedCallError: the provider itself adds to the input, such as what it finds in the web.
    """
    _refuse_additions(body)
    text = json.dumps(body, ensure_ascii=False, default=str)
    size = len(text.encode("utf-8", "surrogatepass")) + _OWN_TOKENS + (_TOOLS_TOKENS if body.get("tools") else 0)
    tier = body.get("service_tier")
    is_named = isinstance(tier, str) and tier not in _USUAL_TIERS
    return MostTokens(None if _refers(body) else size, _output(body), str(tier) if is_named else "")


def _refuse_additions(body: Mapping[str, Any]) -> None:
    tools = body.get("tools")
    kinds = [str(tool.get("type") or "function") for tool in tools if isinstance(tool, dict)] if tools else []
    added = [kind for kind in kinds if not kind.startswith(_OF_THE_CALLER)]
    added += [name for name in _OF_THE_PROVIDER if body.get(name)]
    if added:
        why = f"the provider itself adds to the input of a call, and charges for that ({added[0]})"
        raise UnboundedCallError(why=why, mend="remove it, or the budget")


def _output(body: Mapping[str, Any]) -> int | None:
    limits = [found for name in _LIMITS if (found := _count(body.get(name))) is not None]
    if not limits:
        return None
    answers = max((found for name in _ANSWERS if (found := _count(body.get(name))) is not None), default=1)
    prompts = body.get("prompt")
    texts = len(prompts) if isinstance(prompts, list) and all(isinstance(text, str) for text in prompts) else 1
    return max(limits) * max(answers, 1) * max(texts, 1)


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _refers(value: Any) -> bool:
    """Whether a part of a body refers to something that is not in it."""
    if isinstance(value, FileData):
        return True
    if isinstance(value, Mapping):
        if any(value.get(name) for name in _REFERENCES):
            return True
        address = value.get("image_url") or (value.get("url") if value.get("type") == "url" else None)
        if isinstance(address, Mapping):
            address = address.get("url")
        if isinstance(address, str) and not address.startswith("data:"):
            return True
        return any(map(_refers, value.values()))
    return isinstance(value, list | tuple) and any(map(_refers, value))
