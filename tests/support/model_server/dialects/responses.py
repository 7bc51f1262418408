"""OpenAI's responses."""

from collections.abc import Iterator, Mapping
from typing import Any

from tests.support.model_server.dialects.shared import Asked, event, pieces, turns_of, usage_of
from tests.support.model_server.replies import Answer, Failure, Usage

INCOMPLETE = {"length": "max_output_tokens"}
COMPLETE = frozenset({"stop", "tool_calls", "refusal"})


class Responses:
    """Responses of output items."""

    kind = "responses"
    family = "openai"
    most_output_field: tuple[str, ...] = ("max_output_tokens",)

    def turns(self, data: Mapping[str, Any]) -> list[tuple[str, str]]:
        asked = data.get("input", "")
        instructions = [("system", str(data["instructions"]))] if data.get("instructions") else []
        return instructions + ([("user", asked)] if isinstance(asked, str) else turns_of(asked))

    def body(self, answer: Answer, asked: Asked) -> dict[str, Any]:
        is_complete = answer.finish in COMPLETE
        reason = None if is_complete else {"reason": INCOMPLETE.get(answer.finish, answer.finish)}
        return {
            **_head(answer, asked),
            "status": "completed" if is_complete else "incomplete",
            "incomplete_details": reason,
            "output": _items(answer, asked, "completed" if is_complete else "incomplete"),
            "usage": _usage(usage_of(answer, self.turns(asked.data))),
            **answer.extra,
        }

    def events(self, answer: Answer, asked: Asked) -> Iterator[bytes]:
        whole = self.body(answer, asked)
        started = {**whole, "status": "in_progress", "incomplete_details": None, "output": [], "usage": None}
        named: list[tuple[str, dict[str, Any]]] = [
            ("created", {"response": started}),
            ("in_progress", {"response": started}),
        ]
        for index, item in enumerate(whole["output"]):
            named += _item_events(item, index)
        named.append((whole["status"], {"response": whole}))
        for number, (name, fields) in enumerate(named):
            kind = f"response.{name}"
            yield event({"type": kind, "sequence_number": number, **fields}, kind)

    def error_event(self, failure: Failure) -> bytes:
        fields = {"code": failure.code or failure.type, "message": failure.message, "param": failure.param}
        return event({"type": "error", "sequence_number": 0, **fields}, "error")


def _head(answer: Answer, asked: Asked) -> dict[str, Any]:
    return {
        "id": f"resp_{asked.number}",
        "object": "response",
        "created_at": asked.at,
        "model": answer.served_model or asked.model,
        "error": None,
        "instructions": asked.data.get("instructions"),
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
    }


def _items(answer: Answer, asked: Asked, status: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    if answer.reasoning is not None:
        summary = [{"type": "summary_text", "text": answer.reasoning}]
        items.append({"id": f"rs_{asked.number}", "type": "reasoning", "summary": summary})
    parts: list[dict[str, Any]] = []
    if answer.text:
        parts.append({"type": "output_text", "text": answer.text, "annotations": [], "logprobs": []})
    if answer.refusal is not None:
        parts.append({"type": "refusal", "refusal": answer.refusal})
    if parts:
        message = {"id": f"msg_{asked.number}", "type": "message", "role": "assistant"}
        items.append({**message, "status": status, "content": parts})
    for call in answer.tool_calls:
        function = {"name": call.name, "arguments": call.arguments, "call_id": call.call_id}
        items.append({"id": f"fc_{call.call_id}", "type": "function_call", "status": status, **function})
    return items


def _usage(usage: Usage) -> dict[str, Any]:
    return {
        "input_tokens": usage.prompt,
        "input_tokens_details": {"cached_tokens": usage.cached, "cache_write_tokens": usage.cache_write},
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.prompt + usage.output,
    }


def _item_events(item: dict[str, Any], index: int) -> Iterator[tuple[str, dict[str, Any]]]:
    place = {"item_id": item["id"], "output_index": index}
    empty = {"content": [], "summary": [], "arguments": ""}
    started = {name: empty.get(name, value) for name, value in item.items()}
    yield "output_item.added", {"output_index": index, "item": started}
    for number, part in enumerate(item.get("content", ())):
        yield from _part_events(part, {**place, "content_index": number})
    for number, part in enumerate(item.get("summary", ())):
        where = {**place, "summary_index": number}
        yield "reasoning_summary_part.added", {**where, "part": {**part, "text": ""}}
        for piece in pieces(part["text"]):
            yield "reasoning_summary_text.delta", {**where, "delta": piece}
        yield "reasoning_summary_text.done", {**where, "text": part["text"]}
        yield "reasoning_summary_part.done", {**where, "part": part}
    if item["type"] == "function_call":
        for piece in pieces(item["arguments"]):
            yield "function_call_arguments.delta", {**place, "delta": piece}
        yield "function_call_arguments.done", {**place, "name": item["name"], "arguments": item["arguments"]}
    yield "output_item.done", {"output_index": index, "item": item}


def _part_events(part: dict[str, Any], place: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    is_text = part["type"] == "output_text"
    field = "text" if is_text else "refusal"
    more: dict[str, Any] = {"logprobs": []} if is_text else {}
    yield "content_part.added", {**place, "part": {**part, field: ""}}
    for piece in pieces(part[field]):
        yield f"{part['type']}.delta", {**place, "delta": piece, **more}
    yield f"{part['type']}.done", {**place, field: part[field], **more}
    yield "content_part.done", {**place, "part": part}
