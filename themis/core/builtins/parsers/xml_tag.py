"""Parser that takes the content of an element such as `<answer>…</answer>`."""

import re
from typing import Literal

from themis.core.base import JSONValue
from themis.core.builtins.arguments import one_of, tag_name, true_or_false
from themis.core.builtins.component import BuiltinComponent, text_of
from themis.core.contexts import ParseContext
from themis.core.models import ParsedOutput, ReducedCandidate

Which = Literal["last", "first"]


class XmlTag(BuiltinComponent):
    """Takes the content of an element with a given tag, as it is written and without space around it.

    Only elements that are closed count, unless `unclosed` is allowed. Of elements inside each other the last is the one
    that begins last. Nothing is read as XML: `&lt;` stays, and other tags may be mismatched. None when there is no such
    element, or when it is empty.
    """

    component_id = "builtin/xml_tag"

    def __init__(self, tag: str, which: Which = "last", *, unclosed: bool = False) -> None:
        """Take the element that begins last, or first.

        Args:
            tag: the name, such as `answer`; case counts.
            which: `last` or `first`.
            unclosed: whether a tag that is never closed takes the rest of the text, if no element is closed. That
                happens when `</answer>` is a stop sequence.

        Raises:
            InvalidArgumentError: the tag is not a name, or another argument has no such value.
        """
        tag = tag_name("tag", tag, example="answer")
        self._first = one_of("which", which, Which) == "first"
        self._unclosed = true_or_false("unclosed", unclosed)
        self._arguments: dict[str, JSONValue] = {"tag": tag, "which": which, "unclosed": unclosed}
        self._tag = re.compile(rf"<(?P<end>/?){re.escape(tag)}(?:\s[^<>]*)?>")

    @property
    def arguments(self) -> dict[str, JSONValue]:
        """The tag, the choice among several elements, and whether one may be unclosed."""
        return self._arguments

    def parse(self, candidate: ReducedCandidate, ctx: ParseContext) -> ParsedOutput:  # noqa: ARG002  # part of the protocol
        """Return the content of the element."""
        text = text_of(candidate.final_output) or ""
        found = self._content(text)
        return ParsedOutput(value=(found or "").strip() or None, format="text")

    def _content(self, text: str) -> str | None:
        open_tags: list[int] = []
        chosen: tuple[int, int] | None = None
        for tag in self._tag.finditer(text):
            if not tag["end"]:
                open_tags.append(tag.end())
            elif open_tags:
                begin = open_tags.pop()
                if chosen is None or (begin < chosen[0] if self._first else begin > chosen[0]):
                    chosen = begin, tag.start()
        if chosen is not None:
            return text[chosen[0] : chosen[1]]
        if self._unclosed and open_tags:
            return text[open_tags[0 if self._first else -1] :]
        return None
