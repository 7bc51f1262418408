"""Reading of answers to multiple-choice questions: the letter that a text gives as its answer, if any.

A letter counts only when the text says that it is the answer, never because it merely occurs: solutions are full of
variables, units and labels. Every repetition in a pattern is bounded, so that the time stays proportional to the text.
"""

import re
from collections.abc import Iterator, Sequence

# --- a letter that stands alone --------------------------------------------------------------------------------------

# Chinese, Japanese and Korean put no space around a letter, so their characters are not part of the same word.
_WORDY = r"[^\W_\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]"
_BEFORE = rf"(?<!{_WORDY})(?<!['\u2019])(?<!\w[.-])(?<![^\W_]_)"
_AFTER = rf"(?!{_WORDY}|['\u2019+#]|[.-]{_WORDY})"
_NO_FORMULA = r"(?!\s{0,2}(?:[=+^]|_\{?\w|\\[A-Za-z]))"
_CLOSING = r"[\s*_$\"'`)\]}]{0,6}"
_ENDS_A_CLAUSE = rf"(?={_CLOSING}(?:[.,;:!?<]|\n|\Z|\b(?:because|since|as|is|and|or)\b))"
_CAPITAL = rf"[A-Z]{_AFTER}{_NO_FORMULA}"
_SMALL = rf"[a-z]{_AFTER}{_NO_FORMULA}{_ENDS_A_CLAUSE}"
_FULL_WIDTH = {wide: wide - 0xFEE0 for wide in range(0xFF01, 0xFF5F)} | {0x3002: "."}

# --- statements about the answer -------------------------------------------------------------------------------------

_ANSWER = "answer|antwort|r[ée]ponse|respuesta|resposta|risposta|ответ|答案|答え|正解|正答|回答|정답|답"
_IS = (
    r"\bis\b|\bwould be\b|\bshould be\b|\bmust be\b|\bist\b|\best\b|\bes\b|\bé\b|\bè\b"
    "|应该是|應該是|应为|是|为|為|选|選|は|은|는|:|="
)
_CHOOSE = r"\b(?:choose|chose|pick|picked|select|selected)\b|选择|選擇|选|選"
_CONCLUDE = (
    r"\b(?:so|therefore|thus|hence|finally|it\s{1,4}is|it['\u2019]s|that\s{1,4}is|think|believe|guess"
    r"|go(?:ing)?\s{1,4}with)\b,?"
)
_OPENING = r"[\s:=*_$\"'`(\[{>]{0,12}(?:\\(?:[(\[]|(?:text|textbf|mathrm|mathbf|textrm)\{))?[\s*_$\"'`(\[]{0,4}"
_OPTION = rf"{_OPENING}(?i:(?:option|choice|letter|选项|選項)\s{{0,4}})?{_OPENING}"
_RIGHT = (
    r"is\s{1,4}(?:the\s{1,4})?(?:(?:best|only|correct|right)\s{1,4})?"
    r"(?:(?:answer|choice|option)\b|(?:correct|right)\b(?!\s{1,4}(?!because|since|as|and|while|whereas|here)\w))"
)
_STATEMENTS = (
    # answer [to the question] is (B); the option: B
    re.compile(
        rf"(?i:(?<!</)(?<![A-Za-z])(?:{_ANSWER})(?:\s[^.\n:;?!]{{1,60}}?\s(?=is\b))?[\s*_\"']{{0,4}}(?:{_IS})?"
        rf"|\b(?:option|choice)[\s*_\"']{{0,4}}(?:{_IS})(?!\W{{0,12}}\n)){_OPTION}({_CAPITAL}|{_SMALL})"
    ),
    re.compile(rf"(?i:{_CHOOSE}){_OPTION}({_CAPITAL}|{_SMALL})"),
    re.compile(rf"\\boxed\s{{0,4}}\{{{_OPENING}([A-Za-z]){_AFTER}"),
    re.compile(rf"{_BEFORE}([A-Z])[*_)\]]{{0,4}}\s{{1,4}}(?i:{_RIGHT})"),
    re.compile(rf"{_BEFORE}([A-Z])[*_)\]]{{0,4}}(?:选项|選項|项|項)?是?(?:正确|正確|对的|對的)"),
)
_CONCLUSIONS = (re.compile(rf"(?i:{_CONCLUDE}){_OPTION}({_CAPITAL}){_ENDS_A_CLAUSE}"),)

