"""Questions with choices: one object as input, and the letter of the right choice as the expected output.

Where an answer is a list, several choices are right, and the expected output is the list of their letters.
"""

import string
from collections.abc import Sequence
from typing import Any, NoReturn

from themis.core.dataset_config import ANSWER, CHOICES
from themis.core.models import Case
from themis.core.text.canonical import content_hash
from themis.core.values.dataset_selection import AnswerAs

ORDER = "choice_order"
"""The label of a case with shuffled choices: for each, in their order now, its number (from 0) in the order before."""

_LETTERS = string.ascii_uppercase


def with_choices(found: dict[str, Any], answer_as: AnswerAs) -> dict[str, Any]:
    """Return the fields of a case in whose input the question stands beside its choices.

    Raises:
        ValueError: the choices are not texts and numbers, in a list or by their letters, or too many; or the answer is
            none of them, may be more than one, or is an empty list.
    """
    choices = _texts(found.pop(CHOICES))
    found["input"] = {"question": found["input"], CHOICES: choices}
    answer = found.pop(ANSWER, None)
    if answer is not None:
        found["expected_output"] = _letters_of(answer, choices, answer_as)
    return found


def with_shuffled_choices(case: Case, seed: int) -> Case:
    """Return a case with its choices in an order that depends on the seed and its id alone.

    The order is kept as the label `choice_order`. A case without choices is returned as it is.
    """
    question = case.input
    choices = question.get(CHOICES) if isinstance(question, dict) else None
    if not isinstance(question, dict) or not isinstance(choices, list):
        return case
    # By hashes, as they are the same in every version of Python.
    order = sorted(range(len(choices)), key=lambda number: content_hash([seed, case.case_id, number]))
    moved = {_LETTERS[before]: _LETTERS[now] for now, before in enumerate(order)}
    gold = case.expected_output
    if isinstance(gold, str):
        gold = moved.get(gold, gold)
    elif isinstance(gold, list):
        letters = [moved[one] for one in gold if isinstance(one, str) and one in moved]
        if len(letters) == len(gold):
            gold = [*sorted(letters)]
    return case.model_copy(
        update={
            "input": {**question, CHOICES: [choices[number] for number in order]},
            "expected_output": gold,
            "metadata": {**case.metadata, ORDER: ",".join(map(str, order))},
        }
    )


def _texts(choices: object) -> list[str]:
    if isinstance(choices, dict):  # by their letters
        choices = [choices[letter] for letter in sorted(choices)]
    if not isinstance(choices, list):
        _refuse("the choices must be a list")
    # A question of a set with up to ten choices may have fewer: empty cells at the end are none.
    while choices and choices[-1] is None:
        choices = choices[:-1]
    if not all(type(choice) in {str, int, float} for choice in choices):
        _refuse("a choice must be a text or a number")
    texts = [str(choice) for choice in choices]
    if not 1 <= len(texts) <= len(_LETTERS):
        _refuse(f"there must be 1 to {len(_LETTERS)} choices, not {len(texts)}")
    return texts


def _letters_of(answer: object, choices: Sequence[str], answer_as: AnswerAs) -> str | list[str]:
    """Return the letter of the right choice; of an answer that is a list, those of all right ones, in order."""
    if not isinstance(answer, list):
        return _LETTERS[_number(answer, choices, answer_as)]
    if not answer:
        _refuse("the answer is an empty list: one choice at least must be right")
    return [_LETTERS[number] for number in sorted({_number(one, choices, answer_as) for one in answer})]


def _number(answer: object, choices: Sequence[str], answer_as: AnswerAs) -> int:
    text = str(answer)
    readings: dict[str, set[int]] = {
        "index": {int(text)} if text.isascii() and text.isdecimal() and len(text) < len("999") else set(),
        "letter": {_LETTERS.index(text)} if len(text) == 1 and text in _LETTERS else set(),
        "text": {number for number, choice in enumerate(choices) if choice == text},
    }
    fitting = {
        kind: found
        for kind, numbers in readings.items()
        if answer_as in ("auto", kind) and (found := {number for number in numbers if number < len(choices)})
    }
    if not fitting:
        kind = "a choice" if answer_as == "auto" else f"the {answer_as} of a choice"
        _refuse(f"the answer {text[:80]!r} is not {kind}")
    meant = set().union(*fitting.values())
    if len(meant) > 1:
        _refuse_ambiguous(text, fitting)
    return meant.pop()


def _refuse_ambiguous(text: str, fitting: dict[str, set[int]]) -> NoReturn:
    if len(fitting) == 1:
        _refuse(f"the answer {text[:80]!r} is the text of more than one choice")
    kinds, example = " or the ".join(fitting), "`choices: {answer_as: index}`"
    _refuse(f"the answer {text[:80]!r} may be the {kinds} of a choice: say which, as in {example}")


def _refuse(reason: str) -> NoReturn:
    raise ValueError(reason)
