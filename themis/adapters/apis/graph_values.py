"""Values of a graph of LangGraph, with its messages, as JSON."""

from collections.abc import Mapping
from typing import Any

from pydantic_core import to_jsonable_python

from themis.adapters.answer import content_of
from themis.core.base import JSONValue
from themis.core.models import Message
from themis.core.values.conversations import is_conversation

MESSAGES = "messages"
"""Key of the messages in the state of a graph."""

_ROLES = {"human": "user", "ai": "assistant", "AIMessageChunk": "assistant"}


def json_of(value: Any) -> Any:
    """Return a value of a graph as JSON: a message by its role and content, anything unknown as a text."""
    if isinstance(value, Mapping):
        return {str(name): json_of(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [json_of(item) for item in value]
    if isinstance(getattr(value, "type", None), str) and hasattr(value, "content"):
        return _message(value)
    return to_jsonable_python(value, fallback=str, inf_nan_mode="strings")


def _message(message: Any) -> dict[str, Any]:
    role = message.role if isinstance(getattr(message, "role", None), str) else _ROLES.get(message.type, message.type)
    found: dict[str, Any] = {"role": role, "content": json_of(message.content)}
    for name in ("name", "tool_call_id"):
        if getattr(message, name, None):
            found[name] = json_of(getattr(message, name))
    calls = getattr(message, "tool_calls", None)
    if calls:
        found["tool_calls"] = [
            {"id": call.get("id"), "name": call.get("name"), "arguments": json_of(call.get("args"))} for call in calls
        ]
    return found


def conversation_in(output: JSONValue) -> list[Message] | None:
    """Return the messages in an output; None when it holds none."""
    messages = output.get(MESSAGES) if isinstance(output, dict) else None
    if not isinstance(messages, list) or not is_conversation(messages):
        return None
    turns: list[dict[str, Any]] = messages
    return [Message(role=turn["role"], content=content_of(turn)) for turn in turns]


def as_object(value: Any) -> dict[str, Any]:
    """Return a value of a graph as an object: one that is none stands under `value`."""
    found = json_of(value)
    return found if isinstance(found, dict) else {} if found is None else {"value": found}
