"""sacrebleu's sentence BLEU."""

import importlib
import importlib.util
from functools import cached_property
from typing import Any, ClassVar

from themis.core.base import JSONValue
from themis.core.builtins.component import BuiltinMetric, expected_texts, kind_of
from themis.core.contexts import ScoreContext
from themis.core.errors import MissingExtraError
from themis.core.models import Case, ParsedOutput, Score, ScoreError

_FULL_MARKS = 100.0
_OPTIONS: dict[str, JSONValue] = {
    "smooth_method": "exp",
    "lowercase": False,
    "tokenize": "13a",
    "use_effective_order": True,
}


class Bleu(BuiltinMetric):
    """Sentence BLEU against one reference, from 0 to 1; of several expected texts the most alike counts.

    It is `sacrebleu.sentence_bleu` with its defaults (tokenizer 13a, exponential smoothing, effective order) divided by
    100: here a value of 1 is what counts as correct, and on sacrebleu's own scale nearly every text would be. The
    version of sacrebleu and these options are in the fingerprint.

    The expected output is a text, a list of texts, or `{answer: …}` or `{answers: […]}` with them.

    Source: Post, "A Call for Clarity in Reporting BLEU Scores", WMT 2018.
    """

    component_id = "builtin/bleu"
    version = "2"
    libraries: ClassVar[dict[str, dict[str, JSONValue]]] = {"sacrebleu": _OPTIONS}

    def __init__(self) -> None:
        """See that sacrebleu is there; the first score loads it.

        Raises:
            MissingExtraError: it is not installed.
        """
        try:
            found = importlib.util.find_spec("sacrebleu") is not None
        except ValueError:  # something that stands in its place
            found = False
        if not found:
            raise MissingExtraError(
                reference=self.component_id, package="sacrebleu", distribution="themis-eval", extra="bleu"
            )

    @cached_property
    def _sentence_bleu(self) -> Any:
        return importlib.import_module("sacrebleu").sentence_bleu

    def score(self, parsed: ParsedOutput, case: Case, ctx: ScoreContext) -> Score | ScoreError:  # noqa: ARG002  # protocol
        """The likeness to the expected text; no score unless both sides are texts."""
        expected = expected_texts(case.expected_output)
        if isinstance(expected, str):
            return self.unscored(expected)
        if not isinstance(parsed.value, str):
            return self.unscored(f"the parsed value must be a text, not {kind_of(parsed.value)}")
        value = max(float(self._sentence_bleu(parsed.value, [text], **_OPTIONS).score) for text in expected)
        # The same text twice gives 100.00000000000004.
        return self.scored(min(value / _FULL_MARKS, 1.0))
