r"""Parser that extracts the answer from a worked solution."""

import re

from themis.core.builtins.answers.math_text import MAX_CHARACTERS, comparable, read_quantity
from themis.core.builtins.component import BuiltinComponent, text_of
from themis.core.contexts import ParseContext
from themis.core.models import ParsedOutput, ReducedCandidate

_BRACE = re.compile(r"\\f?box(?:ed)?\s{0,4}\{|\\.|[{}]", re.DOTALL)
_BOX = re.compile(r"\\(?:boxed|fbox)\s{0,4}\{")
_IS = r"(?:\bis\b|\bwould be\b|\bshould be\b|\bmust be\b|:|=)"
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

    "Answer:" and a heading of that name count like "answer is". What follows a marker is the rest of its line, or the
    next line that is not empty, up to the end of the sentence or of what is said about the number ("72, in total, so
    …"); a formula on separate lines is taken whole. LaTeX delimiters around all of it are removed. None when
    nothing follows, when the text is empty, and when its only `A:` names something ("let's evaluate A: A = …").
    """

    component_id = "builtin/math_answer"
    version = "2"

    def parse(self, candidate: ReducedCandidate, ctx: ParseContext) -> ParsedOutput:  # noqa: ARG002  # part of the protocol
        """Return the answer that the output gives."""
        text = text_of(candidate.final_output) or ""
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
    r"""Return the content of the closed `\boxed{…}` that begins last; braces in it are balanced. None without one."""
    if "box" not in text:
        return None
    best: tuple[int, int] | None = None
    open_braces: list[int] = []  # the beginning of each content; negative for braces that are not boxes
    for found in _BRACE.finditer(text):
        mark = found[0]
        if mark[-1] == "{" and mark != "\\{":
            open_braces.append(found.end() if _BOX.fullmatch(mark) else -1)
        elif mark == "}" and open_braces:
            begin = open_braces.pop()
            if begin >= 0 and (best is None or begin > best[0]):
                best = (begin, found.start())
    return None if best is None else text[best[0] : best[1]]


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
