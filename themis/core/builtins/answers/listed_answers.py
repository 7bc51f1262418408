r"""Answers that list several, in any order: `1, 2`, `1 and 2`, `\{1, 2\}`, `\pm 1`. A tuple is no such list."""

import re
from collections.abc import Callable

from themis.core.builtins.answers.math_text import MAX_CHARACTERS

_MOST = 8
_AND = re.compile(
    r"\s*[,;]?\s*(?:\\(?:text|textrm|mbox|mathrm)\s?\{\s*,?\s*(?:and|or)\s*\}|(?<![A-Za-z\\])(?:and|or)(?![A-Za-z]))\s*"
)
_NOT_SHOWN = re.compile(r"\\(?:left|right|quad|qquad|displaystyle)(?![A-Za-z])|\\[,;:! ]|\$")
_SET = re.compile(r"(?:[A-Za-z]\w{0,9}\s*(?:=|\\in(?![A-Za-z])|∈)\s*)?\\\{(.*)\\\}", re.DOTALL)
_EITHER = re.compile(r"\\pm(?![A-Za-z])|±")
_DEPTH = {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}
_MODULUS = re.compile(
    r"\s*(?:\\pmod\s?\{[^{}]*\}|(?<![A-Za-z])\\?[bp]?mod(?![A-Za-z]).*|\(\s*\\?mod\s[^()]*\))\s*\Z", re.DOTALL
)
_EQUATION = re.compile(r"[^=<>!:,;\n]+(?:=[^=<>,;\n]+)+")
_CONGRUENT = re.compile(r"[A-Za-z]\w{0,9}\s*(?:\\equiv(?![A-Za-z])|≡)\s*")


def members(text: str) -> list[str]:
    """Return the answers in a text that lists them; a text that lists none, or too many, is its only member."""
    if len(text) > MAX_CHARACTERS:
        return [text]
    plain = _AND.sub(", ", _NOT_SHOWN.sub(" ", text)).strip().rstrip(".")
    inner = _SET.fullmatch(plain)
    found: list[str] = []
    for part in _split(plain if inner is None else inner[1]):
        signs = _EITHER.findall(part)
        found += [_EITHER.sub(sign, part) for sign in "+-"] if len(signs) == 1 else [part]
    return found if 1 < len(found) <= _MOST and all(found) else [text]


def _split(text: str) -> list[str]:
    """Return the parts of a text between the commas and semicolons that no bracket encloses."""
    parts, depth, begin = [], 0, 0
    for place, sign in enumerate(text):
        depth += _DEPTH.get(sign, 0)
        if sign in ",;" and depth == 0:
            parts.append(text[begin:place].strip())
            begin = place + 1
    return [*parts, text[begin:].strip()]


def same_members(one: list[str], other: list[str], same: Callable[[str, str], bool]) -> bool:
    """Whether two lists have the same members, in any order; `same` says whether two members mean the same."""
    if not 1 < len(one) == len(other):
        return False
    left = list(other)
    for member in one:
        found = next((place for place, candidate in enumerate(left) if same(member, candidate)), None)
        if found is None:
            return False
        del left[found]
    return True


def right_side(text: str) -> str:
    """Return the last side of an equation, such as `33` of `m + n = 33`; any other text as it is."""
    return text.rpartition("=")[2].strip("$ ") if len(text) <= MAX_CHARACTERS and _EQUATION.fullmatch(text) else text


def without_modulus(text: str) -> str:
    r"""Return a remainder without what it is a remainder of: `33` of `N \equiv 33 \pmod{1000}`."""
    short = _MODULUS.sub("", text) if len(text) <= MAX_CHARACTERS else text
    return text if short == text else _CONGRUENT.sub("", short.strip("$ "))
