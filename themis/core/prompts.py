"""Prompt around a case's input."""

import json

from pydantic import Field

from themis.core.base import FrozenModel, JSONValue

FIRST_BLOCK_RENDERING = 1
"""The first version of the block format: a line for each key, as in version 4.0."""

BLOCK_RENDERING = 2
"""The current version; a change of the written form raises it, and runs with blocks then become other runs."""


class PromptSpec(FrozenModel):
    """The fixed parts of a prompt.

    Attributes:
        instructions: what to do, first.
        prefix: text before the blocks.
        suffix: text after the blocks.
        blocks: examples or context; a block's heading is its `title` or number. Its other keys are written as one
            line of JSON with sorted keys, so that equal blocks give the same prompt.
    """

    instructions: str | None = None
    prefix: str | None = None
    suffix: str | None = None
    blocks: list[dict[str, JSONValue]] = Field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        """Whether the prompt consists of the input alone."""
        return not (self.instructions or self.prefix or self.suffix or self.blocks)

    @property
    def block_rendering(self) -> int:
        """Version of the block format that decides the prompt: 1, the first, when there are no blocks."""
        return BLOCK_RENDERING if self.blocks else FIRST_BLOCK_RENDERING

    def render_input(self, value: JSONValue) -> JSONValue:
        """Return the prompt for one input: `value` itself if the spec is empty, else sections joined by blank lines."""
        return value if self.is_empty else "\n\n".join([*self.sections(), f"Input:\n{_as_text(value)}"])

    def sections(self) -> list[str]:
        """Return the sections of the prompt that come before the input."""
        sections = []
        if self.instructions:
            sections.append(f"Instructions:\n{self.instructions}")
        if self.prefix:
            sections.append(self.prefix)
        sections.extend(_render_block(number, block) for number, block in enumerate(self.blocks, start=1))
        if self.suffix:
            sections.append(self.suffix)
        return sections


def _render_block(number: int, block: dict[str, JSONValue]) -> str:
    title = block.get("title")
    if not isinstance(title, str) or not title:
        return f"Block {number}:\n{_as_sorted_json(block)}"
    return f"{title}:\n{_as_sorted_json({key: value for key, value in block.items() if key != 'title'})}"


def _as_sorted_json(value: JSONValue) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def _as_text(value: JSONValue) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
