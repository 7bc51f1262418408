"""Scales of verdicts: the labels, numbers or truth values that a judge may give, and what each is worth."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from themis.core.base import JSONValue
from themis.core.errors import InvalidArgumentError, VerdictOutsideScaleError

_NUMBER = re.compile(r"([+-]?\d{1,9}(?:\.\d{1,9})?)(?:\s{0,3}(?:/|out of|of)\s{0,3}(\d{1,9}))?", re.IGNORECASE)
_FLAGS = {"true": True, "yes": True, "false": False, "no": False}
_SHOWN_CHARACTERS = 60
_FEWEST_LABELS = 2


@dataclass(frozen=True, slots=True)
class Verdict:
    """A verdict on a scale.

    Attributes:
        label: the verdict as it is written.
        rating: the verdict as a number: that of a scale of numbers, else what the label is worth.
        worth: from 0, the worst of the scale, to 1, the best.
    """

    label: str
    rating: float
    worth: float


@dataclass(frozen=True, slots=True)
class Labels:
    """A scale of words, each with what it is worth, from 0 to 1."""

    worth: Mapping[str, float]
    _by_key: dict[str, str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Index the labels without regard to upper and lower case."""
        object.__setattr__(self, "_by_key", {key_of(label): label for label in self.worth})

    @property
    def options(self) -> list[str]:
        """The verdicts that there are, the best first as they were given."""
        return list(self.worth)

    @property
    def described(self) -> str:
        """The scale in words."""
        return " or ".join(self.options)

    def verdict_of(self, value: JSONValue) -> Verdict:
        """Return the verdict that a value is, in upper or lower case.

        Raises:
            VerdictOutsideScaleError: it is not one of the labels.
        """
        label = self._by_key.get(key_of(value)) if isinstance(value, str) else None
        if label is None:
            raise VerdictOutsideScaleError(verdict=shortened(value), scale=self.described)
        return Verdict(label, self.worth[label], self.worth[label])


@dataclass(frozen=True, slots=True)
class Numbers:
    """A scale of numbers, both ends among them; with `whole` of whole numbers alone."""

    lowest: float
    highest: float
    whole: bool = False

    @property
    def options(self) -> list[str]:
        """The ends of the scale, the best first."""
        return [f"{self.highest:g}", f"{self.lowest:g}"]

    @property
    def described(self) -> str:
        """The scale in words."""
        kind = "whole number" if self.whole else "number"
        return f"a {kind} from {self.lowest:g} (worst) to {self.highest:g} (best)"

    def verdict_of(self, value: JSONValue) -> Verdict:
        """Return the verdict that a number is, or a text such as `8` or `8/10`.

        Raises:
            VerdictOutsideScaleError: it is not a number of the scale.
        """
        number = self._number_in(value)
        if number is None or not self.lowest <= number <= self.highest or (self.whole and number != int(number)):
            raise VerdictOutsideScaleError(verdict=shortened(value), scale=self.described)
        return Verdict(f"{number:g}", float(number), (number - self.lowest) / (self.highest - self.lowest))

    def _number_in(self, value: JSONValue) -> int | float | None:
        if isinstance(value, str):
            found = _NUMBER.fullmatch(value.strip())
            if found is None or (found[2] is not None and float(found[2]) != self.highest):
                return None
            return float(found[1])
        return value if isinstance(value, int | float) and not isinstance(value, bool) else None


@dataclass(frozen=True, slots=True)
class Flags:
    """A scale of true, worth 1, and false."""

    @property
    def options(self) -> list[str]:
        """The verdicts that there are."""
        return ["true", "false"]

    @property
    def described(self) -> str:
        """The scale in words."""
        return "true or false"

    def verdict_of(self, value: JSONValue) -> Verdict:
        """Return the verdict that true, false, 1, 0 or such a word is: the text `"false"` is false.

        Raises:
            VerdictOutsideScaleError: it is neither.
        """
        flag = _FLAGS.get(key_of(value)) if isinstance(value, str) else value
        if flag not in (True, False):
            raise VerdictOutsideScaleError(verdict=shortened(value), scale=self.described)
        return Verdict("true" if flag else "false", float(bool(flag)), float(bool(flag)))


Scale = Labels | Numbers | Flags


def key_of(text: str) -> str:
    """Return a label without regard to case and to the space around it and inside."""
    return " ".join(text.split()).casefold()


def shortened(value: JSONValue) -> str:
    """Return a value for a message: its beginning, when it is long."""
    text = value if isinstance(value, str) else str(value)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"


def scale_from(given: Any) -> Scale:
    """Return the scale that an argument names.

    It is a list of labels, the best first and evenly spaced from 1 to 0; a mapping from labels to what they are worth;
    `{lowest: 1, highest: 10, whole: true}`; or the word `true_false`.

    Raises:
        InvalidArgumentError: it is not one of these.
    """
    if given == "true_false":
        return Flags()
    if isinstance(given, dict) and given.keys() & {"lowest", "highest"}:
        return _numbers_from(given)
    if isinstance(given, list):
        steps = max(len(given) - 1, 1)
        given = {str(label): 1 - place / steps for place, label in enumerate(given)} if _are_texts(given) else None
    if isinstance(given, dict) and _are_labels(given):
        return Labels({label.strip(): float(worth) for label, worth in given.items()})
    detail = (
        "must be a list of two labels or more (the best first), a mapping from labels to numbers from 0 to 1, "
        "{lowest: 1, highest: 10}, or true_false"
    )
    raise InvalidArgumentError(argument="scale", detail=detail)


def _are_texts(given: list[Any]) -> bool:
    return all(isinstance(label, str) for label in given) and len(set(given)) == len(given)


def _are_labels(given: Mapping[Any, Any]) -> bool:
    texts = [label for label in given if isinstance(label, str) and label.strip()]
    numbers = [worth for worth in given.values() if _is_number(worth) and 0 <= worth <= 1]
    return len({key_of(text) for text in texts}) == len(given) == len(numbers) and len(given) >= _FEWEST_LABELS


def _numbers_from(given: Mapping[str, Any]) -> Numbers:
    lowest: Any = given.get("lowest")
    highest: Any = given.get("highest")
    whole = given.get("whole", False)
    known = given.keys() <= {"lowest", "highest", "whole"} and isinstance(whole, bool)
    if not known or not _is_number(lowest) or not _is_number(highest) or not lowest < highest:
        detail = "a scale of numbers is {lowest: 1, highest: 10} with the lower number first, and perhaps whole: true"
        raise InvalidArgumentError(argument="scale", detail=detail)
    return Numbers(float(lowest), float(highest), whole)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
