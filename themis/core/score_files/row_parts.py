"""Parts of a row in a file about cases: ids, indexes and numbers, as JSON or the cells of a table hold them."""

import math
from collections.abc import Mapping
from typing import Any, NoReturn

from themis.core.errors import ScoreFileError
from themis.core.judging.scales import shortened
from themis.core.values.record_paths import finder

_FLAGS = {"true": 1.0, "false": 0.0}
_MOST_DIGITS = 9
_KEYS_SHOWN = 6


def value_at(row: Mapping[str, Any], path: str) -> Any:
    """Return the value at a path; None when there is none."""
    try:
        return finder(path, path)(row)
    except ValueError:
        return None


def finite_number(value: Any) -> float | None:
    """Return a number, a truth value, or the text of one as a cell of a table holds it; None for anything else."""
    if isinstance(value, str):
        flag = _FLAGS.get(value.strip().lower())
        if flag is not None or "_" in value:  # which Python would read past
            return flag
    elif not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def id_at(where: str, path: str, row: Mapping[str, Any]) -> str | None:
    """Return the id at a path; a whole number becomes its text, as in a dataset. None when there is none.

    Raises:
        ScoreFileError: it is not an id.
    """
    value = value_at(row, path)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if value is not None and not isinstance(value, str):
        refuse(where, f"{path!r} must be a text, not {shortened(value)!r}")
    return value or None


def index_at(where: str, path: str, row: Mapping[str, Any]) -> int | None:
    """Return the index at a path; None when there is none.

    Raises:
        ScoreFileError: it is not a whole number from 0.
    """
    value = value_at(row, path)
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= _MOST_DIGITS:
        value = int(value)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 0):
        refuse(where, f"{path!r} must be a candidate's index, from 0, not {shortened(value)!r}")
    return value


def lacks(key: str, row: Mapping[str, Any]) -> str:
    """Return the words for a row without a value under a key, with the keys that it has if that is not among them."""
    has = "" if key in row else f"; it has {', '.join(map(repr, list(row)[:_KEYS_SHOWN])) or 'nothing'}"
    return f"has no {key!r}{has}"


def refuse(where: str, detail: str) -> NoReturn:
    """Refuse a row.

    Raises:
        ScoreFileError: always.
    """
    raise ScoreFileError(where=where, detail=detail)
