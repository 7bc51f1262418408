"""Metrics of sacrebleu: per case, and over a run with the signature that published figures have."""

import importlib
from collections.abc import Iterable
from functools import cached_property
from typing import Any, ClassVar, Literal

from themis.core.base import JSONValue
from themis.core.builtins.arguments import one_of, true_or_false
from themis.core.builtins.extras import require_extra
from themis.core.builtins.metrics.text_metric import CountedTextMetric, Likeness, TooLongError
from themis.core.models import Score

Tokenizer = Literal["13a", "intl", "zh", "char", "none"]
"""Those of sacrebleu's tokenizers for BLEU that need no other package, and no file from the network."""

WordOrder = Literal[0, 1, 2]

_FULL_MARKS = 100.0
_STATISTICS, _REFERENCES = "statistics", "references"
_REMEMBERED = 4_000_000
_TER_BEAM = 50


class TranslationMetric(CountedTextMetric):
    """One of sacrebleu's metrics.

    The value of a case is from 0 to 1 and 1 for the expected text; the figure over a run, which is not a mean of them,
    is on sacrebleu's scale from 0 to 100. It is computed from the sums of sacrebleu's statistics of each case, as
    sacrebleu's own figure of a corpus is, with all expected texts of a case as its references.

    Attributes:
        kind: name of sacrebleu's class.
        figure: name of the figure over a run.
        libraries: sacrebleu, with the options of `kind` that decide the result and are not arguments here.
    """

    longest = 200_000
    kind: ClassVar[str]
    figure: ClassVar[str]
    libraries: ClassVar[dict[str, dict[str, JSONValue]]] = {"sacrebleu": {}}

    def __init__(self, **options: JSONValue) -> None:
        """Check that sacrebleu is installed; the first score loads it.

        Raises:
            MissingExtraError: it is not installed.
        """
        require_extra("sacrebleu", component_id=self.component_id, extra="bleu")
        self._options = options
        self._seen = 0

    @property
    def arguments(self) -> dict[str, JSONValue]:
        """The options."""
        return dict(self._options)

    @cached_property
    def scorer(self) -> Any:
        """Sacrebleu's object for a run."""
        return getattr(importlib.import_module("sacrebleu.metrics"), self.kind)(**self._options)

    @property
    def case_scorer(self) -> Any:
        """Sacrebleu's object for a case."""
        return self.scorer

    def compared(self, answer: str, expected: str) -> Likeness:
        """Return sacrebleu's score of a sentence, from 0 to 1."""
        return self.likeness(self._counted(answer, [expected]))

    def likeness(self, statistics: list[float]) -> Likeness:
        """Return the similarity that follows from the statistics of one answer and one expected text."""
        value = float(self.case_scorer._compute_score_from_stats(list(statistics)).score)  # noqa: SLF001  # see `_counted`
        # The same text twice gives 100.00000000000004.
        return Likeness(min(value / _FULL_MARKS, 1.0), {_STATISTICS: list(statistics)})

    def details(self, answer: str, expected: list[str], best: Likeness) -> dict[str, JSONValue]:
        """Return the statistics of an answer and all its references."""
        found: dict[str, JSONValue] = {**best.details, _REFERENCES: len(expected)}
        if len(expected) > 1:
            found[_STATISTICS] = list(self._counted(answer, expected))
        return found

    def aggregate(self, rows: Iterable[Score]) -> dict[str, float | str]:
        """Return the score of the corpus on sacrebleu's scale, and sacrebleu's signature."""
        sums: list[float] = []
        references: set[int] = set()
        for row in rows:
            details: dict[str, Any] = row.details
            found = details[_STATISTICS]
            sums = [one + other for one, other in zip(sums, found, strict=True)] if sums else list(found)
            references.add(details[_REFERENCES])
        scorer = self.scorer
        scorer.num_refs = references.pop() if len(references) == 1 else -1  # sacrebleu's sign for "it varies"
        value = float(scorer._compute_score_from_stats(sums).score)  # noqa: SLF001  # see `_counted`
        return {self.figure: value, "signature": scorer.get_signature().format()}

    def _counted(self, answer: str, expected: list[str]) -> list[float]:
        """Return sacrebleu's statistics of an answer, which can be added up.

        There is no public way to those of chrF. These methods are what every metric of sacrebleu must have, as its own
        bootstrap resamples by them; a test compares the results with those of its public methods.
        """
        scorer = self.scorer
        self._forget(len(answer) + sum(map(len, expected)))
        found: list[float] = scorer._extract_corpus_statistics([answer], [[text] for text in expected])[0]  # noqa: SLF001
        return found

    def _forget(self, characters: int) -> None:
        """Empty the caches of sacrebleu's tokenizers now and then: they keep 65,536 texts, however long."""
        self._seen += characters
        tokenizer = getattr(self.scorer, "tokenizer", None)
        if self._seen > _REMEMBERED and tokenizer is not None:
            self._seen = 0
            for part in (tokenizer, *vars(tokenizer).values()):
                clear = getattr(type(part).__call__, "cache_clear", None) if callable(part) else None
                if clear is not None:
                    clear()


