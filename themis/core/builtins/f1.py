"""SQuAD's token overlap."""

import re
import string
from collections import Counter

from themis.core.builtins.component import BuiltinMetric, expected_texts, kind_of
from themis.core.contexts import ScoreContext
from themis.core.models import Case, ParsedOutput, Score, ScoreError

_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
_DROP_PUNCTUATION = str.maketrans("", "", string.punctuation)


class F1(BuiltinMetric):
    """Harmonic mean of precision and recall of the answer's words against the expected ones, 0 to 1.

    Words are compared as SQuAD does it: in lower case, without ASCII punctuation and English articles. When one side
    has no words left, the score is 1 if the other has none either, else 0.

    The expected output is a text, a list of texts (the best counts), or `{answer: …}` or `{answers: […]}` with them.

    Source: Rajpurkar et al., "SQuAD: 100,000+ Questions for Machine Comprehension of Text", EMNLP 2016, section 6.1;
    the case of no words is that of the evaluation script for SQuAD 2.0.
    """

    component_id = "builtin/f1"
    version = "2"

    def score(self, parsed: ParsedOutput, case: Case, ctx: ScoreContext) -> Score | ScoreError:  # noqa: ARG002  # protocol
        """The overlap with the expected text that is most alike; no score unless both sides are texts."""
        expected = expected_texts(case.expected_output)
        if isinstance(expected, str):
            return self.unscored(expected)
        if not isinstance(parsed.value, str):
            return self.unscored(f"the parsed value must be a text, not {kind_of(parsed.value)}")
        answer = parsed.value
        return self.scored(max(token_f1(answer, text) for text in expected))


def squad_words(text: str) -> list[str]:
    """The words that SQuAD's evaluation compares."""
    return _ARTICLES.sub(" ", text.lower().translate(_DROP_PUNCTUATION)).split()


def token_f1(answer: str, expected: str) -> float:
    """F1 of the two texts' words, each counted as often as it occurs."""
    ours, theirs = squad_words(answer), squad_words(expected)
    if not ours or not theirs:
        return float(ours == theirs)
    common = (Counter(ours) & Counter(theirs)).total()
    if not common:
        return 0.0
    precision, recall = common / len(ours), common / len(theirs)
    return 2 * precision * recall / (precision + recall)
