"""What the dialects share: the parts of a question, the tokens of an answer, the events of a stream."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from tests.support.model_server.replies import Answer, Failure, Usage

CHARACTERS_PER_TOKEN = 4
PIECE = re.compile(r"\s*\S+|\s+")


@dataclass(frozen=True, slots=True)
class Asked:
    """One question to a model.

    Attributes:
        number: of the request.
        data: the body.
        at: seconds since 1970.
    """

    number: int
    data: Mapping[str, Any]
    at: int

    @property
    def model(self) -> str:
        """The model that is asked for."""
        return str(self.data.get("model", ""))

    @property
    def choices(self) -> range:
        """The numbers of the choices that are asked for."""
        return range(int(self.data.get("n") or 1))


class Dialect(Protocol):
    """A dialect of one endpoint."""

    kind: str
    family: str
    """`openai` or `anthropic`: whose errors and headers it has."""
    most_output_field: tuple[str, ...]
    """The fields of a body that say how long the output may be."""

    def turns(self, data: Mapping[str, Any]) -> list[tuple[str, str]]:
        """The role and the text of each turn of a question, instructions first."""

    def body(self, answer: Answer, asked: Asked) -> dict[str, Any]:
        """An answer as a whole."""

    def events(self, answer: Answer, asked: Asked) -> Iterator[bytes]:
        """An answer as the events of a stream."""

    def error_event(self, failure: Failure) -> bytes:
        """An error in the middle of a stream."""


def text_of(content: Any) -> str:
    """The text of a turn's content, which is a text or a list of parts."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "\n".join(str(part["text"]) for part in parts if isinstance(part, dict) and "text" in part)


def turns_of(messages: Any) -> list[tuple[str, str]]:
    """The role and the text of each message."""
    listed = messages if isinstance(messages, list) else []
    return [(str(one.get("role", "user")), text_of(one.get("content", ""))) for one in listed if isinstance(one, dict)]


def question_of(turns: list[tuple[str, str]]) -> str:
    """The last text of the user, empty where there is none."""
    return next((text for role, text in reversed(turns) if role == "user"), "")


def tokens_in(text: str) -> int:
    """Tokens by the length of a text, rounded up."""
    return -(-len(text) // CHARACTERS_PER_TOKEN)


def prompt_tokens(turns: list[tuple[str, str]]) -> int:
    """Tokens of a prompt."""
    return sum(tokens_in(text) for _, text in turns)


def usage_of(answer: Answer, turns: list[tuple[str, str]]) -> Usage:
    """The tokens of an answer: as it says, else by the length of its texts."""
    if answer.usage is not None:
        return answer.usage
    reasoning = tokens_in(answer.reasoning or "")
    said = tokens_in(answer.text or "") + tokens_in(answer.refusal or "")
    called = sum(tokens_in(call.name + call.arguments) for call in answer.tool_calls)
    return Usage(prompt=prompt_tokens(turns), output=reasoning + said + called, reasoning=reasoning)


def pieces(text: str) -> list[str]:
    """A text in the pieces in which a stream sends it, word by word."""
    return PIECE.findall(text)


def event(data: Mapping[str, Any], name: str | None = None) -> bytes:
    """One event of a stream."""
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(data)}\n\n".encode()


def openai_error(failure: Failure) -> dict[str, Any]:
    """An error as OpenAI writes it."""
    return {"error": {"message": failure.message, "type": failure.type, "param": failure.param, "code": failure.code}}


ANTHROPIC_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    409: "conflict_error",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}


def anthropic_error(failure: Failure, request_id: str | None = None) -> dict[str, Any]:
    """An error as Anthropic writes it."""
    kind = ANTHROPIC_TYPES.get(failure.status, "api_error")
    return {"type": "error", "error": {"type": kind, "message": failure.message}, "request_id": request_id}
