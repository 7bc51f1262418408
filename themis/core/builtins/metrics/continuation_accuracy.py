"""Metrics of multiple choice by log-likelihoods: whether the right choice is the likeliest continuation."""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from themis.core.base import JSONValue
from themis.core.builtins.component import BuiltinMetric
from themis.core.builtins.metrics.choice_accuracy import letter_in
from themis.core.contexts import ScoreContext
from themis.core.models import Case, ContinuationScore, ParsedOutput, Score, ScoreError

NO_CONTINUATIONS = "there are no log-likelihoods: the run needs generation.task: continuations"

LengthUnit = Literal["byte", "character"]


class Acc(BuiltinMetric):
    """1 when the right choice has the highest log-likelihood, else 0; of equal ones the first counts.

    The expected output is the letter of the right choice, or `{choice: <letter>}`.
    """

    component_id: ClassVar[str] = "builtin/acc"

    def score(self, parsed: ParsedOutput, case: Case, ctx: ScoreContext) -> Score | ScoreError:  # noqa: ARG002  # protocol
        """Return 1 or 0; no score without log-likelihoods, or without the letter of one of the choices."""
        found = parsed.continuations
        if not found:
            return self.unscored(NO_CONTINUATIONS)
        gold = gold_of(case, len(found))
        if isinstance(gold, str):
            return self.unscored(gold)
        values = self.compared(found)
        chosen = max(range(len(values)), key=values.__getitem__)
        score = self.scored(float(chosen == gold))
        return score.model_copy(update={"details": {"choice": chosen, "right": gold}})

    def compared(self, found: Sequence[ContinuationScore]) -> list[float]:
        """Return the number of each choice by which they are compared."""
        return [choice.log_likelihood for choice in found]


class AccNorm(Acc):
    """The same by the log-likelihood per byte of the choice, so that a long choice is not at a disadvantage.

    The length is that of the continuation without the white space at its beginning. Source: Gao, "Multiple Choice
    Normalization in LM Evaluation" (2021), byte-length normalization; the program lm-evaluation-harness itself divides
    by characters, as `per: character` does, which is the same for ASCII.
    """

    component_id: ClassVar[str] = "builtin/acc_norm"

    def __init__(self, per: LengthUnit = "byte") -> None:
        """Divide by the number of bytes in UTF-8, or of characters.

        Raises:
            ValueError: `per` is neither `byte` nor `character`.
        """
        if per not in {"byte", "character"}:
            msg = f"per must be byte or character, not {per!r}"
            raise ValueError(msg)
        self._per = per

    @property
    def arguments(self) -> dict[str, JSONValue]:
        """The unit of length."""
        return {"per": self._per}

    def compared(self, found: Sequence[ContinuationScore]) -> list[float]:
        """Return the log-likelihood of each choice by its length."""
        texts = [choice.text.lstrip() or choice.text for choice in found]
        lengths = [len(text.encode() if self._per == "byte" else text) for text in texts]
        return [choice.log_likelihood / length for choice, length in zip(found, lengths, strict=True)]


def gold_of(case: Case, choices: int) -> int | str:
    """Return the number of the right choice, from 0; else a message about its fault."""
    expected: Any = case.expected_output
    if isinstance(expected, dict):
        expected = expected.get("choice")
    letter = letter_in(expected)
    if letter is None:
        return "expected_output must be the letter of a choice, or {choice: <letter>}"
    number = ord(letter) - ord("A")
    return number if number < choices else f"expected_output is {letter}, and the case has {choices} choices"
