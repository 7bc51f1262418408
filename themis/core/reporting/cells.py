"""Values of a score row as texts: in one line, without invisible control characters."""

from themis.core.read_models import BenchmarkScoreRow
from themis.core.text.canonical import compact_json
from themis.core.text.lines import visible

COLUMNS: tuple[str, ...] = tuple(BenchmarkScoreRow.model_fields)
"""Columns of the CSV and of the LaTeX table of scores: the fields of a row."""

_FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")


def one_line(text: str) -> str:
    """Return a text without line breaks and without characters that move the cursor."""
    return visible(" ".join(text.split()))


def csv_cell(value: object) -> object:
    """Return a value for a CSV: numbers stay numbers, and a formula of a spreadsheet gets an apostrophe in front."""
    if isinstance(value, dict | list):
        return compact_json(value) if value else ""  # ASCII
    if isinstance(value, str):
        value = visible(value)
    if isinstance(value, str) and value.startswith(_FORMULA_SIGNS) and not _is_number(value):
        return f"'{value}"
    return value


def text_cell(value: object) -> str:
    """Return a value for a table for people: nothing for None and for an empty mapping, a mapping as JSON."""
    if isinstance(value, dict | list):
        return compact_json(value) if value else ""
    return "" if value is None else one_line(str(value))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return text == text.strip()
