"""Replies of the scripted server: what is said, and how it reaches the client."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call of a function that the model asks for; `arguments` is JSON as a text, as models write it."""

    name: str
    arguments: str = "{}"
    call_id: str = "call_1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens of an answer: all of the prompt and all of the output, and the parts of them that are counted apart."""

    prompt: int
    output: int
    cached: int = 0
    cache_write: int = 0
    reasoning: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """A model's answer, in no provider's dialect.

    Attributes:
        text: what it says; None for the `content: null` of chat.
        reasoning: what it thought before; a thinking block, a reasoning item, or what `reasoning_in` says for chat.
        reasoning_in: the field of a chat message that holds the reasoning, or `<think>` tags at the head of the text.
        tool_calls: the functions that it wants called.
        refusal: its words of refusal.
        finish: `stop`, `length`, `tool_calls`, `content_filter` or `refusal`, in the dialect's own words; any other
            word is sent as it is.
        usage: the tokens; a count by the length of the texts when it is left out.
        served_model: the model that the reply names; the one that was asked for when it is left out.
        extra: more fields of the reply.
    """

    text: str | None = ""
    reasoning: str | None = None
    reasoning_in: Literal["reasoning_content", "reasoning", "think_tags"] = "reasoning_content"
    tool_calls: tuple[ToolCall, ...] = ()
    refusal: str | None = None
    finish: str = "stop"
    usage: Usage | None = None
    served_model: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Failure:
    """An error object with its status; a dialect of Anthropic says the error's type by the status alone."""

    status: int
    message: str
    type: str = "invalid_request_error"
    code: str | int | None = None
    param: str | None = None


@dataclass(frozen=True, slots=True)
class RawBody:
    """A body that is not a dialect's."""

    body: bytes
    status: int = 200
    content_type: str = "application/json"


@dataclass(frozen=True, slots=True)
class HangUp:
    """No reply: the connection is closed before the headers."""


Reply: TypeAlias = Answer | Failure | RawBody | HangUp


@dataclass(frozen=True, slots=True)
class BreakOff:
    """A reply that does not come to its end.

    Attributes:
        after: so many bytes of a body, or events of a stream, are sent.
        how: `hang_up` closes the connection, `silence` keeps it open until the client leaves, `end` ends the reply as
            if that were all of it, and `error` ends a stream with an error event.
    """

    after: int
    how: Literal["hang_up", "silence", "end", "error"] = "hang_up"


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """Everything about one reply.

    Attributes:
        reply: what is said; the server's usual answer when it is left out.
        latency_s: the time before the first byte; the server's usual latency when it is left out.
        headers: more headers.
        spread_s: the time that the body or the events take, in pieces.
        breaks_off: where it ends too early.
    """

    reply: Reply | None = None
    latency_s: float | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    spread_s: float = 0.0
    breaks_off: BreakOff | None = None
