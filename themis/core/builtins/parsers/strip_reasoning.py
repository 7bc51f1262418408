"""Parser that leaves out what a model thought before it answered."""

from collections.abc import Sequence

from themis.core.base import JSONValue
from themis.core.builtins.answers.reasoning_blocks import TAGS, pattern_of, without_blocks
from themis.core.builtins.arguments import tag_name
from themis.core.builtins.component import BuiltinComponent, text_of
from themis.core.contexts import ParseContext
from themis.core.errors import InvalidArgumentError
from themis.core.models import ParsedOutput, ReducedCandidate


class StripReasoning(BuiltinComponent):
    """Takes the text without its blocks of reasoning, such as `<think>…</think>`.

    A closing tag that nothing opened ends reasoning that began with the text, as some prompts already hold the opening
    tag. A block at the beginning that is never closed was cut off: there is no answer, None. An unclosed tag after
    other text is part of the answer. `[THINK]…[/THINK]`, `◁think▷…◁/think▷` and the channels of the harmony format,
    of which the last final one counts, are reasoning too. An output that is not a text stays as it is.
    """

    component_id = "builtin/strip_reasoning"

    def __init__(self, tags: Sequence[str] = TAGS) -> None:
        """Take the names of the tags around reasoning; upper and lower case are the same.

        Raises:
            InvalidArgumentError: `tags` is not a list of names.
        """
        if not isinstance(tags, list | tuple) or not tags:
            raise InvalidArgumentError(argument="tags", detail=f"must be a list of names such as think, not {tags!r}")
        self._tags = [tag_name("tags", tag, example="think") for tag in tags]
        self._tag = pattern_of(self._tags)

    @property
    def arguments(self) -> dict[str, JSONValue]:
        """The tags."""
        return {"tags": [*self._tags]}

    def parse(self, candidate: ReducedCandidate, ctx: ParseContext) -> ParsedOutput:  # noqa: ARG002  # part of the protocol
        """Return the output without reasoning."""
        if not isinstance(candidate.final_output, str):
            return ParsedOutput(value=candidate.final_output, format="text")
        text = text_of(candidate.final_output) or ""
        return ParsedOutput(value=without_blocks(text, self._tag).strip() or None, format="text")
