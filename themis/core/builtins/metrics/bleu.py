"""sacrebleu's sentence BLEU."""

import importlib
import importlib.util
from functools import cached_property
from typing import Any, ClassVar

from themis.core.base import JSONValue
from themis.core.builtins.component import TextMetric
from themis.core.errors import MissingExtraError

_FULL_MARKS = 100.0
_OPTIONS: dict[str, JSONValue] = {
    "smooth_method": "exp",
    "lowercase": False,
    "tokenize": "13a",
    "use_effective_order": True,
}


class Bleu(TextMetric):
    """Sentence BLEU against one reference, from 0 to 1; of several expected texts the most similar counts.

    It is `sacrebleu.sentence_bleu` with its defaults (tokenizer 13a, exponential smoothing, effective order) divided by
    100: here a value of 1 is what counts as correct, and on sacrebleu's own scale nearly every text would be. The
    version of sacrebleu and these options are in the fingerprint.

    Answer and expected output are texts, lists of texts, or `{answer: …}` or `{answers: […]}` with them; of several
    answers the worst counts.

    Source: Post, "A Call for Clarity in Reporting BLEU Scores", WMT 2018.
    """

    component_id = "builtin/bleu"
    version = "3"
    libraries: ClassVar[dict[str, dict[str, JSONValue]]] = {"sacrebleu": _OPTIONS}

    def __init__(self) -> None:
        """Check that sacrebleu is installed; the first score loads it.

        Raises:
            MissingExtraError: it is not installed.
        """
        try:
            found = importlib.util.find_spec("sacrebleu") is not None
        except ValueError:  # another object in its place
            found = False
        if not found:
            raise MissingExtraError(
                reference=self.component_id, package="sacrebleu", distribution="themis-eval", extra="bleu"
            )

    @cached_property
    def _sentence_bleu(self) -> Any:
        return importlib.import_module("sacrebleu").sentence_bleu

    def likeness(self, answer: str, expected: str) -> float:
        """Return sacrebleu's score, from 0 to 1."""
        value = float(self._sentence_bleu(answer, [expected], **_OPTIONS).score)
        return min(value / _FULL_MARKS, 1.0)  # the same text twice gives 100.00000000000004
