"""Differences between two texts that a comparison leaves out of account."""

import re
import string
from dataclasses import dataclass, fields
from typing import Literal

from themis.core.base import JSONValue
from themis.core.builtins.arguments import true_or_false
from themis.core.errors import InvalidArgumentError

_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
_DROP_PUNCTUATION = str.maketrans("", "", string.punctuation)

Preset = Literal["squad"]


@dataclass(frozen=True, slots=True)
class TextNormalization:
    """A form of texts in which some differences are gone.

    Attributes:
        ignore_case: texts become lower case.
        ignore_punctuation: ASCII's punctuation is dropped, without a space in its place.
        ignore_articles: the English articles `a`, `an` and `the` are dropped, in lower case only.
        ignore_whitespace: white space at the ends is dropped, and any other becomes one space.

    All four in this order are the normalization of SQuAD's evaluation script. Source: Rajpurkar et al., "SQuAD:
    100,000+ Questions for Machine Comprehension of Text", EMNLP 2016, section 6.1.
    """

    ignore_case: bool = False
    ignore_punctuation: bool = False
    ignore_articles: bool = False
    ignore_whitespace: bool = False

    def __call__(self, text: str) -> str:
        """Return the normal form of a text."""
        if self.ignore_case:
            text = text.lower()
        if self.ignore_punctuation:
            text = text.translate(_DROP_PUNCTUATION)
        if self.ignore_articles:
            text = _ARTICLES.sub(" ", text)
        return " ".join(text.split()) if self.ignore_whitespace else text

    @property
    def arguments(self) -> dict[str, JSONValue]:
        """The names of what is ignored, as arguments."""
        return {field.name: True for field in fields(self) if getattr(self, field.name)}


SQUAD = TextNormalization(ignore_case=True, ignore_punctuation=True, ignore_articles=True, ignore_whitespace=True)


def normalization_of(preset: Preset | None, **ignored: bool) -> TextNormalization:
    """Return the normalization that a component's arguments describe.

    Args:
        preset: `squad` for all of it, or None.
        ignored: by the names of `TextNormalization`.

    Raises:
        InvalidArgumentError: another preset, or a value that is not true or false.
    """
    given = TextNormalization(**{name: true_or_false(name, value) for name, value in ignored.items()})
    if preset is None:
        return given
    if preset != "squad":
        raise InvalidArgumentError(argument="normalization", detail=f"must be squad or nothing, not {preset!r}")
    return SQUAD
