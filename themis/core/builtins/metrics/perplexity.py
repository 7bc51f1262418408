"""Perplexity of texts under a model, from their log-likelihoods."""

import math
from collections.abc import Iterable
from typing import Any

from themis.core.builtins.component import BuiltinMetric
from themis.core.builtins.metrics.continuation_accuracy import NO_CONTINUATIONS, gold_of
from themis.core.contexts import ScoreContext
from themis.core.models import Case, ContinuationScore, ParsedOutput, Score, ScoreError

_STATISTICS = ("log_likelihood", "tokens", "words", "utf8_bytes")
_LARGEST_EXPONENT = 700.0


class Perplexity(BuiltinMetric):
    """Perplexity per token of the right continuation; over a run, of all of them as one text.

    With L the natural log-likelihood of a text: the perplexity per token is exp(-L / tokens), per word exp(-L / words),
    and the bits per byte are -L / (bytes * ln 2). A word is what white space separates. For a whole run L and the
    lengths are those of all texts together, which is not the mean of the cases. Source: Jurafsky and Martin, "Speech
    and Language Processing", 3rd edition, 3.3.
    """

    component_id = "builtin/perplexity"

    def score(self, parsed: ParsedOutput, case: Case, ctx: ScoreContext) -> Score | ScoreError:  # noqa: ARG002  # protocol
        """Return the perplexity per token; no score without a log-likelihood of the text that is expected."""
        found = parsed.continuations
        if not found:
            return self.unscored(NO_CONTINUATIONS)
        gold = gold_of(case, len(found)) if len(found) > 1 else 0
        if isinstance(gold, str):
            return self.unscored(gold)
        right = found[gold]
        exponent = -right.log_likelihood / right.tokens
        if exponent > _LARGEST_EXPONENT:
            return self.unscored(f"a log-likelihood of {-exponent:g} per token is not a probability that a model has")
        return Score(metric_id=self.component_id, value=math.exp(exponent), details=_statistics(right))

    def aggregate(self, rows: Iterable[Score]) -> dict[str, float]:
        """Return the perplexity per token and per word, and the bits per byte, of the texts of all rows together."""
        log_likelihood, tokens, words, size = 0.0, 0, 0, 0
        for row in rows:
            details: dict[str, Any] = row.details
            log_likelihood += details["log_likelihood"]
            tokens += details["tokens"]
            words += details["words"]
            size += details["utf8_bytes"]
        found = {"token_perplexity": (log_likelihood, tokens), "word_perplexity": (log_likelihood, words)}
        perplexities = {name: _exp(-of / by) for name, (of, by) in found.items() if by}
        bits = {"bits_per_byte": -log_likelihood / size / math.log(2)} if size else {}
        return perplexities | bits


def _statistics(text: ContinuationScore) -> dict[str, Any]:
    """Return the sufficient statistics of a text."""
    scored = text.text[len(text.text) - text.characters :]
    values = (text.log_likelihood, text.tokens, len(scored.split()), text.utf8_bytes)
    return dict(zip(_STATISTICS, values, strict=True))


def _exp(exponent: float) -> float:
    """Return e to the power of a number; an infinity beyond the floats."""
    try:
        return math.exp(exponent)
    except OverflowError:
        return math.inf
