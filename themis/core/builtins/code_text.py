"""A parser that takes the code out of an answer."""

import re

from themis.core.builtins.component import BuiltinComponent, text_of
from themis.core.contexts import ParseContext
from themis.core.models import ParsedOutput, ReducedCandidate

# A line of its own, as CommonMark has it: https://spec.commonmark.org/0.31.2/#fenced-code-blocks
_FENCE = re.compile(r"[ \t]*(`{3,}|~{3,})[ \t]*([^`]*)")


class CodeText(BuiltinComponent):
    """Takes the content of the last fenced block, else the whole text, with its indentation.

    A last block that the text breaks off in counts when it holds anything. Nothing but space is no code: None.
    """

    component_id = "builtin/code_text"

    def parse(self, candidate: ReducedCandidate, ctx: ParseContext) -> ParsedOutput:  # noqa: ARG002  # part of the protocol
        """The code in the output."""
        text = text_of(candidate.final_output)
        code = None if text is None else last_fenced_block(text)
        if code is None:
            code = text
        return ParsedOutput(value=code if code and not code.isspace() else None, format="code")


def last_fenced_block(text: str) -> str | None:
    """Content of the last block between lines of three or more backticks or tildes; None when there is no block."""
    found: str | None = None
    fence: str | None = None
    body: list[str] = []
    for line in text.split("\n"):
        mark = _FENCE.fullmatch(line.rstrip("\r"))
        if fence is None:
            if mark:
                fence, body = mark[1], []
        elif mark and mark[1].startswith(fence) and not mark[2].strip():
            found, fence = "\n".join(body), None
        else:
            body.append(line)
    unfinished = "\n".join(body) if fence is not None else ""
    return unfinished if unfinished.strip() else found
