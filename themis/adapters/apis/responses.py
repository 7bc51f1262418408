"""Responses, OpenAI's newer API."""

from typing import Any

from themis.adapters.answer import Answer, UnreadableReplyError, text_at, usage_of
from themis.adapters.apis.content_parts import FileData, Part, UnsendablePartError, file_name, in_dialect
from themis.adapters.conversation import Conversation, Turn

PATH = "/responses"
TAKES_SEED = False

_INCOMPLETE = {"max_output_tokens": "length"}
_ENDINGS = frozenset({"response.completed", "response.incomplete", "response.failed"})

_COUNTS: dict[str, tuple[str, ...]] = {
    "prompt_tokens": ("input_tokens",),
    "completion_tokens": ("output_tokens",),
    "cached_tokens": ("input_tokens_details", "cached_tokens"),
    "cache_write_tokens": ("input_tokens_details", "cache_write_tokens"),
    "reasoning_tokens": ("output_tokens_details", "reasoning_tokens"),
}


def body(conversation: Conversation, params: dict[str, Any], *, is_openai: bool) -> dict[str, Any]:
    """Return the parameters of a request, without the model; those of chat completions are given their names here."""
    del is_openai
    named = dict(params)
    if "max_tokens" in named:
        named["max_output_tokens"] = named.pop("max_tokens")
    if "reasoning_effort" in named:
        named["reasoning"] = {**(named.get("reasoning") or {}), "effort": named.pop("reasoning_effort")}
    if "verbosity" in named:
        named["text"] = {**(named.get("text") or {}), "verbosity": named.pop("verbosity")}
    if "response_format" in named:
        named["text"] = {**(named.get("text") or {}), "format": _format(named.pop("response_format"))}
    if isinstance(named.get("tools"), list):
        named["tools"] = [_flat(tool) for tool in named["tools"]]
    if isinstance(named.get("tool_choice"), dict):
        named["tool_choice"] = _flat(named["tool_choice"])
    asked: dict[str, Any] = {"input": _input(_with_files(conversation.turns))}
    if conversation.instructions is not None:
        asked["instructions"] = conversation.instructions
    return {**asked, **named}


def _with_files(turns: list[Turn]) -> list[Turn]:
    """Return turns with files as this API has them; a text beside one is called by who has said it."""
    return [
        {**turn, "content": [_text(part, turn["role"]) for part in turn["content"]]}
        if now is not turn and isinstance(turn.get("content"), list)
        else turn
        for turn, now in zip(in_dialect(turns, _file), turns, strict=True)
    ]


def _text(part: Any, role: str) -> Any:
    if isinstance(part, dict) and part.get("type") == "text":
        return {**part, "type": "output_text" if role == "assistant" else "input_text"}
    return part


def _file(part: Part) -> Part:
    data = FileData(part, as_address=True)
    if part["type"] == "image":
        return {"type": "input_image", "image_url": data}
    if part["type"] == "audio":
        msg = "this API takes no sounds; ask by `api_mode: chat_completions`"
        raise UnsendablePartError(msg)
    return {"type": "input_file", "filename": file_name(part), "file_data": data}


def read(reply: dict[str, Any]) -> Answer:
    """Return the answer in a reply.

    Raises:
        UnreadableReplyError: there is none in it.
    """
    output = reply.get("output")
    text, refusal, reasoning, calls, parts = _collected(output if isinstance(output, list) else [])
    whole = "".join(text) if text else text_at(reply, "output_text") or ""
    if not isinstance(output, list) and "output_text" not in reply:
        msg = "it has no output"
        raise UnreadableReplyError(msg)
    return Answer(
        text=whole or "".join(refusal),
        finish_reason=_finish_reason(reply, is_refusal=bool(refusal), calls_tools=bool(calls)),
        content=parts if len(parts) > 1 else None,
        reasoning="\n\n".join(reasoning) or None,
        tool_calls=calls,
        usage=usage(reply),
        served_model=text_at(reply, "model"),
    )


def usage(reply: dict[str, Any]) -> dict[str, int]:
    """Return the tokens of a reply by kind."""
    return usage_of(reply.get("usage"), _COUNTS)


def join_stream(chunks: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the reply that ends a stream.

    Raises:
        UnreadableReplyError: the stream ended before the answer did.
    """
    for chunk in reversed(chunks):
        if chunk.get("type") in _ENDINGS and isinstance(chunk.get("response"), dict):
            reply: dict[str, Any] = chunk["response"]
            return reply
        if chunk.get("type") == "error":
            return {"error": chunk.get("error") or chunk}
    msg = "its stream ended before the answer did"
    raise UnreadableReplyError(msg)


def _collected(output: list[Any]) -> tuple[list[str], list[str], list[str], list[dict[str, Any]], list[Any]]:
    """Return the texts, refusals, thoughts, tool calls and content parts among the items of an output."""
    text: list[str] = []
    refusal: list[str] = []
    reasoning: list[str] = []
    calls: list[dict[str, Any]] = []
    parts: list[Any] = []
    for item in (item for item in output if isinstance(item, dict)):
        if item.get("type") == "function_call":
            calls.append({"id": item.get("call_id"), "name": item.get("name"), "arguments": item.get("arguments")})
        elif item.get("type") == "reasoning":
            thoughts = [*(item.get("summary") or []), *(item.get("content") or [])]
            reasoning += [str(part["text"]) for part in thoughts if isinstance(part, dict) and part.get("text")]
        elif isinstance(item.get("content"), list):
            parts += item["content"]
    for part in (part for part in parts if isinstance(part, dict)):
        if isinstance(part.get("text"), str):
            text.append(part["text"])
        if isinstance(part.get("refusal"), str):
            refusal.append(part["refusal"])
    return text, refusal, reasoning, calls, parts


def _finish_reason(reply: dict[str, Any], *, is_refusal: bool, calls_tools: bool) -> str | None:
    details = reply.get("incomplete_details")
    why = details.get("reason") if isinstance(details, dict) else None
    if is_refusal:
        return "refusal"
    if isinstance(why, str):
        return _INCOMPLETE.get(why, why)
    status = reply.get("status")
    if status not in {None, "completed"}:
        return status if isinstance(status, str) else None
    return "tool_calls" if calls_tools else "stop"


def _input(turns: list[Turn]) -> Any:
    """Return the input: a single text of the user needs no list around it."""
    first = turns[0]
    is_text = len(turns) == 1 and first == {"role": "user", "content": first.get("content")}
    return first["content"] if is_text and isinstance(first["content"], str) else turns


def _format(value: Any) -> Any:
    """Return a response format as this API has it: a JSON schema is not nested."""
    if isinstance(value, dict) and isinstance(value.get("json_schema"), dict):
        return {"type": value.get("type", "json_schema"), **value["json_schema"]}
    return value


def _flat(tool: Any) -> Any:
    """Return a tool, or the choice of one, as this API has it: a function is not nested."""
    if isinstance(tool, dict) and isinstance(tool.get("function"), dict):
        return {"type": "function", **tool["function"]}
    return tool
