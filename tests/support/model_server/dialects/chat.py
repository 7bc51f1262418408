"""OpenAI's chat completions."""

from collections.abc import Iterator, Mapping
from typing import Any

from tests.support.model_server.dialects.shared import Asked, event, openai_error, pieces, turns_of, usage_of
from tests.support.model_server.replies import Answer, Failure, Usage

DONE = b"data: [DONE]\n\n"


class Chat:
    """Chat completions."""

    kind = "chat"
    family = "openai"
    most_output_field: tuple[str, ...] = ("max_completion_tokens", "max_tokens")

    def turns(self, data: Mapping[str, Any]) -> list[tuple[str, str]]:
        return turns_of(data.get("messages"))

    def body(self, answer: Answer, asked: Asked) -> dict[str, Any]:
        choice = {"message": message(answer), "logprobs": None, "finish_reason": finish(answer)}
        return {
            **head(answer, asked, "chat.completion"),
            "choices": [{"index": index, **choice} for index in asked.choices],
            "usage": usage_fields(usage_of(answer, self.turns(asked.data))),
            **answer.extra,
        }

    def events(self, answer: Answer, asked: Asked) -> Iterator[bytes]:
        shared = {**head(answer, asked, "chat.completion.chunk"), **answer.extra}
        with_usage = bool((asked.data.get("stream_options") or {}).get("include_usage"))
        no_usage = {"usage": None} if with_usage else {}
        for index in asked.choices:
            for delta, reason in _deltas(answer):
                choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": reason}
                yield event({**shared, "choices": [choice], **no_usage})
        if with_usage:
            yield event({**shared, "choices": [], "usage": usage_fields(usage_of(answer, self.turns(asked.data)))})
        yield DONE

    def error_event(self, failure: Failure) -> bytes:
        return event(openai_error(failure))


def head(answer: Answer, asked: Asked, kind: str) -> dict[str, Any]:
    """The fields that each reply and each event begins with."""
    return {
        "id": f"chatcmpl-{asked.number}",
        "object": kind,
        "created": asked.at,
        "model": answer.served_model or asked.model,
        "system_fingerprint": "fp_scripted",
    }


def finish(answer: Answer) -> str:
    """The finish reason; a refusal has a field of its own, and stops as an answer does."""
    if answer.finish == "stop" and answer.tool_calls:
        return "tool_calls"
    return "stop" if answer.finish == "refusal" else answer.finish


def message(answer: Answer) -> dict[str, Any]:
    """The message with its reasoning, refusal and calls."""
    found: dict[str, Any] = {"role": "assistant", "content": content(answer), "refusal": answer.refusal}
    if answer.reasoning is not None and answer.reasoning_in != "think_tags":
        found[answer.reasoning_in] = answer.reasoning
    if answer.tool_calls:
        found["tool_calls"] = tool_calls(answer)
    return found


def content(answer: Answer) -> str | None:
    """The text, with the reasoning in tags where that is how it comes; null beside a refusal or a call."""
    if answer.reasoning is not None and answer.reasoning_in == "think_tags":
        return f"<think>{answer.reasoning}</think>{answer.text or ''}"
    if not answer.text and (answer.refusal is not None or answer.tool_calls):
        return None
    return answer.text


def tool_calls(answer: Answer) -> list[dict[str, Any]]:
    """The calls of functions."""
    return [
        {"id": call.call_id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
        for call in answer.tool_calls
    ]


def usage_fields(usage: Usage) -> dict[str, Any]:
    """The tokens in the fields of chat and plain completions."""
    return {
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.output,
        "total_tokens": usage.prompt + usage.output,
        "prompt_tokens_details": {"cached_tokens": usage.cached, "cache_write_tokens": usage.cache_write},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning},
    }


def _deltas(answer: Answer) -> Iterator[tuple[dict[str, Any], str | None]]:
    yield {"role": "assistant", "content": ""}, None
    if answer.reasoning is not None and answer.reasoning_in != "think_tags":
        for piece in pieces(answer.reasoning):
            yield {answer.reasoning_in: piece}, None
    for piece in pieces(content(answer) or ""):
        yield {"content": piece}, None
    for piece in pieces(answer.refusal or ""):
        yield {"refusal": piece}, None
    for index, call in enumerate(tool_calls(answer)):
        function = call["function"]
        yield {"tool_calls": [{"index": index, **call, "function": {**function, "arguments": ""}}]}, None
        for piece in pieces(function["arguments"]):
            yield {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}, None
    yield {}, finish(answer)
