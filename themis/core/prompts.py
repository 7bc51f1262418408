"""What is said to the model around a case's input."""

import json

from pydantic import Field

from themis.core.base import FrozenModel, JSONValue


class PromptSpec(FrozenModel):
    """The fixed parts of a prompt.

    Attributes:
        instructions: what to do, first.
        prefix: text before the blocks.
        suffix: text after the blocks.
        blocks: examples or context; a block's `title` heads it, else its number.
    """

    instructions: str | None = None
    prefix: str | None = None
    suffix: str | None = None
    blocks: list[dict[str, JSONValue]] = Field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        """Whether nothing at all is said around the input."""
        return not (self.instructions or self.prefix or self.suffix or self.blocks)

    def render_input(self, value: JSONValue) -> JSONValue:
        """The prompt for one input: `value` untouched when the spec is empty, else sections joined by blank lines."""
        if self.is_empty:
            return value
        sections = []
        if self.instructions:
            sections.append(f"Instructions:\n{self.instructions}")
        if self.prefix:
            sections.append(self.prefix)
        sections.extend(_render_block(number, block) for number, block in enumerate(self.blocks, start=1))
        if self.suffix:
            sections.append(self.suffix)
        sections.append(f"Input:\n{_as_text(value)}")
        return "\n\n".join(sections)


def _render_block(number: int, block: dict[str, JSONValue]) -> str:
    title = block.get("title")
    heading = f"{title}:" if isinstance(title, str) and title else f"Block {number}:"
    body = {key: value for key, value in block.items() if key != "title"}
    lines = (
        [_as_text(body["content"])] if set(body) == {"content"} else [f"{k}: {_as_text(v)}" for k, v in body.items()]
    )
    return "\n".join([heading, *lines])


def _as_text(value: JSONValue) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
