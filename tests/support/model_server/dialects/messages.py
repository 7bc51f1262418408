"""Anthropic's messages."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from tests.support.model_server.dialects.shared import (
    Asked,
    anthropic_error,
    event,
    pieces,
    text_of,
    turns_of,
    usage_of,
)
from tests.support.model_server.replies import Answer, Failure, ToolCall, Usage

SIGNATURE = "c2lnbmVk"
STOP_REASONS = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
    "refusal": "refusal",
}


class Messages:
    """Messages of content blocks."""

    kind = "messages"
    family = "anthropic"
    most_output_field: tuple[str, ...] = ("max_tokens",)

    def turns(self, data: Mapping[str, Any]) -> list[tuple[str, str]]:
        instructions = [("system", text_of(data["system"]))] if data.get("system") else []
        return instructions + turns_of(data.get("messages"))

    def body(self, answer: Answer, asked: Asked) -> dict[str, Any]:
        return {
            **_head(answer, asked),
            "content": [block for block, _ in _blocks(answer)],
            **_stop(answer),
            "usage": _usage(usage_of(answer, self.turns(asked.data))),
            **answer.extra,
        }

    def events(self, answer: Answer, asked: Asked) -> Iterator[bytes]:
        usage = _usage(usage_of(answer, self.turns(asked.data)))
        opened = {"stop_reason": None, "stop_sequence": None, "stop_details": None}
        started = {**_head(answer, asked), "content": [], **opened, "usage": {**usage, "output_tokens": 1}}
        yield _event("message_start", message={**started, **answer.extra})
        for index, (block, deltas) in enumerate(_blocks(answer)):
            yield _event("content_block_start", index=index, content_block=_empty(block))
            for delta in deltas:
                yield _event("content_block_delta", index=index, delta=delta)
            yield _event("content_block_stop", index=index)
        yield _event("message_delta", delta=_stop(answer), usage=usage)
        yield _event("message_stop")

    def error_event(self, failure: Failure) -> bytes:
        return event(anthropic_error(failure), "error")


def _event(kind: str, **fields: Any) -> bytes:
    return event({"type": kind, **fields}, kind)


def _head(answer: Answer, asked: Asked) -> dict[str, Any]:
    model = answer.served_model or asked.model
    return {"id": f"msg_{asked.number}", "type": "message", "role": "assistant", "model": model}


def _stop(answer: Answer) -> dict[str, Any]:
    finish = "tool_calls" if answer.finish == "stop" and answer.tool_calls else answer.finish
    finish = "refusal" if answer.refusal is not None else finish
    reason = STOP_REASONS.get(finish, finish)
    details = {"type": "refusal", "category": None, "explanation": answer.refusal} if reason == "refusal" else None
    return {"stop_reason": reason, "stop_sequence": None, "stop_details": details}


def _blocks(answer: Answer) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Each content block, and the deltas in which a stream sends it."""
    if answer.reasoning is not None:
        block = {"type": "thinking", "thinking": answer.reasoning, "signature": SIGNATURE}
        deltas = [{"type": "thinking_delta", "thinking": piece} for piece in pieces(answer.reasoning)]
        yield block, [*deltas, {"type": "signature_delta", "signature": SIGNATURE}]
    if answer.text:
        deltas = [{"type": "text_delta", "text": piece} for piece in pieces(answer.text)]
        yield {"type": "text", "text": answer.text, "citations": None}, deltas
    for call in answer.tool_calls:
        deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in pieces(call.arguments)]
        yield _call(call), deltas


def _call(call: ToolCall) -> dict[str, Any]:
    return {"type": "tool_use", "id": call.call_id, "name": call.name, "input": json.loads(call.arguments)}


def _empty(block: dict[str, Any]) -> dict[str, Any]:
    """A content block as a stream begins it."""
    nothing = {"text": "", "thinking": "", "signature": "", "input": {}}
    return {name: nothing.get(name, value) for name, value in block.items()}


def _usage(usage: Usage) -> dict[str, Any]:
    """The tokens in Anthropic's fields, where those of the cache are not part of the input's."""
    return {
        "input_tokens": usage.prompt - usage.cached - usage.cache_write,
        "cache_read_input_tokens": usage.cached,
        "cache_creation_input_tokens": usage.cache_write,
        "output_tokens": usage.output,
        "output_tokens_details": {"thinking_tokens": usage.reasoning},
        "service_tier": "standard",
    }
