"""sacrebleu's sentence BLEU."""

import importlib
from typing import Any

from themis.core.builtins.component import BuiltinMetric, expected_texts, kind_of
from themis.core.contexts import ScoreContext
from themis.core.errors import MissingExtraError
from themis.core.models import Case, ParsedOutput, Score, ScoreError

_FULL_MARKS = 100.0


class Bleu(BuiltinMetric):
    """Sentence BLEU against one reference, from 0 to 1; of several expected texts the most alike counts.

    It is `sacrebleu.sentence_bleu` with its defaults (tokenizer 13a, exponential smoothing, effective order) divided by
    100: here a value of 1 is what counts as correct, and on sacrebleu's own scale nearly every text would be.

    The expected output is a text, a list of texts, or `{answer: …}` or `{answers: […]}` with them.

    Source: Post, "A Call for Clarity in Reporting BLEU Scores", WMT 2018.
    """

    component_id = "builtin/bleu"
    version = "2"

    def __init__(self) -> None:
        """Load sacrebleu.

        Raises:
            MissingExtraError: it is not installed.
        """
        try:
            self._sentence_bleu: Any = importlib.import_module("sacrebleu").sentence_bleu
        except ImportError:
            raise MissingExtraError(
                reference=self.component_id, package="sacrebleu", distribution="themis-eval", extra="bleu"
            ) from None

    def score(self, parsed: ParsedOutput, case: Case, ctx: ScoreContext) -> Score | ScoreError:  # noqa: ARG002  # protocol
        """The likeness to the expected text; no score unless both sides are texts."""
        expected = expected_texts(case.expected_output)
        if isinstance(expected, str):
            return self.unscored(expected)
        if not isinstance(parsed.value, str):
            return self.unscored(f"the parsed value must be a text, not {kind_of(parsed.value)}")
        value = max(float(self._sentence_bleu(parsed.value, [text]).score) for text in expected)
        # The same text twice gives 100.00000000000004.
        return self.scored(min(value / _FULL_MARKS, 1.0))
