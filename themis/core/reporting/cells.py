"""Values of a score row as texts: in one line, with nothing in them that would do something unseen."""

from themis.core.read_models import BenchmarkScoreRow
from themis.core.text.canonical import compact_json
from themis.core.text.lines import visible

COLUMNS: tuple[str, ...] = tuple(BenchmarkScoreRow.model_fields)
"""The columns of the CSV and of the LaTeX table of scores, which are the fields of a row."""

_FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")


def one_line(text: str) -> str:
    """A text without line breaks and without what would move a cursor."""
    return visible(" ".join(text.split()))


def csv_cell(value: object) -> object:
    """A value for a CSV: numbers stay numbers, and what a spreadsheet would compute gets an apostrophe in front."""
    if isinstance(value, dict | list):
        return compact_json(value) if value else ""  # ASCII
    if isinstance(value, str):
        value = visible(value)
    if isinstance(value, str) and value.startswith(_FORMULA_SIGNS) and not _is_number(value):
        return f"'{value}"
    return value


def text_cell(value: object) -> str:
    """A value for a table that is read: nothing for None and for an empty mapping, a mapping as JSON."""
    if isinstance(value, dict | list):
        return compact_json(value) if value else ""
    return "" if value is None else one_line(str(value))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return text == text.strip()
