r"""A parser that takes the answer out of a worked solution."""

import re

from themis.core.builtins.component import BuiltinComponent, text_of
from themis.core.contexts import ParseContext
from themis.core.models import ParsedOutput, ReducedCandidate

_BRACE = re.compile(r"\\boxed\s{0,4}\{|\\.|[{}]", re.DOTALL)
_MARKER = re.compile(r"####|(?<!\w)A:|(?i:\banswer\s{1,8}is\b)")
_SENTENCE_END = re.compile(r"[.!?](?=[\s*_]|$)")
_AROUND = " \t\r*_#:="


class MathAnswer(BuiltinComponent):
    r"""Takes the last `\boxed{…}`, else what follows the last `####`, `A:` or "answer is", else the text.

    What follows a marker is the rest of its line, or the next line that is not empty, up to the end of the sentence
    that holds the first digit. When nothing follows it, or the text is empty, the value is None. Else it is a text.
    """

    component_id = "builtin/math_answer"

    def parse(self, candidate: ReducedCandidate, ctx: ParseContext) -> ParsedOutput:  # noqa: ARG002  # part of the protocol
        """The answer that the output gives."""
        text = text_of(candidate.final_output) or ""
        answer = last_boxed(text)
        if answer is None:
            answer = _after_marker(text)
        if answer is None:
            answer = text
        return ParsedOutput(value=answer.strip() or None, format="math")


def last_boxed(text: str) -> str | None:
    r"""Content of the `\boxed{…}` that begins last and is closed; braces within it are balanced. None without one."""
    if "\\boxed" not in text:
        return None
    best: tuple[int, int] | None = None
    open_braces: list[int] = []  # where the content of each begins; negative for those that are not boxes
    for found in _BRACE.finditer(text):
        mark = found[0]
        if mark[-1] == "{" and mark != "\\{":
            open_braces.append(found.end() if len(mark) > 1 else -1)
        elif mark == "}" and open_braces:
            begin = open_braces.pop()
            if begin >= 0 and (best is None or begin > best[0]):
                best = (begin, found.start())
    return None if best is None else text[best[0] : best[1]]


def _after_marker(text: str) -> str | None:
    end = None
    for found in _MARKER.finditer(text):
        end = found.end()
    if end is None:
        return None
    line = text[end:].lstrip(_AROUND + "\n").partition("\n")[0]
    digit = re.search("[0-9]", line)
    stop = _SENTENCE_END.search(line, digit.end()) if digit else None
    return (line[: stop.start()] if stop else line).rstrip(_AROUND)
