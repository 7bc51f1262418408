"""Wrong values of a model: what was expected and what was found, in place of pydantic's own words."""

from typing import TYPE_CHECKING, Any

from themis.core.text.lines import one_line
from themis.core.text.masking import mask

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_SHOWN_CHARACTERS = 60

_EXPECTED = {
    "greater_than": "greater than {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "less than {lt}",
    "less_than_equal": "at most {le}",
    "multiple_of": "a multiple of {multiple_of}",
    "finite_number": "a finite number",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_parsing_size": "a whole number with fewer digits",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "string_type": "a text",
    "list_type": "a list",
    "dict_type": "a mapping of keys to values",
    "mapping_type": "a mapping of keys to values",
    "model_type": "a mapping of keys to values",
    "model_attributes_type": "a mapping of keys to values",
    "literal_error": "{expected}",
    "enum": "{expected}",
}
"""By pydantic's name of the problem, with the names of its facts."""

_OF_MAPPINGS = frozenset({"dict_type", "mapping_type", "model_type", "model_attributes_type"})


def expectation(problem: "ErrorDetails") -> str | None:
    """Return `must be …, not …`, with what to write where that is sure; None for a problem with words of its own."""
    kind, found = problem["type"], problem.get("input")
    if kind not in _EXPECTED:
        return None
    expected = _EXPECTED[kind].format_map(problem.get("ctx") or {})
    # A text in place of a mapping may be a header with its secret.
    shown = "a text" if kind in _OF_MAPPINGS and isinstance(found, str) else _shown(found)
    return f"must be {expected}, not {shown}{_mend(kind, found)}"


def _mend(kind: str, found: Any) -> str:
    if kind == "list_type" and isinstance(found, int | float) and not isinstance(found, bool):
        return f"; write [{_shown(found)}]"
    if kind == "list_type" and isinstance(found, str) and 0 < len(found) <= _SHOWN_CHARACTERS:
        return f"; write [{mask(one_line(found))}]"
    if kind == "string_type" and isinstance(found, int | float):
        return f"; write it in quotes: {_shown(str(found).lower() if isinstance(found, bool) else str(found))}"
    return ""


def _shown(found: Any) -> str:
    """Return a value as its file has it, if it is short."""
    if found is None:
        return "null"
    if isinstance(found, bool):
        return str(found).lower()
    if isinstance(found, int | float):
        return str(found)[:_SHOWN_CHARACTERS]
    if isinstance(found, str):
        text = one_line(mask(found))
        return repr(text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…")
    if isinstance(found, list | tuple):
        return "a list"
    return "a mapping" if isinstance(found, dict) else f"a {type(found).__name__}"
