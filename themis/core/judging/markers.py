"""Markers of verdicts: how a judge is asked to write its verdict, and the last place in its response where it does."""

import json
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from themis.core.base import JSONValue
from themis.core.errors import InvalidArgumentError, NoVerdictError, VerdictOutsideScaleError
from themis.core.judging.scales import Numbers, Scale, Verdict, key_of
from themis.core.text.reasoning import without_reasoning

_TAIL_CHARACTERS = 65_536
"""Read of a response, from its end: no verdict needs more, and no response can make the reading slow."""

_MOST_OBJECTS = 1_000
_REASONS = "First give your reasons in a few sentences. Then end with one line that holds nothing but"

# Brackets of other languages (lenticular, tortoise shell, white square), and characters that nobody sees.
_BRACKETS = str.maketrans(
    dict.fromkeys("\u3010\u3014\u27e6\u301a", "[[")
    | dict.fromkeys("\u3011\u3015\u27e7\u301b", "]]")
    | dict.fromkeys("\\\u200b\u200c\u200d\u2060\ufeff", "")
)
_EMPHASIS = str.maketrans("", "", "*`#")
_IN_BRACKETS = re.compile(r"\[\[([^\[\]]{1,100})\]\]")
_NAMED = re.compile(r"[\w ]{1,30}[:=]\s*(.*)", re.DOTALL)
_QUOTES = "\"'\u201c\u201d\u2018\u2019"
_OPENING = f" \t\r\n([{{<{_QUOTES}"
_DECORATION = f"{_OPENING})]}}>.,;:!?*`_"
_DASHES = "-\u2013\u2014~"
_WORDS = ("verdict", "grade", "score", "rating", "judgement", "judgment", "decision", "winner")
_RANGE = re.compile(rf"\s?[{_DASHES}]\s?\d")
_NUMBER = re.compile(r"[+-]?\d{1,9}(?:\.\d{1,9})?(?:\s{0,3}(?:/|out of)\s{0,3}\d{1,9})?(?![\w%])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Brackets:
    """`[[8]]`: the verdict in double square brackets."""

    def asked(self, scale: Scale) -> str:
        """Return the sentence that asks for a verdict."""
        if isinstance(scale, Numbers):
            return f"{_REASONS} {scale.described} in double square brackets, in the form [[number]]."
        return f"{_REASONS} your verdict: {_listed(scale, '[[{}]]')}."

    def example(self, verdict: str) -> str:
        """Return a response with a verdict."""
        return f"[[{verdict}]]"


@dataclass(frozen=True, slots=True)
class Words:
    """`Verdict: 8`: the verdict behind one of some words."""

    words: tuple[str, ...] = _WORDS

    def asked(self, scale: Scale) -> str:
        """Return the sentence that asks for a verdict."""
        word = self.words[0]
        if isinstance(scale, Numbers):
            return f"{_REASONS} `{word}: number` with {scale.described}."
        return f"{_REASONS} your verdict: {_listed(scale, word + ': {}')}."

    def example(self, verdict: str) -> str:
        """Return a response with a verdict."""
        return f"{self.words[0]}: {verdict}"


@dataclass(frozen=True, slots=True)
class Field:
    """`{"criteria_met": true}`: the verdict in a field of a JSON object."""

    name: str

    def asked(self, scale: Scale) -> str:
        """Return the sentence that asks for a verdict."""
        return (
            "Respond with one JSON object and nothing else. It has the fields "
            f'"explanation" (your reasons, as a text) and {json.dumps(self.name)} ({scale.described}).'
        )

    def example(self, verdict: str) -> str:
        """Return a response with a verdict."""
        value = {"true": True, "false": False}.get(verdict, verdict)
        return json.dumps({"explanation": "", self.name: value})


Marker = Brackets | Words | Field


def _listed(scale: Scale, form: str) -> str:
    return " or ".join(form.format(option) for option in scale.options)


def marker_from(given: Any) -> Marker:
    """Return the marker that an argument names: `brackets`, `{words: Verdict}` or `{field: criteria_met}`.

    Raises:
        InvalidArgumentError: it is not one of these.
    """
    if given is None or given == "brackets":
        return Brackets()
    if isinstance(given, dict) and len(given) == 1:
        ((kind, named),) = given.items()
        words = [named] if isinstance(named, str) else named
        if kind in {"words", "field"} and isinstance(words, list) and words and all(map(_is_word, words)):
            if kind == "words":
                return Words(tuple(word.strip() for word in words))
            if len(words) == 1:
                return Field(words[0])
    detail = "must be brackets, {words: Verdict} (a text or a list of texts), or {field: <name of a JSON field>}"
    raise InvalidArgumentError(argument="marker", detail=detail)


def _is_word(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def find_verdict(text: str, scale: Scale, marker: Marker) -> Verdict:
    """Return the verdict of a response: the last one that is marked as the judge was asked to.

    Only where no such mark is found, the other ways of writing a verdict count: brackets, a word before it, a first or
    last line that holds nothing else. A word of the scale somewhere in a sentence is not a verdict. What a judge thinks
    in a block of reasoning does not count either.

    Raises:
        VerdictOutsideScaleError: what is marked as the verdict is not on the scale.
        NoVerdictError: nothing is.
    """
    tail = without_reasoning(text)[-_TAIL_CHARACTERS:].translate(_BRACKETS)
    spoken = unicodedata.normalize("NFKC", tail)[-_TAIL_CHARACTERS:]
    if isinstance(marker, Field):
        return scale.verdict_of(_last_field(spoken, marker.name))
    plain = spoken.translate(_EMPHASIS).replace("__", "")
    in_brackets = _bracketed(spoken, scale)
    behind_words = _behind_words(plain, scale, marker.words if isinstance(marker, Words) else _WORDS)
    asked, other = (behind_words, in_brackets) if isinstance(marker, Words) else (in_brackets, behind_words)
    for found in (asked, other, _alone(plain, scale)):
        verdict = next(found, None)
        if verdict is not None:
            return verdict
    detail = f"nothing in its response is marked as {scale.described}" if plain.strip() else "its response is empty"
    raise NoVerdictError(detail=detail)


def _bracketed(text: str, scale: Scale) -> Iterator[Verdict]:
    marks = _IN_BRACKETS.findall(text)
    if marks:
        inside = marks[-1].strip(_DECORATION)
        named = _NAMED.fullmatch(inside)
        yield scale.verdict_of(named[1] if named else inside)


def _behind_words(text: str, scale: Scale, words: tuple[str, ...]) -> Iterator[Verdict]:
    names = "|".join(r"\s{1,3}".join(map(re.escape, word.rstrip(":= ").split())) for word in words)
    mark = re.compile(
        rf"(?<!\w)(?i:{names})[^\S\n]{{0,3}}(?:(?P<sure>[:=])|(?i:is|was)(?!\w):?)\s{{0,5}}(?=(?P<behind>.{{1,120}}))"
    )
    last = None
    for found in mark.finditer(text):
        verdict = _beginning(found["behind"], scale)
        if verdict is not None or found["sure"]:
            last = (verdict, found["behind"])
    if last is not None:
        verdict, rest = last
        if verdict is None:
            raise VerdictOutsideScaleError(verdict=rest.strip()[:60], scale=scale.described)
        yield verdict


def _beginning(text: str, scale: Scale) -> Verdict | None:
    """Return the verdict with which a text begins; a number off the scale is an error, any other text is none."""
    text = text.lstrip(_OPENING)
    if isinstance(scale, Numbers):
        number = _NUMBER.match(text)
        return scale.verdict_of(number[0]) if number and not _RANGE.match(text, number.end()) else None
    labels = "|".join(_pattern(label) for label in sorted(scale.options, key=len, reverse=True))
    found = re.match(rf"({labels})(?![\w+/'\u2019-])(?!,?\s{{1,3}}(?i:or|and|nor)\s{{1,3}}(?:{labels})(?!\w))", text)
    return scale.verdict_of(found[1]) if found else None


def _pattern(label: str) -> str:
    """Return the expression of a label inside a sentence: a single letter in its own case, as `a` is a word."""
    words = r"\s{1,3}".join(map(re.escape, label.split()))
    return f"(?:{words})" if len(label) == 1 else f"(?i:{words})"


def _alone(text: str, scale: Scale) -> Iterator[Verdict]:
    lines = [line.strip(_DECORATION) for line in text.splitlines() if line.strip(_DECORATION)]
    if isinstance(scale, Numbers):
        if len(lines) == 1 and _NUMBER.fullmatch(lines[0]):
            yield scale.verdict_of(lines[0])
        return
    known = {key_of(option) for option in scale.options}
    for line in lines[-1:] + lines[:1]:
        if key_of(line) in known:
            yield scale.verdict_of(line)


def _last_field(text: str, name: str) -> JSONValue:
    """Return the value of a field in the last JSON object that has it; objects inside others do not count.

    Raises:
        NoVerdictError: no object has it.
    """
    decoder = json.JSONDecoder(parse_constant=_refuse)
    starts = [found.start() for found in re.finditer(r"\{", text)][-_MOST_OBJECTS:]
    values: list[JSONValue] = []
    end, seen = 0, False
    for start in starts:
        if start < end:
            continue
        try:
            value, end = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            continue
        seen = True
        if name in value:
            values.append(value[name])
    if not values:
        detail = (
            f"its JSON has no field {name!r}" if seen else f"its response is not a JSON object with a field {name!r}"
        )
        raise NoVerdictError(detail=detail)
    return values[-1]


def _refuse(constant: str) -> None:
    msg = f"{constant} is not a number of JSON"
    raise ValueError(msg)
