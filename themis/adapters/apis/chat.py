"""Chat completions, the API that most servers of models offer."""

from typing import Any

from themis.adapters.answer import Answer, UnreadableReplyError, text_at, usage_of
from themis.adapters.apis.content_parts import FileData, Part, UnsendablePartError, file_name, in_dialect
from themis.adapters.conversation import Conversation, Turn, text_of

PATH = "/chat/completions"
TAKES_SEED = True

_SOUNDS = {"audio/wav": "wav", "audio/mpeg": "mp3"}
_FINISH_REASONS = {"function_call": "tool_calls"}
_MOST_CALLS = 256

_COUNTS: dict[str, tuple[str, ...]] = {
    "prompt_tokens": ("prompt_tokens",),
    "completion_tokens": ("completion_tokens",),
    "cached_tokens": ("prompt_tokens_details", "cached_tokens"),
    "cache_write_tokens": ("prompt_tokens_details", "cache_write_tokens"),
    "reasoning_tokens": ("completion_tokens_details", "reasoning_tokens"),
}


def body(conversation: Conversation, params: dict[str, Any], *, is_openai: bool) -> dict[str, Any]:
    """Return the parameters of a request, without the model."""
    named = dict(params)
    if is_openai and "max_tokens" in named:  # its newer models refuse the older name
        named["max_completion_tokens"] = named.pop("max_tokens")
    return {"messages": messages(conversation.messages), **named}


def messages(turns: list[Turn]) -> list[Turn]:
    """Return turns as this API has them: files are parts of their kind.

    Raises:
        UnsendablePartError: it has no place for one.
    """
    return in_dialect(turns, _file)


def _file(part: Part) -> Part:
    kind = part["type"]
    if kind == "image":
        return {"type": "image_url", "image_url": {"url": FileData(part, as_address=True)}}
    if kind == "audio":
        form = _SOUNDS.get(part["media_type"])
        if form is None:
            msg = f"a sound is sent as WAV or MP3, not as {part['media_type']}"
            raise UnsendablePartError(msg)
        return {"type": "input_audio", "input_audio": {"data": FileData(part), "format": form}}
    return {"type": "file", "file": {"filename": file_name(part), "file_data": FileData(part, as_address=True)}}


def read(reply: dict[str, Any]) -> Answer:
    """Return the answer in a reply.

    Raises:
        UnreadableReplyError: there is none in it.
    """
    choice = first_choice(reply)
    message = choice.get("message")
    if not isinstance(message, dict):
        msg = "its first choice has no message"
        raise UnreadableReplyError(msg)
    content, refusal = message.get("content"), text_at(message, "refusal")
    return Answer(
        text=text_of(content) or refusal or "",
        finish_reason="refusal" if refusal is not None else finish_reason(choice),
        content=content if isinstance(content, list) else None,
        reasoning=text_at(message, "reasoning_content") or text_at(message, "reasoning"),
        tool_calls=_tool_calls(message),
        usage=usage(reply),
        served_model=text_at(reply, "model"),
        facts=facts(reply),
    )


def first_choice(reply: dict[str, Any]) -> dict[str, Any]:
    """Return the first choice of a reply.

    Raises:
        UnreadableReplyError: it has none.
    """
    choices = reply.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        msg = "it has no choices"
        raise UnreadableReplyError(msg)
    return choices[0]


def finish_reason(choice: dict[str, Any]) -> str | None:
    """Return how a choice ended; None when it does not say."""
    reason = choice.get("finish_reason")
    return _FINISH_REASONS.get(reason, reason) if isinstance(reason, str) else None


def usage(reply: dict[str, Any]) -> dict[str, int]:
    """Return the tokens of a reply by kind."""
    return usage_of(reply.get("usage"), _COUNTS)


def facts(reply: dict[str, Any]) -> dict[str, Any]:
    """Return the facts about the server: the fingerprint of its system, and who answered behind a gateway."""
    found = {"system_fingerprint": reply.get("system_fingerprint"), "upstream_provider": reply.get("provider")}
    return {name: value for name, value in found.items() if isinstance(value, str)}


def join_stream(chunks: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the reply that the chunks of a stream make up.

    Raises:
        UnreadableReplyError: the stream ended before the answer did.
    """
    reply: dict[str, Any] = {"choices": [{"index": 0, "message": {"role": "assistant", "content": None}}]}
    choice = reply["choices"][0]
    for chunk in chunks:
        reply |= {name: value for name, value in chunk.items() if name != "choices" and value is not None}
        for part in chunk.get("choices") or []:
            if part.get("index", 0) == 0:
                _add_delta(choice["message"], part.get("delta") or {})
                if part.get("finish_reason") is not None:
                    choice["finish_reason"] = part["finish_reason"]
    if "finish_reason" not in choice:
        msg = "its stream ended before the answer did"
        raise UnreadableReplyError(msg)
    return reply


def _add_delta(message: dict[str, Any], delta: dict[str, Any]) -> None:
    for name in ("content", "refusal", "reasoning_content", "reasoning"):
        if isinstance(delta.get(name), str):
            message[name] = (message.get(name) or "") + delta[name]
    for call in delta.get("tool_calls") or []:
        calls: list[dict[str, Any]] = message.setdefault("tool_calls", [])
        number = call.get("index")  # which some servers leave out
        index = len(calls) if number is None else min(number, _MOST_CALLS)
        calls += [{"function": {"name": "", "arguments": ""}} for _ in range(index + 1 - len(calls))]
        found, said = calls[index], call.get("function") or {}
        found |= {name: call[name] for name in ("id", "type") if call.get(name)}
        for name in ("name", "arguments"):
            found["function"][name] += said.get(name) or ""


def _tool_calls(message: dict[str, Any]) -> list[dict[str, Any]]:
    found = []
    for call in message.get("tool_calls") or []:
        function = call.get("function") or call.get("custom") or {} if isinstance(call, dict) else {}
        if isinstance(function, dict) and function:
            arguments = function.get("arguments", function.get("input"))
            found.append({"id": call.get("id"), "name": function.get("name"), "arguments": arguments})
    old = message.get("function_call")
    if not found and isinstance(old, dict):
        found.append({"id": None, "name": old.get("name"), "arguments": old.get("arguments")})
    return found
