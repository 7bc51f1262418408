"""Messages, Anthropic's API: content in blocks, thinking among them."""

import json
from typing import Any

from themis.adapters.answer import Answer, UnreadableReplyError, count_of, text_at, usage_of
from themis.adapters.apis.content_parts import FileData, Part, UnsendablePartError, file_name, in_dialect
from themis.adapters.conversation import Conversation, Turn, text_of

PATH = "/v1/messages"

_STOP_REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
}
_SYSTEM = frozenset({"system", "developer"})
_CHOICES = {"auto": "auto", "none": "none", "required": "any"}
_DELTAS = {"text_delta": "text", "thinking_delta": "thinking", "signature_delta": "signature"}
_INPUT = "partial_json"
_MOST_BLOCKS = 10_000

_COUNTS: dict[str, tuple[str, ...]] = {
    "prompt_tokens": ("input_tokens",),
    "completion_tokens": ("output_tokens",),
    "cached_tokens": ("cache_read_input_tokens",),
    "cache_write_tokens": ("cache_creation_input_tokens",),
    "reasoning_tokens": ("output_tokens_details", "thinking_tokens"),
}


def body(conversation: Conversation, params: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters of a request, without the model; those of chat completions are given their names here."""
    named = dict(params)
    if "stop" in named:
        stop = named.pop("stop")
        named["stop_sequences"] = [stop] if isinstance(stop, str) else stop
    config = dict(named.get("output_config") or {})
    if "reasoning_effort" in named:
        config["effort"] = named.pop("reasoning_effort")
    if "response_format" in named:
        config["format"] = _format(named.pop("response_format"))
    if config:
        named["output_config"] = config
    if isinstance(named.get("tools"), list):
        named["tools"] = [_tool(tool) for tool in named["tools"]]
    if "tool_choice" in named:
        named["tool_choice"] = _tool_choice(named["tool_choice"])
    system, turns = _parted(conversation)
    asked: dict[str, Any] = {"messages": turns} if system is None else {"system": system, "messages": turns}
    return {**asked, **named}


def _file(part: Part) -> Part:
    kind = part["media_type"]
    if part["type"] == "image":
        return {"type": "image", "source": {"type": "base64", "media_type": kind, "data": FileData(part)}}
    if kind == "application/pdf":
        return {"type": "document", "source": {"type": "base64", "media_type": kind, "data": FileData(part)}}
    if kind == "text/plain":
        data = FileData(part, is_text=True)
        return {
            "type": "document",
            "title": file_name(part),
            "source": {"type": "text", "media_type": kind, "data": data},
        }
    msg = f"this API takes images, PDF and texts, not {kind}"
    raise UnsendablePartError(msg)


def read(reply: dict[str, Any]) -> Answer:
    """Return the answer in a reply.

    Raises:
        UnreadableReplyError: there is none in it.
    """
    blocks = reply.get("content")
    if not isinstance(blocks, list):
        msg = "it has no content"
        raise UnreadableReplyError(msg)
    known = [block for block in blocks if isinstance(block, dict)]
    text = "".join(block["text"] for block in known if block.get("type") == "text")
    thoughts = [block["thinking"] for block in known if block.get("type") == "thinking" and block.get("thinking")]
    stop_reason, details = text_at(reply, "stop_reason"), reply.get("stop_details")
    explanation = text_at(details, "explanation") if isinstance(details, dict) else None
    is_refusal = stop_reason == "refusal"
    return Answer(
        text=text or (explanation if is_refusal and explanation else ""),
        finish_reason=_STOP_REASONS.get(stop_reason, stop_reason) if stop_reason is not None else None,
        content=blocks if any(block.get("type") != "text" for block in known) else None,
        reasoning="\n\n".join(thoughts) if thoughts else None,
        tool_calls=[_call(block) for block in known if block.get("type") == "tool_use"],
        usage=usage(reply),
        served_model=text_at(reply, "model"),
        facts=_facts(reply),
    )


def usage(reply: dict[str, Any]) -> dict[str, int]:
    """Return the tokens of a reply by kind; Anthropic counts those of its cache apart from the other input."""
    found = usage_of(reply.get("usage"), _COUNTS)
    written_1h = count_of(reply.get("usage"), "cache_creation", "ephemeral_1h_input_tokens")
    if written_1h:
        found["cache_write_1h_tokens"] = written_1h
    if "prompt_tokens" in found:
        found["prompt_tokens"] += found.get("cached_tokens", 0) + found.get("cache_write_tokens", 0)
    return found


def join_stream(chunks: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the reply that the events of a stream make up.

    Raises:
        UnreadableReplyError: the stream ended before the answer did.
    """
    reply: dict[str, Any] = {}
    blocks: dict[int, dict[str, Any]] = {}
    for event in chunks:
        kind = event.get("type")
        if kind == "error":
            return {"error": event.get("error") or event}
        if kind == "message_start":
            reply = dict(event["message"])
        elif kind == "content_block_start" and len(blocks) < _MOST_BLOCKS:
            blocks[event["index"]] = dict(event["content_block"])
        elif kind == "content_block_delta":
            _add_delta(blocks[event["index"]], event["delta"])
        elif kind == "message_delta":
            reply |= event["delta"]
            counts = {name: count for name, count in (event.get("usage") or {}).items() if count is not None}
            reply["usage"] = {**(reply.get("usage") or {}), **counts}
    if not reply.get("stop_reason"):
        msg = "its stream ended before the answer did"
        raise UnreadableReplyError(msg)
    reply["content"] = [_whole(block) for _, block in sorted(blocks.items())]
    return reply


def _add_delta(block: dict[str, Any], delta: dict[str, Any]) -> None:
    kind = delta.get("type")
    if kind in _DELTAS:
        name = _DELTAS[kind]
        block[name] = (block.get(name) or "") + delta[name]
    elif kind == "input_json_delta":
        block[_INPUT] = block.get(_INPUT, "") + delta[_INPUT]
    elif kind == "citations_delta":
        block["citations"] = [*(block.get("citations") or []), delta["citation"]]


def _whole(block: dict[str, Any]) -> dict[str, Any]:
    """Return a block as an answer that is not streamed has it: the input of a tool is an object, not its text."""
    text = block.pop(_INPUT, None)
    if text:
        try:
            block["input"] = json.loads(text)
        except ValueError:  # an answer that was cut off in the middle of it
            block["input"] = text
    return block


def _call(block: dict[str, Any]) -> dict[str, Any]:
    arguments = block.get("input")
    text = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
    return {"id": block.get("id"), "name": block.get("name"), "arguments": text}


def _facts(reply: dict[str, Any]) -> dict[str, Any]:
    found = {name: reply.get(name) for name in ("stop_sequence", "stop_details")}
    return {name: value for name, value in found.items() if value is not None}


def _parted(conversation: Conversation) -> tuple[Any, list[Turn]]:
    """Return what the model is told beforehand, and the turns: a system message is not one of them in this API."""
    turns = in_dialect(conversation.turns, _file)
    first = next((at for at, turn in enumerate(turns) if turn["role"] not in _SYSTEM), len(turns))
    told = [turn.get("content") for turn in turns[:first]]
    if conversation.instructions is not None:
        told.insert(0, conversation.instructions)
    if not told:
        return None, turns
    if all(isinstance(content, str) for content in told):
        return "\n\n".join(map(str, told)), turns[first:]
    parts = [content if isinstance(content, list) else [{"type": "text", "text": text_of(content)}] for content in told]
    return [block for part in parts for block in part], turns[first:]


def _format(value: Any) -> Any:
    """Return a response format as this API has it: the schema alone."""
    nested = value.get("json_schema") if isinstance(value, dict) else None
    if isinstance(nested, dict) and "schema" in nested:
        return {"type": "json_schema", "schema": nested["schema"]}
    return value


def _tool(tool: Any) -> Any:
    """Return a tool as this API has it; one that is not a function of OpenAI's is its own already."""
    if not isinstance(tool, dict) or tool.get("type") != "function":
        return tool
    function = _function(tool)
    found = {name: function[name] for name in ("name", "description", "strict") if function.get(name) is not None}
    return {**found, "input_schema": function.get("parameters") or {"type": "object", "properties": {}}}


def _tool_choice(choice: Any) -> Any:
    if isinstance(choice, str) and choice in _CHOICES:
        return {"type": _CHOICES[choice]}
    if isinstance(choice, dict) and choice.get("type") == "function":
        return {"type": "tool", "name": _function(choice).get("name")}
    return choice


def _function(value: dict[str, Any]) -> dict[str, Any]:
    """Return the function in a tool, or in the choice of one: chat completions nest it, responses do not."""
    nested = value.get("function")
    return nested if isinstance(nested, dict) else value
