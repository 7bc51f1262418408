r"""Parser that extracts the answer from a worked solution."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from themis.core.builtins.answers.math_text import MAX_CHARACTERS, comparable, read_quantity
from themis.core.builtins.answers.reasoning_blocks import without_blocks
from themis.core.builtins.component import BuiltinComponent, text_of
from themis.core.contexts import ParseContext
from themis.core.models import ParsedOutput, ReducedCandidate

_BRACE = re.compile(r"\\f?box(?:ed)?\s{0,4}\{|\\.|[{}]", re.DOTALL)
_BOX = re.compile(r"\\(?:boxed|fbox)\s{0,4}\{")
_IS = r"(?:\bis\b|\bwould be\b|\bshould be\b|\bmust be\b|:|=)"
_BARE_BOX = re.compile(r"\\boxed[ \t]{1,4}([^\s{}$\\]{1,40})")
_JOINED = r"(?:\\text\s?\{)?\s{0,4}\b(?:and|or)\b\s{0,4}\}?"
_BETWEEN_BOXES = re.compile(
    rf"[\s$]{{0,8}}(?:\\[)\]])?[\s$]{{0,4}}(?:[,;]\s{{0,4}}(?:{_JOINED})?|{_JOINED})"
    r"[\s$]{0,8}(?:\\[(\[])?[\s$]{0,4}(?:[A-Za-z]\w{0,3}\s{0,2}=\s{0,2})?"
)
_MARKER = re.compile(
    r"####|(?<!\w)(?<![a-z,] )A:"  # after a word it is a name, as in "let's evaluate A: A = False"
    rf"|(?i:\banswer\b(?:[ \t]{{1,4}}(?:to|of|for|in)\b[^.\n:?!]{{1,60}}?)?[\s*_]{{0,4}}{_IS})"
    r"|(?i:^[ \t*_#]{0,8}(?:the )?(?:final )?answer[ \t*_]{0,8}$)",
    re.MULTILINE,
)
_AROUND = " \t\r*_#:="
_DELIMITERS = (("$$", "$$"), (r"\[", r"\]"), (r"\(", r"\)"), ("$", "$"))
_SENTENCE_END = re.compile(r"[.!?](?=[\s*_\"')\]]|$)")
_ABBREVIATION = re.compile(r"(?i:\b(?:approx|ca|abt|no|nr|rs|eq|fig|vs|st)|\b[a-z](?:\.[a-z])+)\Z")
_ABBREVIATED = 12
_ASIDE = re.compile(r",?\s+(?:because|since|so|which|therefore|thus|hence)\b|,\s+(?!(?:and|or)\b)(?=[A-Za-z]{2})")
_NAME = re.compile(r"(?<=[a-z,] )A:")


class MathAnswer(BuiltinComponent):
    r"""Takes the last `\boxed{…}`, else what follows the last `####`, `A:` or "answer is", else the text.

    Boxes that only a comma, "and" or "or" separates are one answer, a list. Reasoning before the answer, such as
    `<think>…</think>`, is left out, as `builtin/strip_reasoning` does.

    "Answer:" and a heading of that name count like "answer is". What follows a marker is the rest of its line, or the
    next line that is not empty, up to the end of the sentence or of what is said about the number ("72, in total, so
    …"); a formula on separate lines is taken whole. LaTeX delimiters around all of it are removed. None when
    nothing follows, when the text is empty, and when its only `A:` names something ("let's evaluate A: A = …").
    """

    component_id = "builtin/math_answer"
    version = "3"

    def parse(self, candidate: ReducedCandidate, ctx: ParseContext) -> ParsedOutput:  # noqa: ARG002  # part of the protocol
        """Return the answer that the output gives."""
        text = without_blocks(text_of(candidate.final_output) or "")
        answer = last_boxed(text)
        if answer is None:
            answer = _after_marker(text)
        if answer is None:
            answer = "" if _NAME.search(text) else _without_delimiters(text.strip())
        return ParsedOutput(value=answer.strip() or None, format="math")

    def ballot(self, value: str) -> str:
        """Return the common form of answers that mean the same, for a vote: the number, else the formula."""
        found = read_quantity(value)
        return comparable(value) if found is None else f"{found.value}{'%' * found.percent}"


def last_boxed(text: str) -> str | None:
    r"""Return the content of the closed `\boxed{…}` that begins last; braces in it are balanced. None without one.

    A list of boxes is one answer: the contents, with commas between them.
    """
    if "box" not in text:
        return None
    boxes = sorted(_boxes(text), key=lambda box: box.begin)
    if not boxes:
        bare = _BARE_BOX.findall(text)
        return bare[-1] if bare else None
    listed = [boxes[-1]]
    for box in reversed(boxes[:-1]):
        if not _BETWEEN_BOXES.fullmatch(text, box.end + 1, listed[-1].command):
            break
        listed.append(box)
    contents = list(dict.fromkeys(text[box.begin : box.end].strip() for box in reversed(listed)))
    return contents[0] if len(contents) == 1 else ", ".join(contents)


class _Box(NamedTuple):
    """A closed box: the places of its command, of its content, and of the brace that closes it."""

    command: int
    begin: int
    end: int


def _boxes(text: str) -> Iterator[_Box]:
    open_braces: list[re.Match[str]] = []
    for found in _BRACE.finditer(text):
        mark = found[0]
        if mark[-1] == "{" and mark != "\\{":
            open_braces.append(found)
        elif mark == "}" and open_braces:
            opened = open_braces.pop()
            if _BOX.fullmatch(opened[0]):
                yield _Box(opened.start(), opened.end(), found.start())


def _after_marker(text: str) -> str | None:
    """Return the text after the last marker; None without one. A marker that ends a line (`#### 5 ####`) is ignored."""
    ends = [found.end() for found in _MARKER.finditer(text)]
    if len(ends) > 1 and text.endswith("####", 0, ends[-1]) and not text[ends[-1] :].strip(_AROUND + "\n"):
        ends.pop()
    if not ends:
        return None
    rest = text[ends[-1] :].lstrip(_AROUND + "\n")
    block = _formula(rest)
    if block is not None:
        return block
    return _without_delimiters(_clause(rest.partition("\n")[0]).strip(_AROUND))


def _formula(rest: str) -> str | None:
    """Return the formula that a text begins with, if the sentence holds nothing else."""
    for opening, closing in _DELIMITERS:
        if not rest.startswith(opening):
            continue
        inner, found, after = rest[len(opening) :].partition(closing)
        is_block = opening in {"$$", r"\["}
        if not found or not inner.strip() or ("\n" in inner and not is_block):
            return None
        if is_block or not after.partition("\n")[0].strip(_AROUND + ".,;!"):
            return " ".join(inner.split()).rstrip(".,; ")
        return None
    return None


def _clause(line: str) -> str:
    """Return the line up to the end of its first sentence, or of the remark about its number."""
    for stop in _SENTENCE_END.finditer(line):
        before = line[: stop.start()]
        is_short = _ABBREVIATION.search(before[-_ABBREVIATED:]) and stop.end() < len(line)
        if before.strip(_AROUND) and not is_short:
            line = before
            break
    for aside in _ASIDE.finditer(line[:MAX_CHARACTERS]):
        before = line[: aside.start()]
        if before and (aside[0].strip(", ") or read_quantity(before) is not None):
            return before
    return line


def _without_delimiters(text: str) -> str:
    """Return `text` without LaTeX's delimiters, if one pair is around all of it."""
    for opening, closing in _DELIMITERS:
        inner = text[len(opening) : -len(closing)]
        if len(text) > len(opening + closing) and text.startswith(opening) and text.endswith(closing):
            return text if closing in inner or opening in inner else inner.strip()
    return text
