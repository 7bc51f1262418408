"""Metric for multiple choice."""

import re

from themis.core.base import JSONValue
from themis.core.builtins.answers.case_choices import choices_by_letter
from themis.core.builtins.component import BuiltinMetric, is_blank, kind_of
from themis.core.contexts import ScoreContext
from themis.core.models import Case, ParsedOutput, Score, ScoreError

_LETTER = re.compile(r"\s*\(?\s*([A-Za-z])\s*\)?\s*\.?\s*")
_LONGEST_LETTER = 16
_LABELLED = re.compile(r"\(?([a-z])[).:]\)? ?(.*)", re.DOTALL)
_NEITHER = "neither a letter nor the text of a choice; builtin/choice_letter finds the letter in a longer text"


class ChoiceAccuracy(BuiltinMetric):
    """1 when the parsed choice is the expected one, else 0.

    A choice is a letter from A to Z; upper and lower case, `(b)` and `b.` are the same. Where the case lists its
    choices (`choices` or `options`, of its input or its metadata), a choice is also the whole text of one of them, with
    or without its letter before it; case and space do not count. An answer that is neither is then wrong.

    The expected output is such a choice, or `{choice: <choice>}`.
    """

    component_id = "builtin/choice_accuracy"
    version = "2"

    def score(self, parsed: ParsedOutput, case: Case, ctx: ScoreContext) -> Score | ScoreError:  # noqa: ARG002  # protocol
        """Return 1 or 0; no score if the expected output is not a choice, or the answer is none and none are listed."""
        expected = case.expected_output
        if isinstance(expected, dict):
            expected = expected.get("choice")
        listed = {letter: _plain(text) for letter, text in choices_by_letter(case).items()}
        right = _chosen(expected, listed)
        if not right:
            or_text = ", the text of a choice" if listed else ""
            return self.unscored(f"expected_output must be a letter{or_text} or {{choice: <letter>}}")
        if listed and not right & listed.keys():
            return self.unscored(f"expected_output is {min(right)}, and the case has {len(listed)} choices")
        if is_blank(parsed.value):
            return self.scored(0.0)
        chosen = _chosen(parsed.value, listed)
        if chosen or (listed and isinstance(parsed.value, str | int | float)):
            score = self.scored(float(bool(chosen & right)))
            return score.model_copy(update={"details": {} if chosen else {"reason": _NEITHER}})
        what = "a longer text" if isinstance(parsed.value, str) else kind_of(parsed.value)
        return self.unscored(f"the parsed value must be a letter, not {what}; builtin/choice_letter finds it")


def _chosen(value: JSONValue, listed: dict[str, str]) -> set[str]:
    """Return the letter of a choice; several when choices have the same text, and none when it is not a choice."""
    letter = letter_in(value)
    if letter is not None:
        return {letter}
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return set()
    text = _plain(str(value))
    found = {letter for letter, choice in listed.items() if choice == text}
    labelled = _LABELLED.fullmatch(text)
    if not found and labelled and listed.get(labelled[1].upper()) == labelled[2]:
        return {labelled[1].upper()}
    return found


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()


def letter_in(value: JSONValue) -> str | None:
    """Return the letter that a value is, in upper case; None when it is none."""
    if not isinstance(value, str) or len(value) > _LONGEST_LETTER:
        return None
    found = _LETTER.fullmatch(value)
    return found[1].upper() if found else None
