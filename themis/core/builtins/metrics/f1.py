"""SQuAD's token overlap."""

from collections import Counter

from themis.core.builtins.answers.text_normalization import SQUAD
from themis.core.builtins.metrics.text_metric import Likeness, TextMetric


class F1(TextMetric):
    """Harmonic mean of precision and recall of the answer's words against the expected ones, 0 to 1.

    Words are compared as SQuAD does it: in lower case, without ASCII punctuation and English articles. When one side
    has no words left, the score is 1 if the other has none either, else 0.

    Answer and expected output are texts, lists of texts (of expected ones the best counts, of answers the worst), or
    `{answer: …}` or `{answers: […]}` with them.

    Source: Rajpurkar et al., "SQuAD: 100,000+ Questions for Machine Comprehension of Text", EMNLP 2016, section 6.1;
    the case of no words is that of the evaluation script for SQuAD 2.0.
    """

    component_id = "builtin/f1"
    version = "3"

    def compared(self, answer: str, expected: str) -> Likeness:
        """Return the overlap of the words of both."""
        return Likeness(token_f1(answer, expected), {})


def squad_words(text: str) -> list[str]:
    """Return the words that SQuAD's evaluation compares."""
    return SQUAD(text).split()


def token_f1(answer: str, expected: str) -> float:
    """Return the F1 of the two texts' words, each counted as often as it occurs."""
    ours, theirs = squad_words(answer), squad_words(expected)
    if not ours or not theirs:
        return float(ours == theirs)
    common = (Counter(ours) & Counter(theirs)).total()
    if not common:
        return 0.0
    precision, recall = common / len(ours), common / len(theirs)
    return 2 * precision * recall / (precision + recall)
