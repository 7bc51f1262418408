"""Conversations as values of JSON: lists of messages."""

from typing import Any, TypeGuard


def is_conversation(value: Any) -> TypeGuard[list[dict[str, Any]]]:
    """Whether a value is a list of messages, each with a role."""
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(turn, dict) and isinstance(turn.get("role"), str) and len(turn) > 1 for turn in value)
    )
