"""Parser that leaves out what a model thought before it answered."""

import re
from collections.abc import Sequence

from themis.core.base import JSONValue
from themis.core.builtins.arguments import tag_name
from themis.core.builtins.component import BuiltinComponent, text_of
from themis.core.contexts import ParseContext
from themis.core.errors import InvalidArgumentError
from themis.core.models import ParsedOutput, ReducedCandidate

TAGS = ("think", "thinking", "thought", "reasoning")
_FINAL_CHANNEL = "<|channel|>final<|message|>"
_CHANNEL_END = re.compile(r"<\|(?:return|end)\|>")


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
        names = "|".join(re.escape(tag) for tag in sorted(self._tags, key=len, reverse=True))
        self._tag = re.compile(rf"</?(?i:{names})>|\[/?THINK\]|◁/?think▷")

    @property
    def arguments(self) -> dict[str, JSONValue]:
        """The tags."""
        return {"tags": [*self._tags]}

    def parse(self, candidate: ReducedCandidate, ctx: ParseContext) -> ParsedOutput:  # noqa: ARG002  # part of the protocol
        """Return the output without reasoning."""
        if not isinstance(candidate.final_output, str):
            return ParsedOutput(value=candidate.final_output, format="text")
        text = text_of(candidate.final_output) or ""
        _, channel, final = text.rpartition(_FINAL_CHANNEL)
        if channel:
            text = _CHANNEL_END.split(final, maxsplit=1)[0]
        return ParsedOutput(value=self._answer(text).strip() or None, format="text")

    def _answer(self, text: str) -> str:
        kept: list[str] = []
        begins, place, has_answer = -1, 0, False  # the beginning of an open block, and the end of the last closed one
        for tag in self._tag.finditer(text):
            if "/" not in tag[0]:
                if begins < 0:
                    kept.append(text[place : tag.start()])
                    begins, has_answer = tag.start(), has_answer or bool(kept[-1].strip())
            elif begins >= 0 or not has_answer:
                begins, place = -1, tag.end()
        if begins >= 0:
            return "".join([*kept, text[begins:]]) if has_answer else ""
        return "".join([*kept, text[place:]])
