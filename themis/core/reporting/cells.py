"""Values of a score row as texts: in one line, without invisible control characters."""

from themis.core.text.canonical import compact_json
from themis.core.text.lines import visible


def one_line(text: str) -> str:
    """Return a text without line breaks and without characters that move the cursor."""
    return visible(" ".join(text.split()))


def text_cell(value: object) -> str:
    """Return a value for a table for people: nothing for None and for an empty mapping, a mapping as JSON."""
    if isinstance(value, dict | list):
        return compact_json(value) if value else ""
    return "" if value is None else one_line(str(value))
