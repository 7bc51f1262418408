"""Answer of a model, in the words of no provider."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from themis.adapters.reasoning import split_reasoning
from themis.core.base import JSONValue
from themis.core.models import GenerationResult, Message

_LARGEST_COUNT = 2**53


class UnreadableReplyError(ValueError):
    """A reply that has not the form of an answer; the text says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer of a model.

    Attributes:
        text: what the model said.
        finish_reason: how it ended; see `GenerationResult`.
        content: the parts of the assistant's message as the provider has them, when they are more than a text.
        reasoning: what the model thought, where the provider keeps it apart.
        tool_calls: calls that it asks for, each with `name` and `arguments`, and its `id` where it has one.
        usage: tokens by kind, see `GenerationResult.token_usage`.
        served_model: the model that answered.
        facts: anything else worth keeping, such as the provider's fingerprint of its system.
    """

    text: str
    finish_reason: str | None
    content: JSONValue = None
    reasoning: str | None = None
    tool_calls: list[dict[str, Any]] = field(default_factory=list)
    usage: dict[str, int] = field(default_factory=dict)
    served_model: str | None = None
    facts: dict[str, Any] = field(default_factory=dict)

    def result(
        self, candidate_id: str, turns: list[dict[str, Any]], artifacts: dict[str, Any], latency_ms: float | None
    ) -> GenerationResult:
        """Return the answer as a candidate; when it only calls tools, these calls are the output.

        Args:
            candidate_id: its name.
            turns: what the model was asked.
            artifacts: facts of the reply.
            latency_ms: milliseconds until the answer was complete; None where that says nothing.
        """
        text, thought = (self.text, None) if self.reasoning is not None else split_reasoning(self.text)
        reasoning = self.reasoning if self.reasoning is not None else thought
        calls: list[JSONValue] = [
            {"name": call.get("name"), "arguments": call.get("arguments")} for call in self.tool_calls
        ]
        said: dict[str, Any] = {"content": self.content if self.content is not None else text}
        if self.tool_calls:
            said["tool_calls"] = self.tool_calls
        content = said if self.tool_calls else said["content"]
        messages = [Message.model_construct(role=turn["role"], content=content_of(turn)) for turn in turns]
        messages.append(Message.model_construct(role="assistant", content=content))
        # Made of JSON that was just read, so nothing in it has to be checked again.
        return GenerationResult.model_construct(
            candidate_id=candidate_id,
            final_output=calls if calls and not text.strip() else text,
            conversation=messages,
            artifacts={**self.facts, **artifacts},
            token_usage=self.usage or None,
            latency_ms=latency_ms,
            finish_reason=self.finish_reason,
            reasoning=reasoning or None,
            served_model=self.served_model,
        )


def count_of(document: Any, *path: str) -> int | None:
    """Return the count at a path in a usage object; None where there is none."""
    for name in path:
        document = document.get(name) if isinstance(document, dict) else None
    is_count = isinstance(document, int) and not isinstance(document, bool) and 0 <= document <= _LARGEST_COUNT
    return document if is_count else None


def usage_of(document: Any, paths: Mapping[str, tuple[str, ...]]) -> dict[str, int]:
    """Return the counts in a usage object that are known, by the names of ours that `paths` has them under."""
    counts = {name: count_of(document, *path) for name, path in paths.items()}
    return {name: count for name, count in counts.items() if count is not None}


def text_at(document: dict[str, Any], name: str) -> str | None:
    """Return the text at a key; None where there is none."""
    value = document.get(name)
    return value if isinstance(value, str) and value else None


def content_of(turn: dict[str, Any]) -> Any:
    """Return the content of a turn for a conversation; whatever else the turn has is kept beside it."""
    rest = {name: value for name, value in turn.items() if name not in {"role", "content"}}
    return {"content": turn.get("content"), **rest} if rest else turn.get("content")