class Bleu(TranslationMetric):
    """Sentence BLEU against one reference, from 0 to 1, and `corpus_bleu` over a run, from 0 to 100.

    The sentence's is that of `sacrebleu.sentence_bleu` (exponential smoothing, effective order); of several expected
    texts the most similar counts. The corpus's is that of `sacrebleu.corpus_bleu`, with all of them as references.

    Answer and expected output are texts, lists of texts, or `{answer: …}` or `{answers: …}` with them; of several
    answers the worst counts.

    Source: Post, "A Call for Clarity in Reporting BLEU Scores", WMT 2018.
    """

    component_id = "builtin/bleu"
    version = "4"
    kind = "BLEU"
    figure = "corpus_bleu"
    libraries: ClassVar[dict[str, dict[str, JSONValue]]] = {"sacrebleu": {"smooth_method": "exp"}}

    def __init__(self, *, tokenize: Tokenizer = "13a", lowercase: bool = False) -> None:
        """Choose sacrebleu's tokenizer, and whether upper and lower case are the same.

        Raises:
            InvalidArgumentError: the tokenizer is not one of them.
            MissingExtraError: sacrebleu is not installed.
        """
        one_of("tokenize", tokenize, Tokenizer)
        super().__init__(tokenize=tokenize, lowercase=true_or_false("lowercase", lowercase))

    @cached_property
    def case_scorer(self) -> Any:
        """Sacrebleu's object for a sentence, which leaves out the orders of n-grams that a short one does not have."""
        return type(self.scorer)(**self._options, effective_order=True)


class Chrf(TranslationMetric):
    """Sentence chrF2 from 0 to 1, and `corpus_chrf` over a run, from 0 to 100; with `word_order: 2` they are chrF++.

    It is the F-score, with recall counting twice, of the n-grams of up to 6 characters without white space. Of several
    expected texts the most similar counts, in the corpus too. They are given as for `builtin/bleu`.

    Source: Popović, "chrF: character n-gram F-score for automatic MT evaluation", WMT 2015, as `sacrebleu` computes it.
    """

    component_id = "builtin/chrf"
    kind = "CHRF"
    figure = "corpus_chrf"
    libraries: ClassVar[dict[str, dict[str, JSONValue]]] = {"sacrebleu": {"char_order": 6, "beta": 2}}

    def __init__(self, *, word_order: WordOrder = 0, lowercase: bool = False) -> None:
        """Choose the longest n-grams of words, and whether upper and lower case are the same.

        Raises:
            InvalidArgumentError: `word_order` is not 0, 1 or 2.
            MissingExtraError: sacrebleu is not installed.
        """
        order = None if isinstance(word_order, bool) else word_order
        one_of("word_order", order, WordOrder)
        super().__init__(word_order=word_order, lowercase=true_or_false("lowercase", lowercase))


class Ter(TranslationMetric):
    """1 minus the translation edit rate of a sentence, at least 0, and `corpus_ter` over a run, on sacrebleu's scale.

    The rate is the number of words to insert, delete, replace or shift, by the number of words that are expected. So
    the value of a case rises with the likeness, as every metric's does and as no answer counts as 0, but `corpus_ter`
    is the rate itself, from 0, in percent. Of several expected texts the nearest counts; in the corpus it is compared
    with their mean length. They are given as for `builtin/bleu`.

    An answer of more words than `_BOUND` divided by the number of expected words, of which 50 count at most, has no
    score: for the usual reference of 20 words that is 1,250 words, and for 50 and more 500.

    Source: Snover et al., "A Study of Translation Edit Rate with Targeted Human Annotation", AMTA 2006, as `sacrebleu`
    computes it.
    """

    component_id = "builtin/ter"
    kind = "TER"
    figure = "corpus_ter"
    _BOUND = 25_000

    def __init__(
        self,
        *,
        normalized: bool = False,
        no_punct: bool = False,
        asian_support: bool = False,
        case_sensitive: bool = False,
    ) -> None:
        """Take the options of sacrebleu's `TER`.

        Raises:
            InvalidArgumentError: one is not a truth value.
            MissingExtraError: sacrebleu is not installed.
        """
        given = {
            "normalized": normalized,
            "no_punct": no_punct,
            "asian_support": asian_support,
            "case_sensitive": case_sensitive,
        }
        super().__init__(**{name: true_or_false(name, value) for name, value in given.items()})

    def compared(self, answer: str, expected: str) -> Likeness:
        """Return 1 minus the edit rate.

        Raises:
            TooLongError: there are too many words: a shift is looked for at each of them.
        """
        words, right = (len(self.scorer.tokenizer(text.rstrip()).split()) for text in (answer, expected))
        if words * min(right, _TER_BEAM) > self._BOUND:
            msg = f"an answer of {words:,} words is too long to be compared with {right:,}"
            raise TooLongError(msg)
        return super().compared(answer, expected)

    def likeness(self, statistics: list[float]) -> Likeness:
        """Return 1 minus the edit rate that follows from the statistics."""
        rate = float(self.scorer._compute_score_from_stats(list(statistics)).score) / _FULL_MARKS  # noqa: SLF001  # see `_counted`
        return Likeness(max(1.0 - rate, 0.0), {_STATISTICS: list(statistics), "edit_rate": rate})
