"""A parser that finds the letter that a text chooses."""

import re

from themis.core.builtins.component import BuiltinComponent, text_of
from themis.core.contexts import ParseContext
from themis.core.models import ParsedOutput, ReducedCandidate

# Every repetition has a bound, so that the time stays proportional to the text, whatever it holds.
_BEFORE = r"(?<![\w'\u2019])(?<!\w[.-])"
_AFTER = r"(?![\w'\u2019+#]|[.-]\w)"
_OPENING = r"[\s:=*_$\"'`(\[{]{0,12}(?:\\(?:text|mathrm|mathbf|textbf)\{)?"
_CHOSEN = r"([A-Jb-j]|a(?!\s{1,8}[A-Za-z]))" + _AFTER
_STATEMENTS = (
    re.compile(
        r"(?i:\b(?:(?:answer|option|choice)\s{0,4}(?:\bis\b|would be|should be|must be|:|=)|answer|choose|pick|select))"
        rf"{_OPENING}(?i:(?:option|choice|letter)\s{{1,4}})?{_OPENING}{_CHOSEN}"
    ),
    re.compile(rf"\\boxed\s{{0,4}}\{{{_OPENING}([A-Ja-j]){_AFTER}"),
    re.compile(
        rf"{_BEFORE}([A-J])[*_)\]]{{0,4}}\s{{1,4}}is\s{{1,4}}(?:the\s{{1,4}})?(?:best\s{{1,4}}|correct\s{{1,4}}|right\s{{1,4}})?"
        r"(?:correct|right|answer|best|choice|option)\b"
    ),
)
_LONE = re.compile(rf"{_BEFORE}([A-J]){_AFTER}")
_WHOLE = re.compile(r"[\s*_$\"'`(\[]*([A-Ja-j])[\s*_$\"'`)\].:]*")
_LONGEST_WHOLE = 32
_DENIAL = re.compile(r"(?i:\bnot|n['\u2019]t|\bneither|\bnor)(?i:\s{1,4}(?:option|choice))?[\s*_(\[]{1,8}$")
_DENIAL_REACH = 32


class ChoiceLetter(BuiltinComponent):
    r"""Takes the last stand-alone letter A to J that the text gives as its answer, in upper case.

    What counts, in this order: a text that is but a letter; the last letter that the text calls its answer ("answer is
    (B)", "I choose B", `\boxed{B}`, "B is correct"); the last capital that stands alone and is neither the article "A",
    nor the pronoun "I", nor denied ("not B"). None when there is no such letter.
    """

    component_id = "builtin/choice_letter"

    def parse(self, candidate: ReducedCandidate, ctx: ParseContext) -> ParsedOutput:  # noqa: ARG002  # part of the protocol
        """The letter that the output chooses."""
        text = text_of(candidate.final_output) or ""
        return ParsedOutput(value=_whole(text) or _stated(text) or _lone(text), format="choice")


def _whole(text: str) -> str | None:
    text = text.strip()
    found = _WHOLE.fullmatch(text) if len(text) <= _LONGEST_WHOLE else None
    return found[1].upper() if found else None


def _stated(text: str) -> str | None:
    places = sorted((found.start(1), found.start()) for statement in _STATEMENTS for found in statement.finditer(text))
    for start, statement_start in reversed(places):
        if not _is_pronoun(text, start) and not _is_denied(text, statement_start):
            return text[start].upper()
    return None


def _lone(text: str) -> str | None:
    for start in reversed([found.start() for found in _LONE.finditer(text)]):
        if not (_is_pronoun(text, start) or _is_article(text, start) or _is_denied(text, start)):
            return text[start]
    return None


def _is_pronoun(text: str, start: int) -> bool:
    return text[start] in "Ii" and text[start + 1 : start + 2] == " " and text[start + 2 : start + 3].islower()


def _is_article(text: str, start: int) -> bool:
    return text[start] == "A" and text[start + 1 : start + 2] == " " and text[start + 2 : start + 3].isalpha()


def _is_denied(text: str, start: int) -> bool:
    return _DENIAL.search(text[max(0, start - _DENIAL_REACH) : start]) is not None
