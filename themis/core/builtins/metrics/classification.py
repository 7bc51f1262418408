"""Classification: figures of a confusion matrix over a run."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from themis.core.base import JSONValue
from themis.core.builtins.answers.golds import texts_in
from themis.core.builtins.arguments import true_or_false
from themis.core.builtins.component import BuiltinMetric, kind_of
from themis.core.contexts import ScoreContext
from themis.core.errors import InvalidArgumentError
from themis.core.models import Case, ParsedOutput, Score, ScoreError

LONGEST_LABEL = 200
"""Characters of the longest label; a longer answer is none."""

_PREDICTED, _EXPECTED = "predicted", "expected"


class Classification(BuiltinMetric):
    """1 when the answer is the expected label, else 0; over a run the figures of the confusion matrix.

    They are `accuracy`, `macro_f1`, `micro_f1`, `balanced_accuracy` (the mean recall of the expected labels) and `mcc`
    (Matthews' correlation coefficient for several classes). An answer that is not a label, such as a refusal or a case
    without an answer, counts against the recall of the expected label and as one class more in `mcc`; it is not a class
    of its own in `macro_f1`, and no false positive in `micro_f1`. Labels are those that are given, as far as they
    occur; else those that are expected in some case.

    Labels are compared without space around them, and without case unless `ignore_case` is false. The expected output
    is a label, or several as for `builtin/f1`: then the answer may be any of them, and stands for the first if it is
    none.

    Sources: Matthews, "Comparison of the Predicted and Observed Secondary Structure of T4 Phage Lysozyme", Biochimica
    et Biophysica Acta 405 (1975); Gorodkin, "Comparing Two K-category Assignments by a K-category Correlation
    Coefficient", Computational Biology and Chemistry 28 (2004); Brodersen et al., "The Balanced Accuracy and Its
    Posterior Distribution", ICPR 2010; for F1 Sokolova and Lapalme, "A Systematic Analysis of Performance Measures for
    Classification Tasks", Information Processing and Management 45 (2009).
    """

    component_id = "builtin/classification"

    def __init__(self, *, labels: Sequence[str] | None = None, ignore_case: bool = True) -> None:
        """Take the labels, if they are more than those that are expected, and whether case does not count.

        Raises:
            InvalidArgumentError: the labels are not different texts of at most 200 characters, or `ignore_case` is
                another value.
        """
        self._ignore_case = true_or_false("ignore_case", ignore_case)
        self._labels = None if labels is None else self._checked(labels)

    @property
    def arguments(self) -> dict[str, JSONValue]:
        """The labels, and whether case does not count."""
        return {"labels": [*sorted(self._labels)] if self._labels else None, "ignore_case": self._ignore_case}

    def score(self, parsed: ParsedOutput, case: Case, ctx: ScoreContext) -> Score | ScoreError:  # noqa: ARG002  # protocol
        """Return 1 or 0; no score unless a label is expected, and the parsed value is a text."""
        return self._score_of(parsed.value, case.expected_output)

    def details_of_no_answer(self, case: Case) -> dict[str, JSONValue]:
        """Return the statistics of an answer that is not a label; none for a case that cannot be scored."""
        found = self._score_of("", case.expected_output)
        return found.details if isinstance(found, Score) else {}

    def aggregate(self, rows: Iterable[Score]) -> dict[str, float]:
        """Return the figures of the confusion matrix."""
        pairs: Counter[tuple[str, str | None]] = Counter()
        for row in rows:
            details: dict[str, Any] = row.details
            pairs[details[_EXPECTED], details[_PREDICTED]] += 1
        return figures_of(pairs, self._labels)

    def _score_of(self, value: JSONValue, expected_output: JSONValue) -> Score | ScoreError:
        texts = texts_in(expected_output, "expected_output")
        if isinstance(texts, str):
            return self.unscored(texts)
        if not isinstance(value, str):
            return self.unscored(f"the parsed value must be a text, not {kind_of(value)}")
        expected = [self._label(text) for text in texts]
        wrong = next((label for label in expected if not self._is_label(label)), None)
        if wrong is not None:
            return self.unscored(f"expected_output must be a label, not {wrong[:LONGEST_LABEL]!r}")
        said = self._label(value)
        details: dict[str, JSONValue] = {
            _EXPECTED: said if said in expected else expected[0],
            _PREDICTED: said if self._is_label(said) else None,
        }
        return Score(metric_id=self.component_id, value=float(said in expected), details=details)

    def _label(self, text: str) -> str:
        return text.strip().lower() if self._ignore_case else text.strip()

    def _is_label(self, label: str) -> bool:
        return 0 < len(label) <= LONGEST_LABEL and (self._labels is None or label in self._labels)

    def _checked(self, labels: Sequence[Any]) -> frozenset[str]:
        texts = [] if isinstance(labels, str) else [label for label in labels if isinstance(label, str)]
        known = {label for label in map(self._label, texts) if 0 < len(label) <= LONGEST_LABEL}
        if not known or len(known) != len(labels):
            detail = f"must be a list of different texts of at most {LONGEST_LABEL} characters"
            raise InvalidArgumentError(argument="labels", detail=detail)
        return frozenset(known)


def figures_of(pairs: Counter[tuple[str, str | None]], labels: frozenset[str] | None = None) -> dict[str, float]:
    """Return the figures of a confusion matrix.

    Args:
        pairs: number of cases by expected and predicted label; None is not a label.
        labels: those that there are; None for the expected ones.
    """
    expected: Counter[str] = Counter()
    predicted: Counter[str | None] = Counter()
    known = labels or frozenset(label for label, _ in pairs)
    for (right, said), count in pairs.items():
        expected[right] += count
        predicted[said if said in known else None] += count
    right_by_label = {label: pairs[label, label] for label in known}
    hits, total = sum(right_by_label.values()), pairs.total()
    classes = sorted(label for label in known if expected[label] or predicted[label])
    f1 = [2 * right_by_label[label] / (expected[label] + predicted[label]) for label in classes]
    recall = [right_by_label[label] / count for label, count in expected.items()]
    return {
        "accuracy": hits / total,
        "macro_f1": math.fsum(f1) / len(f1),
        "micro_f1": 2 * hits / (2 * total - predicted[None]),
        "balanced_accuracy": math.fsum(recall) / len(recall),
        "mcc": _correlation(hits, total, expected, predicted),
    }


def _correlation(hits: int, total: int, expected: Counter[str], predicted: Counter[str | None]) -> float:
    """Return Matthews' correlation coefficient; 0 when one side has a single class, as nothing can correlate."""
    together = sum(count * predicted[label] for label, count in expected.items())
    squares = [total * total - sum(count * count for count in side.values()) for side in (expected, predicted)]
    return (hits * total - together) / math.sqrt(squares[0] * squares[1]) if all(squares) else 0.0
