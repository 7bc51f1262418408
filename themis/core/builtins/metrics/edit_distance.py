"""Levenshtein's distance of two texts."""

from collections.abc import Iterable, Sequence
from typing import Any, Literal

from themis.core.base import JSONValue
from themis.core.builtins.answers.text_normalization import Preset, normalization_of
from themis.core.builtins.arguments import one_of
from themis.core.builtins.metrics.text_metric import CountedTextMetric, Likeness, TooLongError
from themis.core.models import Score
from themis.core.text.sequences import cells, levenshtein

MOST_CELLS = 1_000_000_000
"""Largest product of the lengths of two texts, without their common beginning and end: some seconds."""

Unit = Literal["character", "word"]


class EditDistance(CountedTextMetric):
    """1 minus the Levenshtein distance of answer and expected text divided by the length of the longer one.

    So 1 is the same text and 0 one without anything in common. `details` hold the `distance` itself, the
    `normalized_distance` from 0 to 1, and the length of the expected text. Over a run there are the means of both
    distances, and the `error_rate`: the sum of the distances by the sum of the expected lengths, which is the character
    error rate, or with `unit: word` the word error rate; it can exceed 1. Lengths are in characters (code points), or
    in words between white space.

    Of several expected texts the one with the highest value counts, of several answers the one with the lowest.

    Source: Levenshtein, "Binary Codes Capable of Correcting Deletions, Insertions, and Reversals", Soviet Physics
    Doklady 10 (1966).
    """

    component_id = "builtin/edit_distance"

    def __init__(
        self, *, unit: Unit = "character", normalization: Preset | None = None, ignore_case: bool = False
    ) -> None:
        """Choose what is inserted, deleted and replaced, and what differences of texts do not count.

        Raises:
            InvalidArgumentError: an argument has another kind of value.
        """
        self._unit = one_of("unit", unit, Unit)
        self._normal_form = normalization_of(normalization, ignore_case=ignore_case)

    @property
    def arguments(self) -> dict[str, JSONValue]:
        """The unit and what is ignored."""
        return {"unit": self._unit, **self._normal_form.arguments}

    def compared(self, answer: str, expected: str) -> Likeness:
        """Return the similarity with the distances.

        Raises:
            TooLongError: the product of the lengths is above `MOST_CELLS`.
        """
        ours, theirs = self._units(answer), self._units(expected)
        if cells(ours, theirs) > MOST_CELLS:
            msg = f"{len(ours):,} and {len(theirs):,} {self._unit}s are too many to be compared"
            raise TooLongError(msg)
        distance, longer = levenshtein(ours, theirs), max(len(ours), len(theirs))
        normalized = distance / longer if longer else 0.0
        details: dict[str, JSONValue] = {"distance": distance, "normalized_distance": normalized}
        return Likeness(1.0 - normalized, {**details, "expected_length": len(theirs)})

    def aggregate(self, rows: Iterable[Score]) -> dict[str, float]:
        """Return the mean distances, and the error rate unless every expected text is empty."""
        count, distance, normalized, length = 0, 0, 0.0, 0
        for row in rows:
            details: dict[str, Any] = row.details
            count += 1
            distance += details["distance"]
            normalized += details["normalized_distance"]
            length += details["expected_length"]
        means = {"mean_distance": distance / count, "mean_normalized_distance": normalized / count}
        return means | ({"error_rate": distance / length} if length else {})

    def _units(self, text: str) -> Sequence[str]:
        text = self._normal_form(text)
        return text if self._unit == "character" else text.split()
