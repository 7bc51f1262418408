"""Kinds of instructions: the id of each, its arguments, and the check of a text.

The ids and definitions are those of Zhou et al., "Instruction-Following Evaluation for Large Language Models" (2023),
and of their program, `instruction_following_eval`, whose every quirk counts: published figures are its figures.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Check = Callable[..., bool]


class WrongArgumentError(ValueError):
    """An argument of an instruction that is missing or has no such value; the text says which."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of instruction.

    Attributes:
        instruction_id: such as `punctuation:no_comma`.
        arguments: the arguments of its check by name, with a word for what each is: a key of `_READERS`.
        check: whether a text follows the instruction, called with the text and the arguments.
    """

    instruction_id: str
    arguments: Mapping[str, str]
    check: Check


def kind(instruction_id: str, **arguments: str) -> Callable[[Check], Kind]:
    """Make a kind of a check, which its docstring describes."""
    return lambda check: Kind(instruction_id, arguments, check)


def arguments_of(found: Kind, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments that a kind takes out of those that a case gives; others, mostly null, are left out.

    Raises:
        WrongArgumentError: one is missing or has no such value.
    """
    return {name: _read(name, word, given.get(name)) for name, word in found.arguments.items()}


def holds(relation: str, count: int, threshold: int) -> bool:
    """Whether a count is in a relation to a threshold."""
    return count < threshold if relation == "less than" else count >= threshold


def _number(value: Any) -> int | None:
    # Datasets without a type for whole numbers give 3.0.
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return int(value) if is_number and value >= 0 and value == int(value) else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value.strip() else None


def _texts(value: Any) -> list[str] | None:
    is_list = isinstance(value, list) and value and all(isinstance(text, str) and text for text in value)
    return value if is_list else None


def _relation(value: Any) -> str | None:
    return value if value in {"less than", "at least"} else None


def _character(value: Any) -> str | None:
    return value if isinstance(value, str) and len(value) == 1 and not value.isspace() else None


_READERS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "number": ("a whole number", _number),
    "text": ("a text", _text),
    "texts": ("a list of texts", _texts),
    "relation": ("'less than' or 'at least'", _relation),
    "character": ("a letter", _character),
}


def _read(name: str, word: str, value: Any) -> Any:
    what, reader = _READERS[word]
    try:
        found = reader(value)
    except (TypeError, ValueError, OverflowError):  # an unhashable relation, an infinite number
        found = None
    if found is None:
        msg = f"{name} must be {what}"
        raise WrongArgumentError(msg)
    return found
