"""Choices of a question of multiple choice, as a case holds them."""

import json
import string
from collections.abc import Iterator
from contextlib import suppress

from themis.core.base import JSONValue
from themis.core.models import Case

_NAMES = ("choices", "options")
_LETTERS = string.ascii_uppercase


def found_choices(case: Case) -> Iterator[JSONValue]:
    """Yield what a case holds under `choices`, then `options`.

    Its input is looked through first, if that is a mapping, then its metadata. What is found may be a
    list, a mapping by letter, or a count; a text, such as every value of metadata, is read as JSON.
    """
    given = case.input if isinstance(case.input, dict) else {}
    for place in (given, case.metadata):
        for name in _NAMES:
            found = place.get(name)
            if isinstance(found, str):
                text, found = found, None
                with suppress(ValueError, RecursionError):
                    found = json.loads(text)
            yield found


def choices_by_letter(case: Case) -> dict[str, str]:
    """Return the texts of a case's choices by their letters, A to Z; an empty mapping when it lists none."""
    for found in found_choices(case):
        if isinstance(found, list) and found:
            return _texts(zip(_LETTERS, found, strict=False))
        if isinstance(found, dict) and found:
            if all(len(letter) == 1 and letter.upper() in _LETTERS for letter in found):
                return _texts((letter.upper(), text) for letter, text in found.items())
            return _texts(zip(_LETTERS, found.values(), strict=False))
    return {}


def _texts(found: Iterator[tuple[str, JSONValue]]) -> dict[str, str]:
    return {letter: value if isinstance(value, str) else json.dumps(value) for letter, value in found}
