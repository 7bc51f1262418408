"""Values that a metric compares: those in an answer, and the right ones in an expected output."""

from themis.core.base import JSONValue
from themis.core.builtins.component import kind_of


def texts_in(value: JSONValue, what: str) -> list[str] | str:
    """Return the texts in a value: a text, a list of texts, `{answer: …}` or `{answers: …}` with one of both.

    Returns:
        The texts, at least one; else a message about the value's fault, which calls it `what`.
    """
    value = inner_value(value)
    if isinstance(value, str):
        return [value]
    if isinstance(value, list) and value:
        wrong = next((item for item in value if not isinstance(item, str)), None)
        texts = [item for item in value if isinstance(item, str)]
        if len(texts) == len(value):
            return texts
        return f"{what} must be a list of texts, but holds {kind_of(wrong)}"
    return f"{what} must be a text, not {'an empty list' if value == [] else kind_of(value)}"


def inner_value(value: JSONValue) -> JSONValue:
    """Return what an object holds under `answers`, else under `answer`; any other value as it is."""
    if not isinstance(value, dict):
        return value
    inner = next((value[key] for key in ("answers", "answer") if key in value), None)
    return value if inner is None or isinstance(inner, dict) else inner
