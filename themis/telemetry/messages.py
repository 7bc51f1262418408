"""Prompts and answers as messages of the conventions, for those who asked for them.

A message has a role and parts: a text, a call of a tool, or what else it holds, as it is.
"""

import os
from collections.abc import Mapping
from typing import Any

from themis.core.models import Case, GenerationResult, Message
from themis.core.observations import ModelCall
from themis.core.text import masking
from themis.core.workflows import JudgeResponse, RenderedJudgePrompt

VARIABLE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"

Messages = list[dict[str, Any]]

_IN_SPANS = frozenset({"true", "span_only", "span_and_event"})
_IN_EVENTS = frozenset({"event_only", "span_and_event"})


class Content:
    """Setting of the places that prompts and answers are sent to.

    Attributes:
        in_spans: whether they are attributes of the call's span.
        in_events: whether they are an event beside it.
    """

    def __init__(self, *, wanted: bool | None, environ: Mapping[str, str] = os.environ) -> None:
        """As a configuration says (`wanted`), and where that says nothing, as the environment does.

        The environment also says where they are sent; that is spans, unless it names events.
        """
        said = environ.get(VARIABLE, "").strip().lower()
        is_on = said in _IN_SPANS | _IN_EVENTS if wanted is None else wanted
        self.in_events = is_on and said in _IN_EVENTS
        self.in_spans = is_on and said != "event_only"

    @property
    def is_wanted(self) -> bool:
        """Whether they are sent at all."""
        return self.in_spans or self.in_events


def messages_of(call: ModelCall) -> tuple[Messages, Messages]:
    """Return what a model was asked, and what it answered, with secrets masked."""
    generation, asked, said = call.generation, [], []
    conversation = (generation.conversation if generation is not None else None) or []
    if conversation and conversation[-1].role == "assistant":
        asked, said = list(conversation[:-1]), list(conversation[-1:])
    elif (prompt := _prompt(call.asked)) is not None:
        asked = [Message.model_construct(role="user", content=prompt)]
    if not said and call.error is None and (text := _output(call.result)) is not None:
        said = [Message.model_construct(role="assistant", content=text)]
    answers = [_message(message) for message in said]
    reason = generation.finish_reason if generation is not None else None
    for one in answers:
        one["finish_reason"] = reason or "stop"
    return masking.masked([_message(message) for message in asked]), masking.masked(answers)


def _prompt(asked: Any) -> Any:
    if isinstance(asked, RenderedJudgePrompt):
        return asked.content
    return asked.input if isinstance(asked, Case) else None


def _output(result: Any) -> Any:
    if isinstance(result, GenerationResult):
        return result.final_output
    return result.raw_response if isinstance(result, JudgeResponse) else None


def _message(message: Message) -> dict[str, Any]:
    content: Any = message.content
    calls: list[Any] = []
    if isinstance(content, dict) and "content" in content:
        calls = content.get("tool_calls") or []
        content = content["content"]
    parts = [] if content in (None, "") and calls else _parts(content)
    parts += [_tool_call(call) for call in calls if isinstance(call, dict)]
    return {"role": message.role, "parts": parts}


def _parts(content: Any) -> list[dict[str, Any]]:
    if isinstance(content, list) and all(isinstance(part, dict) for part in content):
        return [_part(part) for part in content]
    return [{"type": "text", "content": content}]


def _part(part: dict[str, Any]) -> dict[str, Any]:
    """Return a part of a message; of a picture or another file its kind alone, as it may be megabytes."""
    kind = str(part.get("type") or "other")
    return {"type": "text", "content": part["text"]} if _is_text(part) else {"type": kind}


def _is_text(part: dict[str, Any]) -> bool:
    return isinstance(part.get("text"), str) and "text" in str(part.get("type"))


def _tool_call(call: dict[str, Any]) -> dict[str, Any]:
    named = {"type": "tool_call", "name": call.get("name"), "arguments": call.get("arguments")}
    return {**named, "id": call["id"]} if call.get("id") is not None else named