_DENIED_BEFORE = re.compile(
    r"(?i:\bnot|n['\u2019]t|\bneither|\bnor)(?i:\s{1,4}(?:option|choice))?[\s*_(\[]{1,8}\Z|[不非]\Z"
)
_DENIED_AFTER = re.compile(
    r"[*_)\]\"']{0,4}\s{1,4}(?i:(?:is|was)\s{1,4}(?:incorrect|wrong|false|not)\b|(?:isn|wasn|can)['\u2019]t\b|cannot\b)"
)
_AND = r",(?:\s{0,2}(?:or|and)\b)?|/|&|\b(?:or|and|oder|und|ou|et)\b|或|和"
_ANOTHER = re.compile(
    rf"[*_)\]\"']{{0,4}}\s{{0,2}}(?:{_AND})\s{{0,2}}(?:option\s{{1,4}})?[*_(\[\"']{{0,4}}"
    rf"(?:[A-Z]{_AFTER}|{_SMALL})(?!{_CLOSING}\b(?:is|was|isn|can|cannot)\b)(?!(?<=I) [a-z])"
)
_DENIED_TOGETHER = re.compile(
    rf"[*_)\]\"']{{0,4}}(?:\s{{0,2}}(?:{_AND})\s{{0,2}}[*_(\[\"']{{0,4}}[A-Z][*_)\]\"']{{0,4}}){{1,9}}\s{{1,4}}"
    r"(?:are|were|can(?:not|['\u2019]t))\s{1,4}(?:(?:both|all|clearly|be)\s{1,4}){0,2}"
    r"(?:incorrect|wrong|false|not|out|eliminated|excluded|ruled)\b"
)
_REACH = 64

# --- where a letter alone is an answer -------------------------------------------------------------------------------

_WHOLE = re.compile(r"[\s*_$\"'`(\[]*([A-Za-z])[\s*_$\"'`)\].:]*")
_LONGEST_WHOLE = 32
_LEADING = re.compile(
    r"[\s*_\"'`]{0,8}(?:[(\[]([A-Za-z])[)\]]|([a-z])\)"
    r"|([A-Z])[*_\"'`]{0,4}(?:[).:]?\s{0,4}(?:\n|\Z)|[).:,][\s*_]|\s[-\u2013\u2014]\s))"
)
_LONGEST_LABELLED = 100
_ITEM = re.compile(r"^[ \t*_]{0,8}[(\[]?([A-Z])[)\].:]", re.MULTILINE)
_ENDING = re.compile(rf"{_BEFORE}(?:(?<![(\[])|(?=.[)\]]))([A-Z])[*_\"'`)\]]{{0,4}}[.!]?[*_\"'`)\]\s]{{0,8}}\Z")
_PART_OF_MORE = re.compile(
    r"(?:[^\w\s.,;:!?)\]\"'*_`]|[0-9]|\\[A-Za-z]{1,20}|(?<!\w)[B-HJ-Z])\s{0,2}\Z"  # a formula, or a row of letters
    rf"|(?<!\w)[A-Za-z][*_)\]]{{0,3}}\s{{0,2}}(?:{_AND})[\s*_(\[]{{0,4}}\Z"
)


def chosen_letter(text: str, *, first: bool = False) -> str | None:
    """Return the letter that `text` gives as its answer, in upper case; None when there is none, or more than one.

    Args:
        text: the model's output.
        first: whether the first answer counts, not the last: then a letter at the beginning of the text goes first.
    """
    text = text.strip()
    if not text.isascii():
        text = text.translate(_FULL_WIDTH)
    if whole := _whole(text):
        return whole
    leading = _leading(text)
    if first and leading:
        return leading
    for patterns in (_STATEMENTS, _CONCLUSIONS):
        for start, statement in _said(patterns, text, first=first):
            if not _is_pronoun(text, start) and not _is_denied(text, statement, start):
                return None if _ANOTHER.match(text, start + 1) else text[start].upper()
    return leading or _ending(text)


def _whole(text: str) -> str | None:
    found = _WHOLE.fullmatch(text) if len(text) <= _LONGEST_WHOLE else None
    return found[1].upper() if found else None


def _said(patterns: Sequence[re.Pattern[str]], text: str, *, first: bool) -> Iterator[tuple[int, int]]:
    """Yield the position of each letter that is stated as the answer, and the beginning of that statement."""
    places = {found.start(1): found.start() for pattern in patterns for found in pattern.finditer(text)}
    return iter(sorted(places.items(), reverse=not first))


def _leading(text: str) -> str | None:
    """Return the label that the text begins with, unless it is only the first of a list of options."""
    found = _LEADING.match(text)
    if found is None:
        return None
    label = str(found[found.lastindex or 1])
    if _is_denied(text, found.start(found.lastindex or 1)):
        return None
    if label.islower() and ("\n" in text or len(text) > _LONGEST_LABELLED):
        return None  # a part (a) of a longer solution, not an option
    letter = label.upper()
    following = _ITEM.search(text, found.end())
    return None if following is not None and ord(following[1]) == ord(letter) + 1 else letter


def _ending(text: str) -> str | None:
    begin = max(0, len(text) - _REACH)
    found = _ENDING.search(text, begin)
    if found is None:
        return None
    before = text[begin : found.start()].rstrip("*_([\"'`")
    if _PART_OF_MORE.search(before) or _DENIED_BEFORE.search(text[begin : found.start()]):
        return None
    return found[1]


def _is_pronoun(text: str, start: int) -> bool:
    return text[start] in "Ii" and text[start + 1 : start + 2] == " " and text[start + 2 : start + 3].islower()


def _is_denied(text: str, *places: int) -> bool:
    """Whether the statement that begins at one of `places` is negated; the last of them is the letter's own."""
    before = (text[max(0, place - _REACH) : place] for place in places)
    if any(map(_DENIED_BEFORE.search, before)):
        return True
    return any(after.match(text, places[-1] + 1) for after in (_DENIED_AFTER, _DENIED_TOGETHER))
