"""ROUGE: the overlap of n-grams, and the longest common subsequence, of two texts."""

import importlib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import Any, ClassVar, Literal, get_args

from themis.core.base import JSONValue
from themis.core.builtins.arguments import one_of, true_or_false
from themis.core.builtins.extras import require_extra
from themis.core.builtins.metrics.text_metric import CountedTextMetric, Likeness, TooLongError
from themis.core.models import Score
from themis.core.text.sequences import cells, common_subsequence

MOST_CELLS = 1_000_000_000
"""Largest product of the numbers of words of two texts, without their common beginning and end: about a second."""

Variant = Literal["rouge1", "rouge2", "rougeL"]

_VARIANTS: tuple[Variant, ...] = get_args(Variant)
_SEPARATORS = re.compile(r"[^a-z0-9]+")
_LONGEST_UNSTEMMED = 3


class Rouge(CountedTextMetric):
    """F1 of the words of answer and expected text (rouge1), of pairs of words (rouge2), or of their sequence (rougeL).

    The value is the F1 of one of them; `details` hold precision, recall and F1 of all three, and the figures over a run
    are the means of their F1. Words are those of the package rouge-score: sequences of ASCII letters and digits, in
    lower case; other scripts have none. rougeL takes a text as one sentence (it is not rougeLsum). Of several expected
    texts the best counts, for each of the three.

    With `stem` words of more than three letters are compared by Porter's stems, as the package nltk finds them.

    A pair of texts has no score if the product of their numbers of words, without their common beginning and end, is
    above `MOST_CELLS`.

    Source: Lin, "ROUGE: A Package for Automatic Evaluation of Summaries", ACL 2004 Workshop.
    """

    component_id = "builtin/rouge"
    libraries: ClassVar[dict[str, dict[str, JSONValue]]] = {"nltk": {}}

    def __init__(self, *, variant: Variant = "rougeL", stem: bool = False) -> None:
        """Choose the value, and whether words are stemmed.

        Raises:
            InvalidArgumentError: an argument has another kind of value.
            MissingExtraError: nltk is needed for stems, and not installed.
        """
        self._variant = one_of("variant", variant, Variant)
        self._stem = true_or_false("stem", stem)
        if stem:
            require_extra("nltk", component_id=self.component_id, extra="rouge")

    @property
    def arguments(self) -> dict[str, JSONValue]:
        """The value and whether words are stemmed."""
        return {"variant": self._variant, "stem": self._stem}

    @property
    def libraries_used(self) -> dict[str, dict[str, JSONValue]]:
        """The stemmer's package, if words are stemmed."""
        return self.libraries if self._stem else {}

    def compared(self, answer: str, expected: str) -> Likeness:
        """Return the similarity, with that of each variant.

        Raises:
            TooLongError: there are too many words.
        """
        ours, theirs = self._words(answer), self._words(expected)
        if cells(ours, theirs) > MOST_CELLS:
            msg = f"{len(ours):,} and {len(theirs):,} words are too many to be compared"
            raise TooLongError(msg)
        found: dict[str, JSONValue] = {
            "rouge1": _ngrams(ours, theirs, 1),
            "rouge2": _ngrams(ours, theirs, 2),
            "rougeL": _overlap(common_subsequence(ours, theirs), len(ours), len(theirs)),
        }
        return Likeness(_f1(found, self._variant), found)

    def details(self, answer: str, expected: list[str], best: Likeness) -> dict[str, JSONValue]:
        """Return the best precision, recall and F1 of each variant."""
        if len(expected) == 1:
            return best.details
        each = [self.compared(answer, text).details for text in expected]
        return {name: max(each, key=lambda found: _f1(found, name))[name] for name in _VARIANTS}

    def aggregate(self, rows: Iterable[Score]) -> dict[str, float]:
        """Return the mean F1 of each variant."""
        sums, count = dict.fromkeys(_VARIANTS, 0.0), 0
        for row in rows:
            count += 1
            for name in _VARIANTS:
                sums[name] += _f1(row.details, name)
        return {name: total / count for name, total in sums.items()}

    def _words(self, text: str) -> list[str]:
        words = [word for word in _SEPARATORS.split(text.lower()) if word]
        if not self._stem:
            return words
        return [self._stemmed(word) if len(word) > _LONGEST_UNSTEMMED else word for word in words]

    @cached_property
    def _stemmed(self) -> Callable[[str], str]:
        stem: Callable[[str], str] = importlib.import_module("nltk.stem.porter").PorterStemmer().stem
        return stem


def _f1(found: dict[str, Any], variant: str) -> float:
    value: float = found[variant]["f1"]
    return value


def _ngrams(ours: Sequence[str], theirs: Sequence[str], order: int) -> dict[str, JSONValue]:
    one, other = (Counter(zip(*(words[skip:] for skip in range(order)), strict=False)) for words in (ours, theirs))
    return _overlap((one & other).total(), one.total(), other.total())


def _overlap(common: int, ours: int, theirs: int) -> dict[str, JSONValue]:
    precision, recall = common / max(ours, 1), common / max(theirs, 1)
    return {"precision": precision, "recall": recall, "f1": 2 * common / (ours + theirs) if common else 0.0}
