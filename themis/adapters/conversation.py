"""Conversation that a case asks a model to continue."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from themis.core.base import JSONValue
from themis.core.contexts import GenerateContext
from themis.core.models import Case
from themis.core.prompts import PromptSpec
from themis.core.values.conversations import is_conversation

Turn = dict[str, Any]
"""A message: its `role`, its `content`, and whatever else the provider's API has for it."""

InputBuilder = Callable[[Case], Any]

_SYSTEM = frozenset({"system", "developer"})
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")  # one letter before a colon is a drive of Windows


@dataclass(frozen=True, slots=True)
class Conversation:
    """Instructions, and the turns up to now.

    Attributes:
        instructions: what the model is told before the first turn; None for nothing.
        turns: at least one.
        is_text: whether it is one text that a user has said, rather than turns.
    """

    instructions: str | None
    turns: list[Turn]
    is_text: bool = field(default=False, compare=False)

    @property
    def messages(self) -> list[Turn]:
        """The instructions as a system message, and the turns."""
        if self.instructions is None:
            return self.turns
        return [{"role": "system", "content": self.instructions}, *self.turns]

    @property
    def text(self) -> str:
        """All of it as one text, for a model that completes texts."""
        return "\n\n".join(text_of(turn.get("content")) for turn in self.messages)


def conversation_of(
    case: Case, ctx: GenerateContext, instructions: str | None, builder: InputBuilder | None
) -> Conversation:
    """Return the conversation of a case: a text is a user turn, a list of messages is taken as it is, else its JSON.

    The prompt of the experiment is written around a text. A conversation gets it as its instructions, so that its turns
    stay as they are. The generator's own instructions come first; equal ones are sent once.
    """
    value: Any = case.input if builder is None else builder(case)
    spec = ctx.prompt_spec
    if spec is not None and spec.instructions is not None and spec.instructions == instructions:
        spec = spec.model_copy(update={"instructions": None})
    if is_conversation(value):
        return _with_prompt(value, spec, instructions)
    rendered = value if spec is None else spec.render_input(value)
    return Conversation(instructions, [{"role": "user", "content": text_of(rendered)}], is_text=True)


def image_that_is_a_path(turns: list[Turn]) -> str | None:
    """Return the first image, among the parts of the turns, that is named by a path; None when there is none.

    A provider cannot read a file of this machine: an image is sent as a URL, which may hold all of it (`data:`).
    """
    parts = [part for turn in turns if isinstance(turn.get("content"), list) for part in turn["content"]]
    for part in parts:
        place = _image_of(part) if isinstance(part, dict) else None
        if isinstance(place, str) and not _SCHEME.match(place):
            return place
    return None


def _image_of(part: dict[str, Any]) -> Any:
    """Return the address of an image in a content part of any API; None for another part."""
    if part.get("type") in {"image_url", "input_image"}:
        image = part.get("image_url")
        return image.get("url") if isinstance(image, dict) else image
    source = part.get("source") if part.get("type") == "image" else None
    return source.get("url") if isinstance(source, dict) else None


def text_of(value: JSONValue) -> str:
    """Return a value as a text: a text unchanged, the texts among content parts joined, another value as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and value and all(isinstance(part, dict) and "text" in part for part in value):
        return "\n".join(str(part["text"]) for part in value if isinstance(part, dict))
    return "" if value is None else json.dumps(value, ensure_ascii=False)


def _with_prompt(turns: list[Turn], spec: PromptSpec | None, instructions: str | None) -> Conversation:
    parts = [instructions] if instructions else []
    if spec is not None:
        parts += spec.sections()
    if parts and len(turns) > 1 and turns[0]["role"] in _SYSTEM and isinstance(turns[0].get("content"), str):
        parts.append(turns[0]["content"])
        turns = turns[1:]
    return Conversation("\n\n".join(parts) or None, turns)
